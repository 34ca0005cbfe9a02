"""The page that tells a newcomer what was run, what came out, and how to run it again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fd2.artifacts.records import read_records
from fd2.report.commands import Invocation
from fd2.report.costs import circumstances, costs
from fd2.report.parts import dataset_parts, figure_part, table_part
from fd2.report.texts import from_caption

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
        FD2Error: for a damaged record or manifest.
    """
    environment = Environment(
        loader=FileSystemLoader(sources.texts / "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(duration=duration, mebibytes=mebibytes)
    return environment.get_template("page.html").render(**_content(sources))


def _content(sources: PageSources) -> dict[str, Any]:
    records = list(read_records(sources.results))
    by_path = {record.path: record for record in records}
    caption = (sources.texts / "figure.rst").read_text(encoding="utf-8")
    introduction = (sources.texts / "workflow.rst").read_text(encoding="utf-8")
    return {
        "introduction": from_caption(introduction, sources.settings),
        "tables": [
            table_part(name, path, sources.numbers.get(name, ()), by_path, sources.invocation)
            for name, path in sources.tables.items()
        ],
        "figures": [
            figure_part(name, path, sources.settings, caption, sources.invocation)
            for name, path in sources.figures.items()
        ],
        "datasets": dataset_parts(sources.results),
        "costs": costs(records, sources.results, sources.benchmarks).to_dict("records"),
        "started": min((record.run.started for record in records), default=None),
        "finished": max((record.run.finished for record in records), default=None),
        "circumstances": circumstances(records),
        "settings": yaml.safe_dump(_plain(sources.settings), sort_keys=False, allow_unicode=True),
        "protocol": sources.settings["protocol"],
        "config_files": sources.invocation.config_files,
        "seeds": sources.settings["seeds"],
        "rerun_all": sources.invocation.make(),
        "rerun_partial": sources.invocation.make("partial"),
        "rerun_cell": sources.invocation.again(
            sources.results / "students/DATASET/METHOD/FD2/VARIANT/ipcN/STUDENT/seedS.json"
        ),
    }


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


def _plain(value: Any) -> Any:
    """Mappings and lists of the kinds that YAML knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(child) for key, child in value.items()}
    return [_plain(child) for child in value] if isinstance(value, list | tuple) else value
