"""What several sets and several teachers by the same settings share: mean, spread and words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from fd2.reporting.entry import Entry
from fd2.reporting.sampling_error import Shares, standard_error
from fd2.reporting.spread import mean, sample_std


class Repeated(ABC):
    """Rows by the same settings, each of what is repeated counted once.

    Attributes:
        plural: what is repeated.
        alone: how to say that there is one of them only.
    """

    plural: ClassVar[str]
    alone: ClassVar[str]

    @property
    @abstractmethod
    def entries(self) -> tuple[Entry, ...]:
        """The rows, in sheet order."""

    @property
    @abstractmethod
    def count(self) -> int:
        """How many the table asks for."""

    @property
    @abstractmethod
    def is_compared(self) -> bool:
        """Whether there are random images to compare with."""

    @abstractmethod
    def values(self, metric: str) -> list[float]:
        """The mean of each that has results, in percent."""

    @abstractmethod
    def gain(self, metric: str) -> float | None:
        """What they gain over random real images on average, in percentage points."""

    @abstractmethod
    def gain_std(self, metric: str) -> float | None:
        """The standard deviation to compare the gain with; None where it is unknown."""

    @abstractmethod
    def gain_shares(self) -> Shares:
        """The results that the gain is made of; empty where there is none."""

    def gain_standard_error(self, metric: str) -> float | None:
        """Of the gain by the draw of the test images; see `standard_error`."""
        return standard_error(self.gain_shares(), metric)

    @property
    def label(self) -> str:
        """The first row's label for readers."""
        return self.entries[0].label

    def mean(self, metric: str) -> float | None:
        """Mean over all, however many students or sets one has; None without results."""
        return mean(self.values(metric))

    def std(self, metric: str) -> float | None:
        """Sample standard deviation between them; None below two, which is not zero.

        It contains what students' seeds do to a mean, and more: it is the spread to compare
        methods by.
        """
        return sample_std(self.values(metric))

    def verdict(self, metric: str) -> str:
        """The gain in words; empty for random images and where there are none to compare with."""
        if not self.is_compared:
            return ""
        gain, spread = self.gain(metric), self.gain_std(metric)
        if gain is None:
            return "missing"
        if spread is None:
            return f"{self.alone}: the spread is unknown"
        return f"{'within' if abs(gain) <= spread else 'exceeds'} the spread between {self.plural}"
