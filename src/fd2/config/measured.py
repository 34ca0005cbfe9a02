"""What is timed of a set: an iteration that moves its images, or the making of a selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fd2.config.names import SetName, Teacher
from fd2.config.schema import WHOLE_SETS
from fd2.errors import FD2Error

if TYPE_CHECKING:
    from fd2.config.resolve import Configuration


def measure_settings(settings: Configuration, set_name: SetName, ipc: int) -> dict[str, Any]:
    """Settings of a timed iteration or selection, with those of the stages that it is of.

    Slots are those of the set's first group. A selection's patches are as many as its images.

    Raises:
        FD2Error: as `Configuration.distill` and `Configuration.whole_set`, and for a selection with
            FD².
    """
    if set_name.method in settings.methods("selection"):
        if set_name.fd2 != "plain":
            raise FD2Error(
                f"the time of method '{set_name.method}' with FD²",
                str(set_name),
                "ask for 'plain': FD² has no part in a selection",
            )
        kind = settings.patch_kind(set_name)
        patches = None if kind is None else settings.patches(set_name.dataset, kind)
        return {
            "select": settings.whole_set(set_name, ipc),
            "patches": patches and {**patches, "slots": ipc},
        }
    if set_name.method in settings.methods(*WHOLE_SETS):
        timed = {"match": settings.whole_set(set_name, ipc)}
    else:
        group = settings.distill(set_name, 0)
        timed = {"distill": {**group, "slots": group["slots"][:ipc]}}
    return {**timed, "measure": settings.values["measure"]}


def measure_teachers(settings: Configuration, set_name: SetName, ipc: int) -> list[Teacher]:
    """The teachers that are looked through: the method's, of a selection after its patches' scorer.

    A selection with patches scores them anew; other methods take the file.
    """
    teachers = settings.distill_teachers(set_name, ipc)
    kind = settings.patch_kind(set_name)
    if kind is None or set_name.method not in settings.methods("selection"):
        return teachers
    return [settings.patch_scorer(set_name.dataset, kind), *teachers]
