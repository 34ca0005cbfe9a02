"""How complex a dataset's classes are to a network: the settings of that measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fd2.config.names import Teacher
from fd2.errors import FD2Error, require_known

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


def groups_of(settings: Configuration, dataset: str) -> dict[str, dict[str, Any]]:
    """The groups of a dataset's classes by their names in the config."""
    groups: dict[str, dict[str, Any]] = settings.values["complexity"]["groups"]
    return {name: group for name, group in groups.items() if group["dataset"] == dataset}


def members(group: Mapping[str, Any], classes: Sequence[str]) -> list[int]:
    """Ids of a group's classes, in the order in which it lists them.

    Args:
        group: as in the config, and its ``name``; without classes it has all of the dataset.
        classes: the dataset's.

    Raises:
        FD2Error: for a class that the dataset has not, with the nearest one, or fewer classes than
            the easiest and the hardest that are asked for.
    """
    where, size = f"setting 'complexity.groups.{group['name']}'", group["size"]
    chosen = classes if group["classes"] is None else group["classes"]
    for one in chosen:
        require_known(f"class of '{group['dataset']}'", one, classes, where)
    if size is not None and 2 * size > len(chosen):
        what = f"the {size} easiest and the {size} hardest of {len(chosen)} classes"
        raise FD2Error(what, where, f"set 'size' to {len(chosen) // 2} at most, or null for halves")
    return [classes.index(one) for one in chosen]
