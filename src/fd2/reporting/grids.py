"""One grid of words with a caption, as Markdown and LaTeX: for tables of costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fd2.reporting.caption import listed, missing, provenance
from fd2.reporting.latex import environment, escape, grid, preamble
from fd2.reporting.markdown import heading, missing_results, pipes


@dataclass(frozen=True)
class Run:
    """Where a number comes from.

    Attributes:
        device_name: the hardware.
        commit, dirty: the source's state; None outside a checkout.
        protocol: the preset.
    """

    device_name: str
    commit: str | None
    dirty: bool | None
    protocol: str


@dataclass(frozen=True)
class Grid:
    """What both texts show.

    Attributes:
        name: of the table.
        header: of the columns; the first is text, the others are numbers.
        lines: one a row.
        sentences: the caption.
        missing: targets that would fill what is not there.
    """

    name: str
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    sentences: tuple[str, ...]
    missing: tuple[Path, ...]

    def markdown(self) -> str:
        """The caption, the grid, and the commands for what is missing."""
        parts = [heading(self.name, self.sentences), pipes(self.header, self.lines)]
        parts += missing_results([str(path) for path in self.missing])
        return "\n\n".join(parts) + "\n"

    def latex(self) -> str:
        """A ``table`` environment; needs the packages booktabs and amssymb."""
        tabular = grid(self.header, self.lines)
        text = escape(" ".join(self.sentences))
        return preamble() + environment(text, f"tab:{self.name}", tabular)


def sources(runs: Sequence[Run], asked: int) -> list[str]:
    """Sentences on preset, hardware and gaps; a warning where times are of several machines.

    Args:
        runs: of the rows that are there.
        asked: number of rows that could be.
    """
    if not runs:
        return ["Nothing is measured yet.", missing(asked, asked)]
    sentences = [f"Preset: {listed(run.protocol for run in runs)}.", *provenance(runs)]
    if len({run.device_name for run in runs}) > 1:
        sentences.append("Rows are of different hardware: their times cannot be compared.")
    if len(runs) < asked:
        sentences.append(missing(asked - len(runs), asked))
    return sentences
