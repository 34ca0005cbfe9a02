"""What a figure may name, checked when a run is planned."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fd2.config import plugins
from fd2.config.cells import FULL_DATA
from fd2.config.resolve import Configuration
from fd2.errors import FD2Error, require_known, suggest


def check_figure_names(settings: Configuration) -> None:
    """Refuse a figure with the name of a table: both are targets by their names.

    Raises:
        FD2Error: for the first such name.
    """
    for name in settings.values["figures"]:
        if name in settings.values["tables"]:
            raise FD2Error(
                f"'{name}' is the name of a table and of a figure",
                f"settings 'tables' and 'figures' in {settings.source}",
                "rename one: each is a target by its name",
            )


def check_figure(settings: Configuration, name: str, results: Path) -> None:
    """Refuse a figure that cannot be drawn, by the keys that kinds of figures share.

    Classes are known once the data are prepared; before that only the draw job can refuse one.

    Args:
        settings: the config.
        name: in ``figures``.
        results: the results folder.

    Raises:
        FD2Error: for an unknown method, variant or class, a variant that does not change the
            teacher where one must, or more images per class than are distilled.
    """
    spec = settings.values["figures"][name]
    where = f"setting 'figures.{name}' in {settings.source}"
    for row in spec.get("rows", ()):
        require_known("method", row["method"], [FULL_DATA, *plugins.names("methods")], where)
        require_known("variant", row["variant"], ["base", *settings.variants()], where)
        if "ipc" in spec and row["method"] != FULL_DATA:
            names = (spec["dataset"], row["method"], row["fd2"], row["variant"])
            settings.check_ipc(*names, spec["ipc"], where)
    for variant in spec.get("teacher_variants", ()):
        _check_teacher_variant(settings, variant, where)
    manifest = results / "data" / spec["dataset"] / "manifest.json"
    if manifest.is_file():
        _check_classes(spec, _classes(manifest), where, manifest)


def _check_teacher_variant(settings: Configuration, variant: str, where: str) -> None:
    allowed = ["base", *settings.teacher_variants()]
    require_known("variant", variant, ["base", *settings.variants()], where)
    if variant not in allowed:
        raise FD2Error(
            f"variant '{variant}' does not change the teacher",
            where,
            f"name one with a section 'pretrain'; {suggest(variant, allowed)}",
        )


def _classes(manifest: Path) -> list[str]:
    try:
        return [str(name) for name in json.loads(manifest.read_text(encoding="utf-8"))["classes"]]
    except (ValueError, KeyError, TypeError) as error:
        raise FD2Error(
            f"not a manifest: {error}", str(manifest), "prepare the dataset again"
        ) from error


def _check_classes(
    spec: Mapping[str, Any], classes: Sequence[str], where: str, manifest: Path
) -> None:
    chosen = spec.get("classes")
    names = chosen if isinstance(chosen, list) else []
    for name in [spec["class"], *names] if "class" in spec else names:
        require_known("class", name, classes, f"{where}; classes of {manifest}")
    if isinstance(chosen, Mapping):
        last = chosen["first"] + (chosen["count"] - 1) * chosen["step"]
        if last >= len(classes):
            raise FD2Error(
                f"class id {last} with {len(classes)} classes",
                f"{where}; classes of {manifest}",
                f"ids go from 0 to {len(classes) - 1}: lower first, count or step",
            )
