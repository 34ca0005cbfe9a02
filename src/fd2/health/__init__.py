"""Checks of a machine, an environment and a folder; each finding is fine or says what to do."""

from __future__ import annotations

from dataclasses import dataclass

from fd2.errors import FD2Error


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        subject: what was checked.
        fact: its state.
        fix: what to do; None where all is well.
    """

    subject: str
    fact: str
    fix: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing needs to be done."""
        return self.fix is None


def fault(subject: str, error: FD2Error) -> Finding:
    """An error as a finding."""
    return Finding(subject, f"{error.what} ({error.where})", error.fix)
