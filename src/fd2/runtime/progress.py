"""Progress of a long stage: a bar on a terminal, a line every so often in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    import torch

SECONDS_BETWEEN_LINES = 20.0
STEPS_BETWEEN_READS = 10


class Progress:
    """Iterate over steps and show loss terms and rate.

    Terms may be tensors on a GPU. They are read at most every `STEPS_BETWEEN_READS` steps, and in
    a log only when a line is due, because reading one waits for the device.
    """

    def __init__(self, steps: int, what: str, *, unit: str = "step", start: int = 0) -> None:
        self._steps = steps
        self._start = start
        self._what = what
        self._unit = unit
        self._terms: Mapping[str, torch.Tensor | float] = {}
        self._terminal = sys.stderr.isatty()

    def show(self, terms: Mapping[str, torch.Tensor | float]) -> None:
        """Hand over the latest loss terms; nothing is read or printed yet."""
        self._terms = terms

    def __iter__(self) -> Iterator[int]:
        if self._terminal:
            yield from self._bar()
        else:
            yield from self._lines()

    def _bar(self) -> Iterator[int]:
        total, start = self._steps, self._start
        with tqdm(total=total, initial=start, desc=self._what, unit=self._unit) as bar:
            for step in range(self._start, self._steps):
                yield step
                bar.update()
                if step % STEPS_BETWEEN_READS == 0 or step == self._steps - 1:
                    bar.set_postfix_str(self._text())

    def _lines(self) -> Iterator[int]:
        start = last = time.monotonic()
        for step in range(self._start, self._steps):
            yield step
            now = time.monotonic()
            if now - last >= SECONDS_BETWEEN_LINES or step == self._steps - 1:
                last = now
                rate = (step + 1 - self._start) / max(now - start, 1e-9)
                print(
                    f"{self._what}: {step + 1}/{self._steps} {self._unit}s, "
                    f"{rate:.2f} {self._unit}s/s {self._text()}".rstrip(),
                    flush=True,
                )

    def _text(self) -> str:
        return " ".join(f"{name}={float(value):.4g}" for name, value in self._terms.items())
