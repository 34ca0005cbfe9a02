"""When a loss first stopped being finite, in which term and for which classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from fd2.errors import FD2Error

#: Steps between two looks at the flags; each look waits for the device once.
STEPS_BETWEEN_CHECKS = 100
_NEVER = 1 << 62
_NAMED = 5


class FiniteWatch:
    """Flags on the device: the first step at which each term, and each class, was not finite.

    Reading a loss at every step would wait for the device. `note` only writes flags there; `check`
    reads them, every `STEPS_BETWEEN_CHECKS` steps, before every snapshot (so that none is of a
    diverged network) and at the end. Because the flags hold the first step, nothing is lost by
    looking late. ``classes`` are names, or ids where there are no names; ``unit`` is what a step is
    called.
    """

    def __init__(
        self, classes: Sequence[object], what: str, fix: str, *, unit: str = "step"
    ) -> None:
        self._classes = classes
        self._what = what
        self._fix = fix
        self._unit = unit
        self._terms: dict[str, Tensor] = {}
        self._first: Tensor | None = None

    def note(self, step: int, terms: Mapping[str, Tensor], rows: Tensor, labels: Tensor) -> None:
        """Look at a step's terms and samples, without waiting for the device.

        Args:
            step: its number, growing.
            terms: scalars by name.
            rows: ``[B, ...]``, anything of each sample that turns bad with it: logits, pixels.
            labels: class ids ``[B]`` on the same device.
        """
        device = rows.device
        for name, value in terms.items():
            seen = torch.where(value.detach().isfinite(), _NEVER, step)
            before = self._terms.get(name)
            self._terms[name] = seen if before is None else torch.minimum(before, seen)
        if self._first is None:
            self._first = torch.full((len(self._classes),), _NEVER, device=device)
        # The sum is not finite where any value is not, and is one pass over the values.
        wide = torch.promote_types(rows.dtype, torch.float32)
        sums = rows.detach().flatten(1).sum(1, dtype=wide)
        seen = torch.where(sums.isfinite(), _NEVER, step)
        self._first.scatter_reduce_(0, labels, seen, "amin")

    def due(self, step: int) -> bool:
        """Whether it is time to look."""
        return (step + 1) % STEPS_BETWEEN_CHECKS == 0

    def check(self, kind: str) -> None:
        """Wait for the device and refuse what was not finite; ``kind`` begins the message.

        Raises:
            FD2Error: with the terms, the step and the classes.
        """
        terms = {name: int(first) for name, first in self._terms.items()}
        classes = [] if self._first is None else self._first.tolist()
        step = min([*terms.values(), *classes], default=_NEVER)
        if step == _NEVER:
            return
        bad = [name for name, first in terms.items() if first == step]
        where = [self._classes[c] for c, first in enumerate(classes) if first == step]
        raise FD2Error(
            f"{kind}: {', '.join(bad) or 'the images'}, first in {self._unit} {step}, "
            f"{_named(where, len(classes))}",
            self._what,
            f"{self._fix}; state of before that, if any was written, is kept",
        )


def _named(classes: Sequence[object], count: int) -> str:
    if not classes:
        return "no single class alone"
    if len(classes) == count and count > 1:
        return f"all {count} classes"
    rest = f" and {len(classes) - _NAMED} more" if len(classes) > _NAMED else ""
    word = "class" if len(classes) == 1 else "classes"
    return f"{word} {', '.join(str(name) for name in classes[:_NAMED])}{rest}"
