"""Accuracies of one set's students, beside those of its pictures, of random images and of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fd2.artifacts.files import canonical_json
from fd2.artifacts.records import Record, parsing, read_record
from fd2.report.intervals import STATISTICS, of_mean, statistic, welch
from fd2.tables.records import teacher_numbers
from fd2.tables.render import plain

#: Counts each class the same, as the page's first sentence.
METRIC = "balanced_top1"
#: Settings in which students of one kind may differ; the last two change rounding alone.
_APART = ("seed", "method", "variant", "pictures", "memory_format", "compile")
_TOLD = ("student", "initialisation", "protocol", "labels", "epochs")
OWN = ("set", "pictures")
SEEN = (*OWN, "random")


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
        For each kind ``student``, ``initialisation``, ``protocol``, ``labels``, ``epochs`` and
        ``tested_on``; and of the ``set`` as it is, of its 8-bit ``pictures`` and of ``random``
        images, or None where nothing was trained: ``variants``, ``n``, class-balanced top-1 in
        percent as ``balanced_top1_mean``, half of its 95 % t interval as
        ``balanced_top1_half_width`` (None for one student), and, but for ``random`` itself, its
        difference to ``random`` and half of that interval as ``over_random_balanced_top1`` and
        ``over_random_balanced_top1_half_width`` (None where there is nothing to compare with).
        Kinds under class labels are listed with ``random`` alone, too, where the set has the same
        network by other labels.

    Raises:
        FD2Error: if a record is damaged.
    """
    kinds: dict[str, dict[str, Any]] = {}
    lines = []
    for path in (*students, *random):
        record = read_record(path)
        with parsing(path):
            own = record.inputs["distilled"] == distilled
            if own or (path in random and record.manifest == manifest):
                kind, told, line = _noted(record, own)
                kinds.setdefault(kind, told)
                lines.append({"kind": kind, **line})
    if not lines:
        return []
    found = _summaries(pd.DataFrame(lines))
    shown = {kind for kind in kinds if found[kind].keys() & set(OWN)}
    networks = {_network(kinds[kind]) for kind in shown}
    others = [kind for kind in kinds if kinds[kind]["labels"] == "hard"]
    shown.update(kind for kind in others if _network(kinds[kind]) in networks)
    return [{**kinds[kind], **{s: found[kind].get(s) for s in SEEN}} for kind in sorted(shown)]


def _network(told: dict[str, Any]) -> tuple[str, str]:
    return told["student"], told["initialisation"]


def _noted(record: Record, own: bool) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A record's kind, what is told of it, and its accuracy."""
    settings = record.settings
    apart = _APART if settings["labels"] == "soft" else (*_APART, "fd2")
    shared = {key: value for key, value in settings.items() if key not in apart}
    told = {**{key: settings[key] for key in _TOLD}, "tested_on": record.tested_on}
    of_own = "pictures" if settings["pictures"] else "set"
    line = {
        **{"seen": of_own if own else "random", "variant": settings["variant"]},
        **{"seed": settings["seed"], METRIC: float(record.result["last"][METRIC])},
    }
    return canonical_json(shared), told, line


def _summaries(lines: pd.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    """By kind and what its students saw."""
    groups = ["kind", "seen"]
    variants = lines.groupby(groups)["variant"].unique()
    # Variants may give the student of a seed twice.
    once = lines.drop_duplicates([*groups, "seed"], keep="last")
    numbers = once.groupby(groups)[[METRIC]].agg(list(STATISTICS))
    of_random = [(kind, "random") for kind, _ in numbers.index]
    difference, half = welch(numbers, numbers.reindex(of_random).set_axis(numbers.index))
    table = pd.DataFrame(
        {
            "variants": variants.map(sorted),
            "n": statistic(numbers, "count")[METRIC],
            f"{METRIC}_mean": statistic(numbers, "mean")[METRIC],
            f"{METRIC}_half_width": of_mean(numbers)[METRIC],
            f"over_random_{METRIC}": difference[METRIC],
            f"over_random_{METRIC}_half_width": half[METRIC],
        }
    )
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for line in plain(table.reset_index()):
        kind, seen = line.pop("kind"), line.pop("seen")
        own = {key: value for key, value in line.items() if seen in OWN or "over" not in key}
        found.setdefault(kind, {})[seen] = own
    return found


def full_data_accuracy(teachers: Sequence[Path], manifest: str) -> list[dict[str, Any]]:
    """``backbone``, ``training`` and ``balanced_top1`` in percent of teachers of a manifest's data.

    Raises:
        FD2Error: if a record is damaged.
    """
    found = []
    for path in teachers:
        record = read_record(path)
        if record.manifest == manifest:
            with parsing(path):
                names = {key: record.identity[key] for key in ("backbone", "training")}
                found.append({**names, METRIC: teacher_numbers(record)[METRIC]})
    return found
