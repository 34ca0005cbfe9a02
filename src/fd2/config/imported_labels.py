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
    values, variants = settings.values, settings.variants_at("relabel")
    shared = (values, *(override["set"] for override in values["overrides"].values()))
    if not any(map(_names_labels, shared)):
        # To work out every variant takes a while, and each process of a run asks.
        return [one for one in variants if _names_labels(values["variants"].get(one, {}))]
    return [
        variant
        for variant in variants
        if any(
            brings_labels(settings, SetName(dataset, method, "plain", variant))
            for dataset in values["datasets"]
            for method in settings.methods("import")
        )
    ]


def _names_labels(sections: Mapping[str, Any]) -> bool:
    methods: Mapping[str, Any] = sections.get("distill", {}).get("methods", {})
    return any(own.get("soft_labels") is not None for own in methods.values())


def require_labels_of(settings: Configuration, name: SetName, ipc: int, *, brought: bool) -> None:
    """Refuse labels by another rule than the variant's.

    Args:
        settings: the config.
        name: of the set.
        ipc: images per class.
        brought: whether the rule takes labels that the set brings.

    Raises:
        FD2Error: where a variant brings labels of some datasets' sets, and not of this one's.
    """
    if brings_labels(settings, name, ipc) != brought:
        where = settings.where_of("distill", {**asdict(name), "ipc": ipc}, "methods")
        raise FD2Error(
            f"variant '{name.variant}' brings soft labels of some datasets alone",
            where,
            "make it a variant of its own, and set 'distill.methods.imported.soft_labels' there",
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
