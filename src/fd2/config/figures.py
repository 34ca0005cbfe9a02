"""Which figures are drawn by default, and what a figure may name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fd2.config import plugins
from fd2.config.checks import check_teacher_variant
from fd2.config.names import FULL_DATA, SetName
from fd2.config.resolve import Configuration
from fd2.config.rows import (
    ComplexityRow,
    ContinualRow,
    DetectionRow,
    DiagnosticRow,
    StudentRow,
    TeacherRow,
)
from fd2.errors import FD2Error, require_known


def tabled_datasets(settings: Configuration) -> set[str]:
    """Datasets of the tables' students and teachers, and of what networks see.

    Raises:
        FD2Error: for a faulty sheet.
    """
    kinds = (StudentRow, TeacherRow, DiagnosticRow, ComplexityRow, ContinualRow, DetectionRow)
    sheets = [settings.sheet(table) for table in settings.values["tables"]]
    return {row.dataset for sheet in sheets for row in sheet.rows if isinstance(row, kinds)}


def drawn_figures(settings: Configuration) -> list[str]:
    """Figures of `tabled_datasets`, in the config's order.

    Config files are laid over config.yaml with its figures of the paper. One that fills tables of
    other data must not fetch the paper's for a picture. A figure that is left out is still a
    target.

    Raises:
        FD2Error: for a faulty sheet.
    """
    datasets = tabled_datasets(settings)
    figures = settings.values["figures"]
    return [name for name, figure in figures.items() if figure["dataset"] in datasets]


def check_figure(
    settings: Configuration, name: str, classes: Sequence[str] | None, manifest: Path
) -> None:
    """Refuse a figure that cannot be drawn, by the keys that kinds of figures share.

    Classes are known once the data are prepared; before that only the draw job can refuse one.

    Args:
        settings: the config.
        name: in ``figures``.
        classes: of the prepared data; None before they are prepared.
        manifest: the file that names them, for the error.

    Raises:
        FD2Error: for an unknown method, variant or class, a variant that does not change the
            teacher where one must, or more images per class than are distilled.
    """
    spec = settings.values["figures"][name]
    where = settings.where("figures", name)
    for row in spec.get("rows", ()):
        require_known("method", row["method"], [FULL_DATA, *plugins.names("methods")], where)
        require_known("variant", row["variant"], ["base", *settings.variants()], where)
        if "ipc" in spec and row["method"] != FULL_DATA:
            settings.check_ipc(SetName(spec["dataset"], **row), spec["ipc"], where)
    for variant in spec.get("teacher_variants", ()):
        check_teacher_variant(settings, variant, where)
    if classes is not None:
        _check_classes(spec, classes, where, manifest)


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
