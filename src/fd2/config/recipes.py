"""Settings that only a plug-in can judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.config import plugins
from fd2.errors import FD2Error


def check_recipe(method: str, own: Mapping[str, Any], resolution: int, where: str) -> None:
    """Let an optimising method refuse settings that do not fit the dataset's resolution.

    Args:
        method: a plug-in of ``fd2.methods``; one that selects images refuses nothing.
        own: the method's settings.
        resolution: height and width of the images in pixels.
        where: the dataset and the config files, for the error.

    Raises:
        FD2Error: the method's own, with ``where`` added.
    """
    plugin = plugins.load("methods", method)
    if plugin.KIND != "optimisation":
        return
    try:
        plugin.recipe(own, resolution)
    except FD2Error as error:
        raise FD2Error(error.what, f"{error.where} for {where}", error.fix) from error


def regularisers_of(section: Mapping[str, Any], fd2: str, where: str) -> dict[str, Any]:
    """Settings by name of the regularisers of a cell.

    Args:
        section: ``distill`` of the config, for the cell.
        fd2: ``fd2`` adds those of ``distill.fd2`` to those of all cells; ``plain`` does not.
        where: the dataset and the config files, for the error.

    Raises:
        FD2Error: if a name is set for all cells and for FD² cells, or if one of positive weight
            needs the attention head that teachers of plain cells do not have.
    """
    common, of_fd2 = section["regularisers"], section["fd2"]["regularisers"]
    for name in sorted(set(common) & set(of_fd2)):
        raise FD2Error(
            f"regulariser '{name}' is set twice",
            f"settings 'distill.regularisers' and 'distill.fd2.regularisers' for {where}",
            "keep the first for all cells, or the second for FD² cells alone",
        )
    if fd2 == "fd2":
        return {**common, **of_fd2}
    for name, values in common.items():
        term = plugins.load("regularisers", name).build(values)
        if term.weight > 0 and (term.needs_head or term.earlier_attention):
            raise FD2Error(
                f"regulariser '{name}' needs teachers with an attention head, plain ones have none",
                f"setting 'distill.regularisers.{name}' for {where}",
                "move it to 'distill.fd2.regularisers', or set its weight to 0",
            )
    return dict(common)
