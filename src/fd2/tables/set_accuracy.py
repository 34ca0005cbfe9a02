"""Accuracies of one set's students, beside those of its pictures, of random images and of all."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fd2.artifacts.files import canonical_json
from fd2.artifacts.records import Record, parsing, read_record
from fd2.tables.records import teacher_numbers

#: Settings in which students of one kind may differ; the last two change rounding alone.
_APART = ("seed", "method", "variant", "pictures", "memory_format", "compile")
_TOLD = ("student", "protocol", "labels", "epochs")
SEEN = ("set", "pictures", "random")


def set_accuracy(
    students: Sequence[Path], random: Sequence[Path], distilled: str, manifest: str
) -> list[dict[str, Any]]:
    """Accuracies of each kind of student of a set; students of a kind differ in their seeds.

    Args:
        students: records of cells; cells of other sets are passed over.
        random: records of cells of as many random real images; under soft labels they count where
            these are of the same kind of teacher, plain or with attention.
        distilled: sha256 of the set's file.
        manifest: digest of the data; cells of other data are passed over.

    Returns:
        For each kind ``student``, ``protocol``, ``labels``, ``epochs`` and ``tested_on``; and of
        the ``set`` as it is, of its 8-bit ``pictures`` and of ``random`` images ``variants``,
        ``n``, ``top1_mean`` and ``top1_sd`` in percent (None for one student), or None where
        nothing was trained.

    Raises:
        FD2Error: if a record is damaged.
    """
    kinds: dict[str, dict[str, Any]] = {}
    for path in (*students, *random):
        record = read_record(path)
        with parsing(path):
            own = record.inputs["distilled"] == distilled
            if own or (path in random and record.manifest == manifest):
                _note(kinds, record, own)
    return [
        {**kind, **{seen: _summary(kind[seen]) for seen in SEEN}}
        for _, kind in sorted(kinds.items())
        if kind["set"] or kind["pictures"]
    ]


def _note(kinds: dict[str, dict[str, Any]], record: Record, own: bool) -> None:
    """Add a record's accuracy to those of its kind."""
    settings = record.settings
    apart = _APART if settings["labels"] == "soft" else (*_APART, "fd2")
    shared = {key: value for key, value in settings.items() if key not in apart}
    told = {**{key: settings[key] for key in _TOLD}, "tested_on": record.tested_on}
    kind = kinds.setdefault(canonical_json(shared), {**told, **{seen: {} for seen in SEEN}})
    of_own = "pictures" if settings["pictures"] else "set"
    seen = of_own if own else "random"
    top1 = float(record.result["last"]["top1"])
    kind[seen].setdefault(settings["variant"], {})[settings["seed"]] = top1


def _summary(by_variant: Mapping[str, Mapping[int, float]]) -> dict[str, Any] | None:
    # Variants may give the student of a seed twice.
    by_seed = {seed: top1 for own in by_variant.values() for seed, top1 in own.items()}
    if not by_seed:
        return None
    values = list(by_seed.values())
    return {
        "variants": sorted(by_variant),
        "n": len(values),
        "top1_mean": statistics.fmean(values),
        "top1_sd": statistics.stdev(values) if len(values) > 1 else None,
    }


def full_data_accuracy(teachers: Sequence[Path], manifest: str) -> list[dict[str, Any]]:
    """``backbone``, ``training`` and ``top1`` in percent of teachers of the data of a manifest.

    Raises:
        FD2Error: if a record is damaged.
    """
    found = []
    for path in teachers:
        record = read_record(path)
        if record.manifest == manifest:
            with parsing(path):
                names = {key: record.identity[key] for key in ("backbone", "training")}
                found.append({**names, "top1": teacher_numbers(record)["top1"]})
    return found
