"""Settings that only the method can judge."""

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
