"""Numbers that no artefact may hold: values that are not finite, or out of their range.

Every artefact is looked at when it is written and when it is read, so that none reaches a table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_ANY = (-math.inf, math.inf)
_PERCENT, _SHARE = (0.0, 100.0), (0.0, 1.0)
#: Least and greatest value of numbers by their key in records, and of all numbers below that key.
RANGES = {
    **dict.fromkeys(("top1", "balanced_top1", "majority_class_top1"), _PERCENT),
    **dict.fromkeys(("map", "map50"), _PERCENT),
    # Cross-entropy and KL divergence.
    **dict.fromkeys(("loss", "losses"), (0.0, math.inf)),
    # Between features of length 1; see `fd2.diagnostics`.
    **dict.fromkeys(
        ("intra_class_variance", "centre_distance", "nearest_centre_distance"), (0.0, 2.0)
    ),
    "margin": (-2.0, 2.0),
    **dict.fromkeys(("pairwise_distance", "group_coverage", "image_coverage"), _SHARE),
    **dict.fromkeys(("complexity", "easy_complexity", "hard_complexity", "activation"), _SHARE),
    **dict.fromkeys(("image_bytes", "label_bytes", "rate_bytes"), (0.0, math.inf)),
    # Of pixels.
    **dict.fromkeys(("mean", "std"), _SHARE),
    **dict.fromkeys(("seconds", "slot_seconds", "milliseconds", "peak_memory_mb"), (0.0, math.inf)),
}
#: Sums in floating point may end just outside of a range.
_ROUNDING = 1e-4
#: Tensors whose values are above 0.
_POSITIVE = ("learned_rate",)
#: Below these keys nothing is looked at: values that users write have ranges of their own, in the
#: schemas, and digests of tensors stand under their names.
_APART = ("settings", "tensors_sha256")


def number_fault(content: object) -> str | None:
    """The first number in JSON values that is not finite or out of its range, by its keys.

    Unknown values, None, are fine.
    """
    return next(_faults(content, (), _ANY), None)


def _faults(
    value: object, keys: tuple[str, ...], bounds: tuple[float, float] | None
) -> Iterator[str]:
    """``bounds`` are those of the nearest key that has some; None below `_APART`."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            inside = None if key in _APART else bounds and RANGES.get(key, bounds)
            yield from _faults(below, (*keys, str(key)), inside)
    elif isinstance(value, list | tuple):
        for number, below in enumerate(value):
            yield from _faults(below, (*keys, str(number)), bounds)
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"'{'.'.join(keys)}' is {value}"
    elif bounds not in (None, _ANY) and value is not None:
        assert bounds is not None
        low, high = bounds
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"'{'.'.join(keys)}' is {value!r}, not a number"
        elif not low - _ROUNDING <= value <= high + _ROUNDING:
            limit = f"from {low:g} to {high:g}" if math.isfinite(high) else f"at least {low:g}"
            yield f"'{'.'.join(keys)}' is {value}, it should be {limit}"


def tensor_fault(tensors: Mapping[str, Tensor]) -> str | None:
    """The first tensor that holds a value that is not finite or out of its range, and how many."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            count = int((~tensor.isfinite()).sum())
            return f"tensor '{name}' holds {count} of {tensor.numel()} values that are not finite"
        if name in _POSITIVE and not (tensor > 0).all():
            return f"tensor '{name}' holds {float(tensor.min()):g}, it should be above 0"
    return None
