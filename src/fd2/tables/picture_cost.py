"""What 8-bit pictures of a float32 set cost: its students beside students of its pictures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fd2.artifacts.files import canonical_json
from fd2.artifacts.records import parsing, read_record

#: Settings in which students of one kind may differ; the last two change rounding alone.
_APART = ("seed", "variant", "pictures", "memory_format", "compile")
_TOLD = ("student", "protocol", "labels", "epochs")


def picture_cost(students: Sequence[Path], distilled: str) -> list[dict[str, Any]]:
    """Accuracies of each kind of student of a set; students of a kind differ in their seeds.

    Those that learn from stored soft labels are left out: these are of the set's own pixels, and no
    export holds them.

    Args:
        students: records of cells; cells of other sets are passed over.
        distilled: sha256 of the set's file.

    Returns:
        For each kind ``student``, ``protocol``, ``labels``, ``epochs`` and ``tested_on``; and of
        the ``set`` as it is and of its ``pictures`` ``variants``, ``n``, ``top1_mean`` and
        ``top1_sd`` in percent (None for one student), or None where nothing was trained.

    Raises:
        FD2Error: if a record is damaged.
    """
    kinds: dict[str, dict[str, Any]] = {}
    for path in students:
        record = read_record(path)
        settings = record.settings
        with parsing(path):
            if record.inputs["distilled"] != distilled or settings["labels"] == "soft":
                continue
            shared = {key: value for key, value in settings.items() if key not in _APART}
            told = {**{key: settings[key] for key in _TOLD}, "tested_on": record.tested_on}
            kind = kinds.setdefault(canonical_json(shared), {**told, "set": {}, "pictures": {}})
            seen = "pictures" if settings["pictures"] else "set"
            top1 = float(record.result["last"]["top1"])
            kind[seen].setdefault(settings["variant"], {})[settings["seed"]] = top1
    return [
        {**kind, **{seen: _summary(kind[seen]) for seen in ("set", "pictures")}}
        for _, kind in sorted(kinds.items())
    ]


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
