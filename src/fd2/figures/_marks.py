"""Colours, markers and hatches that stay apart in grey print and for the colour-blind."""

from __future__ import annotations

#: Okabe and Ito's colours, told apart by the colour-blind.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "X", "P", "*", "<", ">")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "+++", "ooo")


def colour(position: int) -> str:
    """The colour of the thing at a position, from the start again after the last."""
    return COLOURS[position % len(COLOURS)]


def marker(position: int) -> str:
    """Likewise the marker; there are more of them than colours, so that pairs repeat late."""
    return MARKERS[position % len(MARKERS)]


def hatch(position: int) -> str:
    """Likewise the hatch of an area."""
    return HATCHES[position % len(HATCHES)]
