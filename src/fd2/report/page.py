"""The page that tells a newcomer what was run, what came out, and how to run it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fd2.artifacts.manifests import MANIFEST, Manifest, read_manifest
from fd2.artifacts.records import read_records
from fd2.config.datasets import TEST_IMAGES
from fd2.report.commands import Invocation
from fd2.report.costs import circumstances, costs
from fd2.report.dataset_results import DatasetResults, dataset_results
from fd2.report.numbers import duration, mebibytes, number, signed
from fd2.report.pictures import figure_uri
from fd2.report.texts import from_caption, from_markdown


@dataclass(frozen=True)
class PageSources:
    """What a page is made of.

    Attributes:
        results: the results folder, as the user would name it in a target.
        benchmarks: the folder of Snakemake's benchmark files.
        tables: Markdown file of each table, in the order shown; files may be missing.
        numbers: the files that fill each table, by its name.
        figures: png file of each figure, in the order shown; files may be missing.
        settings: the config with the preset's values.
        invocation: how the workflow was called.
        texts: the folder of captions, with the page's template in ``page/``.
    """

    results: Path
    benchmarks: Path
    tables: Mapping[str, Path]
    numbers: Mapping[str, Sequence[Path]]
    figures: Mapping[str, Path]
    settings: Mapping[str, Any]
    invocation: Invocation
    texts: Path


def results(sources: PageSources) -> list[DatasetResults]:
    """What comes first on the page: the tables of the default target, dataset by dataset.

    Raises:
        FD2Error: for a damaged record, manifest or set, or such that do not belong together.
    """
    asked = [name for name in sources.tables if name in sources.settings["tables"]]
    return dataset_results(
        [sources.tables[name].with_suffix(".csv") for name in asked],
        {one.dataset: one for one in _manifests(sources.results)},
        list(read_records(sources.results)),
        sources.results,
        sources.settings["seeds"],
    )


def page(sources: PageSources, found: Sequence[DatasetResults]) -> str:
    """One HTML file that loads nothing; equal files and settings give equal bytes.

    ``found`` is what `results` found.

    Raises:
        FD2Error: for a damaged record, benchmark or manifest.
    """
    environment = Environment(
        loader=FileSystemLoader(sources.texts / "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        {"duration": duration, "mebibytes": mebibytes, "number": number, "signed": signed}
    )
    environment.filters.update({"table": from_markdown, "uri": figure_uri})
    caption = (sources.texts / "figure.rst").read_text(encoding="utf-8")
    records = list(read_records(sources.results))
    return environment.get_template("page.html").render(
        sources=sources,
        invocation=sources.invocation,
        results=found,
        captions={name: from_caption(caption, sources.settings, name) for name in sources.figures},
        datasets=[_facts(manifest) for manifest in _manifests(sources.results)],
        records={record.path: record for record in records},
        costs=costs(records, sources.results, sources.benchmarks).to_dict("records"),
        circumstances=circumstances(records),
        settings=yaml.safe_dump(_plain(sources.settings), sort_keys=False, allow_unicode=True),
    )


def _manifests(results: Path) -> list[Manifest]:
    return [read_manifest(path) for path in sorted(results.glob(f"data/*/{MANIFEST}"))]


def _facts(manifest: Manifest) -> dict[str, Any]:
    """What the page shows of a manifest."""
    images = {split: len(files) for split, files in manifest.files.items()}
    tested = "test" if manifest.tested_on == TEST_IMAGES else "held out"
    return {
        "dataset": manifest.dataset,
        "classes": manifest.classes,
        "resolution": manifest.resolution,
        "grey": manifest.channels == 1,
        "digest": manifest.digest(),
        "images": {"train": images["train"], tested: images["test"]},
        "licence": manifest.source.get("licence"),
        "remarks": manifest.remarks,
    }


def _plain(value: Any) -> Any:
    """Mappings and lists of the kinds that YAML knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(child) for key, child in value.items()}
    return [_plain(child) for child in value] if isinstance(value, list | tuple) else value
