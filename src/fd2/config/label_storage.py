"""How soft labels are stored: the settings of it, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from fd2.errors import FD2Error

#: Stored so, labels are as they were before there was a choice, and their files say nothing of it.
_PLAIN = {"top_k": None, "bits": 16, "stored_epochs": None}


@dataclass(frozen=True)
class LabelStorage:
    """How soft labels are stored, names as in section ``relabel``.

    Attributes:
        top_k: classes whose logits are kept; None keeps all.
        bits: 8, 16 or 32 for a value; see `fd2.artifacts.label_format.LabelFormat`.
        stored_epochs: that have labels, and that students go through again and again; None for all
            that students train.
    """

    top_k: int | None
    bits: int
    stored_epochs: int | None


def label_settings(section: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What shapes soft labels: the section ``relabel`` without the teachers, which are inputs.

    The settings of `LabelStorage` are one, ``storage``: None for 16 bits of all classes in all
    epochs.

    Args:
        section: of the config, for the labels.
        where: ``stored_epochs`` stands, for the error.

    Raises:
        FD2Error: for more stored epochs than students may train.
    """
    storage = {field.name: section[field.name] for field in fields(LabelStorage)}
    stored, epochs = storage["stored_epochs"], section["epochs"]
    if stored is not None and stored > epochs:
        raise FD2Error(
            f"'relabel.stored_epochs' is {stored}, 'relabel.epochs' only {epochs}",
            where,
            "store at most the epochs that students train, or write null for all of them",
        )
    others = {k: v for k, v in section.items() if k != "teachers" and k not in storage}
    return {**others, "storage": None if storage == _PLAIN else storage}


def require_classes(top_k: int | None, classes: int, dataset: str) -> None:
    """Refuse to keep more classes of a label than the dataset has.

    Raises:
        FD2Error: with both numbers.
    """
    if top_k is not None and top_k > classes:
        raise FD2Error(
            f"'relabel.top_k' is {top_k}, the dataset has {classes} classes",
            f"dataset '{dataset}'",
            "keep fewer, or write null to keep all",
        )
