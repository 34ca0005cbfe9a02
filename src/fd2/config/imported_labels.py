"""Imported sets that bring the soft labels of all epochs with them, so that no teacher labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fd2.config.label_storage import LabelStorage
from fd2.config.names import OfSet, SetName
from fd2.config.resolve import Configuration
from fd2.errors import FD2Error


@dataclass(frozen=True)
class ImportedLabelSettings(OfSet):
    """Soft labels of others: ``epochs`` and ``storage`` as in section ``relabel``."""

    preset: str
    images_per_class: int
    epochs: int
    storage: LabelStorage | None
    method_settings: Mapping[str, Any]

    @property
    def stored_epochs(self) -> int:
        """Epochs that are read."""
        own = None if self.storage is None else self.storage.stored_epochs
        return self.epochs if own is None else own


def brings_labels(settings: Configuration, name: SetName, ipc: int | None = None) -> bool:
    """Whether a set's own soft labels are named."""
    imports = name.method in settings.methods("import")
    return imports and settings.method_settings(name, ipc).get("soft_labels") is not None


def labelled_variants(settings: Configuration) -> list[str]:
    """Variants whose imported sets bring labels, of any dataset."""
    return [
        variant
        for variant in settings.variants_at("relabel")
        if any(
            brings_labels(settings, SetName(dataset, method, "plain", variant))
            for dataset in settings.values["datasets"]
            for method in settings.methods("import")
        )
    ]


def require_labels_of(settings: Configuration, name: SetName, ipc: int, *, brought: bool) -> None:
    """Refuse labels by another rule than the variant's.

    Args:
        settings: the config.
        name: of the set.
        ipc: images per class.
        brought: whether the rule takes labels that the set brings.

    Raises:
        FD2Error: where a variant brings labels of some sets or sizes, and not of this one.
    """
    if brings_labels(settings, name, ipc) != brought:
        where = settings.where_of("distill", {**asdict(name), "ipc": ipc}, "methods")
        raise FD2Error(
            f"variant '{name.variant}' brings soft labels of some datasets or sizes alone",
            where,
            "set 'distill.methods.imported.soft_labels' in the variant itself; it may hold {ipc}",
        )


def imported_label_settings(settings: Configuration, name: SetName, ipc: int) -> dict[str, Any]:
    """Settings of the labels that a set brings."""
    stored = settings.relabel(name, ipc)
    return {
        **asdict(name),
        "preset": stored["preset"],
        "images_per_class": ipc,
        "epochs": stored["epochs"],
        "storage": stored["storage"],
        "method_settings": settings.method_settings(name, ipc),
    }
