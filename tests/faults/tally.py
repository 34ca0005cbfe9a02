"""Counts of faults that were tried and survived."""

from __future__ import annotations

from collections import defaultdict


class Tally:
    """Faults by kind, and what went wrong."""

    def __init__(self) -> None:
        self._tried: dict[str, int] = defaultdict(int)
        self._survived: dict[str, int] = defaultdict(int)
        self.failures: list[str] = []

    def add(self, kind: str, survived: bool, otherwise: str) -> None:
        """Count a fault; ``otherwise`` says what is wrong where it was not survived."""
        self._tried[kind] += 1
        self._survived[kind] += survived
        if not survived:
            self.failures.append(f"{kind}: {otherwise}")
        print(f"{kind}: {'survived' if survived else otherwise}", flush=True)

    def require(self, kind: str, holds: bool, otherwise: str) -> None:
        """What must hold after faults that are already counted."""
        if not holds:
            self._survived[kind] -= 1
            self.failures.append(f"{kind}: {otherwise}")

    def table(self) -> str:
        """Markdown: fault, tried, survived."""
        lines = ["| fault | tried | survived |", "| --- | --- | --- |"]
        for kind, tried in self._tried.items():
            lines.append(f"| {kind} | {tried} | {self._survived[kind]} |")
        total, survived = sum(self._tried.values()), sum(self._survived.values())
        return "\n".join([*lines, f"| all | {total} | {survived} |"])
