"""What a reader of results must know of the pictures behind them.

A picture that is not used, counted twice, or read otherwise than a viewer shows it is told in the
log, in the manifest and the records, by ``fd2 doctor`` and in the captions of tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: In a manifest's facts and in records: the list of remarks.
REMARKS = "remarks"
#: How many names are kept, and how many of them are shown in a sentence.
KEPT, SHOWN = 10, 3


@dataclass(frozen=True)
class Remark:
    """Pictures that have something in common.

    Attributes:
        what: the common thing, as the beginning of a sentence.
        count: of the pictures, or files.
        first: names of the first of them, or of what holds them; at most `KEPT`.
    """

    what: str
    count: int
    first: tuple[str, ...] = ()

    @classmethod
    def of(cls, what: str, names: Sequence[str]) -> Remark:
        """The remark on pictures of these names."""
        return cls(what, len(names), tuple(names[:KEPT]))

    @classmethod
    def parse(cls, written: Mapping[str, Any]) -> Remark:
        """A remark of a manifest."""
        first = tuple(str(name) for name in written["first"])
        return cls(str(written["what"]), int(written["count"]), first)

    def __str__(self) -> str:
        # As literals: a name may hold a line break.
        names = ", ".join(repr(name) for name in self.first[:SHOWN])
        return f"{self.what}: {self.count}" + (f", first {names}" if names else "")


def sentences(remarks: Iterable[Remark]) -> list[str]:
    """The remarks as texts, as records hold them."""
    return [str(remark) for remark in remarks]
