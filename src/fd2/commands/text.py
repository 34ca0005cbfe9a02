"""Numbers and tables as the commands print them."""

from __future__ import annotations

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart."""
    widths = [max(len(row[position]) for row in rows) for position in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def count(number: int, noun: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def hours(value: float, what: str) -> str:
    """Hours of GPUs or cores; minutes where they are few: ``1.5 GPU-hours``."""
    if value < 1:
        return f"{60 * value:.2g} {what}-minutes"
    return f"{value:.3g} {what}-hours"


def megabytes(value: float | None) -> str:
    """MiB as GiB with two digits; ``-`` where there is none."""
    return "-" if value is None else f"{value / 1024:.2f} GiB"
