"""FADRM: images optimised at several sizes, with the initial patch merged in between."""

from __future__ import annotations

from functools import partial

from fd2.methods._optimising import RESIDUAL, optimising_schema, residual_recipe, teachers_schema

LABEL = "FADRM"
KIND = "optimisation"
SETTINGS_SCHEMA = optimising_schema(teachers_schema(1, 1, "The one teacher."), RESIDUAL)
recipe = partial(residual_recipe, method="fadrm", teachers_in_turn=False)
