"""How complex a dataset's classes are to a network: the settings of that measure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fd2.config.names import Teacher

if TYPE_CHECKING:
    from fd2.config.resolve import Configuration

STAGE = "measure_complexity"


@dataclass(frozen=True)
class ComplexitySettings:
    """Names as in section ``complexity``, and those of the network, a teacher of the dataset.

    Attributes:
        thresholds: ascending; the middle one tells hard classes from easy ones.
        maps: one of `fd2.networks.activation_maps.MAPS`.
    """

    dataset: str
    backbone: str
    training: str
    preset: str
    thresholds: tuple[float, ...]
    maps: str


def complexity_settings(settings: Configuration, network: Teacher) -> dict[str, Any]:
    """Settings of the complexity of a dataset's classes, as one of its teachers sees them."""
    section = settings.values["complexity"]
    return {
        **asdict(network),
        "preset": settings.values["preset"],
        "thresholds": sorted(float(threshold) for threshold in section["thresholds"]),
        "maps": section["maps"],
    }
