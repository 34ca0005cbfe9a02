"""FADRM+: FADRM with several teachers, one per iteration in turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.methods._interface import Recipe
from fd2.methods._residual import RESIDUAL, residual_recipe
from fd2.methods._schema import OPTIMISATION, PATCHES, closed, teachers

LABEL = "FADRM+"
KIND = "optimisation"
SETTINGS_SCHEMA: dict[str, Any] = closed(
    {
        "teachers": teachers(2, None, "Teachers in the order of their turns, one an iteration."),
        "patches": PATCHES,
        **RESIDUAL,
        **OPTIMISATION,
    }
)


def patch_kind(settings: Mapping[str, Any]) -> str | None:
    """The patches that the images start from and that are merged in."""
    return str(settings["patches"])


def recipe(settings: Mapping[str, Any], resolution: int) -> Recipe:
    """The phases of the settings; see `residual_recipe`.

    Args:
        settings: fits `SETTINGS_SCHEMA`.
        resolution: of the prepared data, in pixels.

    Raises:
        FD2Error: if the phases do not fit the resolution.
    """
    return residual_recipe(settings, resolution, "fadrmplus", teachers_in_turn=True)
