"""Stage: draw one figure and write its caption."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fd2.config import plugins
from fd2.figures._rows import labels
from fd2.report.escapes import markdown


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]], stem: Path) -> None:
    """Write ``stem.png``, ``stem.pdf``, the numbers behind them, and the caption ``stem.md``.

    Args:
        spec: a figure of the config: its ``kind`` names a file of ``figures``, the rest fits that
            file's ``SETTINGS_SCHEMA``.
        files: by the roles of the plug-in's ``inputs``, and as ``records`` the JSON files beside
            them.
        stem: output path without suffix; its last part is the figure's name.

    Raises:
        FD2Error: for an unknown kind, or what the plug-in refuses.
    """
    from fd2.artifacts.files import write_text
    from fd2.figures._drawing import finish

    plugin = plugins.load("figures", spec["kind"], "setting 'figures'")
    caption = figure_caption(stem.name, spec, files.get("records", []))
    figure, numbers = plugin.draw(spec, files)
    finish(figure, numbers, stem)
    write_text(stem.with_name(f"{stem.name}.md"), caption)


def figure_caption(name: str, spec: Mapping[str, Any], records: Sequence[Path]) -> str:
    """What a figure was drawn from, in Markdown: data, settings, hardware, commits.

    Raises:
        FD2Error: if a record is missing or damaged.
    """
    from fd2.artifacts.records import read_record

    behind = [read_record(path) for path in records]
    manifests = _listed(record.manifest[:10] for record in behind)
    facts = {"Data": f"{spec['dataset']} (manifest {manifests})"}
    if "ipc" in spec:
        facts["Images per class"] = spec["ipc"]
    if "rows" in spec:
        facts["Rows"] = ", ".join(labels(spec))
    facts |= {
        key.capitalize(): spec[key]
        for key in ("class", "student", "teacher", "backbone")
        if key in spec
    }
    facts["Hardware"] = _listed(record.run.device_name for record in behind)
    facts["Commits"] = _listed(record.run.source() for record in behind)
    told = " ".join(f"{key}: {markdown(value)}." for key, value in facts.items())
    return f"Figure {markdown(name)}. {told}\n"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(words)))
