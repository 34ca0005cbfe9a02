"""One line of a check-up."""

from __future__ import annotations

from dataclasses import dataclass

from fd2.errors import FD2Error


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        subject: what was looked at.
        fact: what it is like.
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
