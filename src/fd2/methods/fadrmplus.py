"""FADRM+: FADRM with several teachers, one per iteration in turn."""

from __future__ import annotations

from functools import partial

from fd2.methods._optimising import RESIDUAL, optimising_schema, residual_recipe, teachers_schema

LABEL = "FADRM+"
KIND = "optimisation"
SETTINGS_SCHEMA = optimising_schema(
    teachers_schema(2, None, "Teachers in the order of their turns, one an iteration."), RESIDUAL
)
recipe = partial(residual_recipe, method="fadrmplus", teachers_in_turn=True)
