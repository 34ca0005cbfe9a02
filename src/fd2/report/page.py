"""The page that tells a newcomer what was run, what came out, and how to run it again."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fd2.artifacts.manifests import MANIFEST, read_manifest
from fd2.artifacts.records import read_records
from fd2.config.datasets import TEST_IMAGES
from fd2.report.commands import Invocation
from fd2.report.costs import circumstances, costs
from fd2.report.texts import from_caption, from_markdown

UNKNOWN = "–"


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


def page(sources: PageSources) -> str:
    """One HTML file that loads nothing; equal files and settings give equal bytes.

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
        {"duration": duration, "mebibytes": mebibytes, "table": from_markdown, "uri": _uri}
    )
    introduction = (sources.texts / "workflow.rst").read_text(encoding="utf-8")
    caption = (sources.texts / "figure.rst").read_text(encoding="utf-8")
    records = list(read_records(sources.results))
    return environment.get_template("page.html").render(
        sources=sources,
        invocation=sources.invocation,
        introduction=from_caption(introduction, sources.settings),
        captions={name: from_caption(caption, sources.settings, name) for name in sources.figures},
        datasets=_datasets(sources.results),
        records={record.path: record for record in records},
        costs=costs(records, sources.results, sources.benchmarks).to_dict("records"),
        circumstances=circumstances(records),
        settings=yaml.safe_dump(_plain(sources.settings), sort_keys=False, allow_unicode=True),
    )


def duration(seconds: float) -> str:
    """``12.3 s``, ``4 min 05 s`` or ``3 h 07 min``; a dash for NaN."""
    if math.isnan(seconds):
        return UNKNOWN
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def mebibytes(value: float) -> str:
    """``793 MiB``; a dash for NaN."""
    return UNKNOWN if math.isnan(value) else f"{value:.0f} MiB"


def _uri(picture: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode("ascii")


def _datasets(results: Path) -> list[dict[str, Any]]:
    """What the page shows of each manifest, by the dataset's name."""
    datasets = []
    for path in sorted(results.glob(f"data/*/{MANIFEST}")):
        manifest = read_manifest(path)
        images = {split: len(files) for split, files in manifest.files.items()}
        tested = "test" if manifest.tested_on == TEST_IMAGES else "held out"
        datasets.append(
            {
                "dataset": manifest.dataset,
                "classes": manifest.classes,
                "resolution": manifest.resolution,
                "grey": manifest.channels == 1,
                "digest": manifest.digest(),
                "images": {"train": images["train"], tested: images["test"]},
                "licence": manifest.source.get("licence"),
                "remarks": manifest.remarks,
            }
        )
    return datasets


def _plain(value: Any) -> Any:
    """Mappings and lists of the kinds that YAML knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(child) for key, child in value.items()}
    return [_plain(child) for child in value] if isinstance(value, list | tuple) else value
