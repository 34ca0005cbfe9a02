"""What a student is refused for before any job runs: labels or a rate that it cannot have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fd2.config import plugins
from fd2.config.datasets import refuse_whitened
from fd2.config.settings import LEARNED
from fd2.errors import FD2Error

#: Settings that may ask for what a method learned, by its word in the method's ``LEARNS``.
_ASKED = {"labels": "labels", "rate": "learning_rate"}


def check_student(
    section: Mapping[str, Any],
    entry: Mapping[str, Any],
    method: str,
    own: Mapping[str, Any],
    relabel: Mapping[str, Any],
    where: Callable[[str], str],
) -> None:
    """Refuse a student whose settings do not fit each other or its set's method.

    Args:
        section: ``evaluate`` of the config, for the cell.
        entry: the dataset's.
        method: that makes the set.
        own: the method's settings.
        relabel: that section of the config, for its labels.
        where: a setting's line and the cell, by the setting's name.

    Raises:
        FD2Error: for more epochs than labels are stored for; stored labels with the protocol
            ``direct``, unless each image has one, of itself; such labels of whitened images, or
            with pictures, which they are not of; what the method does not learn; or fine-tuning
            with the protocol ``direct``.
    """
    if section["protocol"] == "direct" and section["fine_tuning"]["epochs"]:
        raise FD2Error(
            "'evaluate.fine_tuning' under protocol 'direct', which has steps of its own",
            where("fine_tuning"),
            "set 'evaluate.fine_tuning.epochs' to 0, or 'evaluate.protocol' to decoupled",
        )
    if section["labels"] == "soft":
        refuse_whitened(entry, where("labels"))
        _check_stored(section, own, relabel, where)
    learns = learned_by(method, own)
    for word, key in _ASKED.items():
        if section[key] != LEARNED:
            continue
        if section["protocol"] != "direct":
            raise FD2Error(
                f"'evaluate.{key}' is '{LEARNED}' under protocol '{section['protocol']}'",
                where(key),
                f"set 'evaluate.protocol' to direct, or 'evaluate.{key}' to another value",
            )
        if word not in learns:
            raise FD2Error(
                f"'evaluate.{key}' is '{LEARNED}', and method '{method}' learns no {word}",
                where(key),
                "give another value, or write it into an override 'where' the method learns them",
            )


def learned_by(method: str, own: Mapping[str, Any]) -> tuple[str, ...]:
    """What a method learns beside images, under its settings: of ``labels`` and ``rate``."""
    plugin = plugins.load("methods", method)
    learns: tuple[str, ...] = getattr(plugin, "LEARNS", ())
    return tuple(plugin.learns(own)) if hasattr(plugin, "learns") else learns


def _check_stored(
    section: Mapping[str, Any],
    own: Mapping[str, Any],
    relabel: Mapping[str, Any],
    where: Callable[[str], str],
) -> None:
    augmented = relabel["crop_scale"] is not None or relabel["cutmix_alpha"] is not None
    several = relabel["stored_epochs"] != 1 or own.get("soft_labels") is not None
    if section["protocol"] == "direct" and (augmented or several):
        raise FD2Error(
            "protocol 'direct' with soft labels that are not one of each image as it is",
            where("protocol"),
            "set 'relabel.stored_epochs' to 1, 'crop_scale' and 'cutmix_alpha' there to null, or "
            "'evaluate.labels' to hard; stored soft labels of other kinds belong to 'decoupled'",
        )
    if section["pictures"]:
        raise FD2Error(
            "'evaluate.pictures' with soft labels, which are stored of the images as they are",
            where("pictures"),
            "set 'evaluate.labels' to hard, as an exported set has them",
        )
    if section["epochs"] > relabel["epochs"]:
        raise FD2Error(
            f"'evaluate.epochs' is {section['epochs']}, 'relabel.epochs' only {relabel['epochs']}",
            where("epochs"),
            "store labels for at least as many epochs as the student trains",
        )
