"""Every file in the regularisers folder keeps the contract of a regulariser."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from fd2.augment.views import identity
from fd2.config import plugins
from fd2.errors import FD2Error
from fd2.losses.regulariser import SlotContext
from fd2.networks.teacher import TeacherOutput

NAMES = plugins.names("regularisers")


def smallest_settings(schema: dict[str, Any]) -> dict[str, Any]:
    """The first allowed value of every required setting."""
    return {
        name: schema["properties"][name].get("enum", [schema["properties"][name].get("minimum")])[0]
        for name in schema["required"]
    }


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_closed_and_described(name: str) -> None:
    schema = plugins.load("regularisers", name).SETTINGS_SCHEMA
    assert schema["type"] == "object" and schema["additionalProperties"] is False
    assert set(schema["required"]) <= set(schema["properties"])
    assert schema["properties"]["weight"]["minimum"] == 0
    for setting in schema["properties"].values():
        assert setting["type"] in {"number", "integer", "string", "boolean"}
        assert setting["description"].endswith(".")
        assert "enum" in setting or "minimum" in setting or setting["type"] == "boolean"


@pytest.mark.parametrize("name", NAMES)
def test_built_regulariser_has_its_name_and_weight(name: str) -> None:
    module = plugins.load("regularisers", name)
    settings = smallest_settings(module.SETTINGS_SCHEMA) | {"weight": 0.75}
    regulariser = module.build(settings)
    assert (regulariser.name, regulariser.weight) == (name, 0.75)


@pytest.mark.parametrize("name", ["characteristic", "similarity"])
def test_plain_teacher_is_an_error_that_says_what_to_do(name: str) -> None:
    module = plugins.load("regularisers", name)
    regulariser = module.build(smallest_settings(module.SETTINGS_SCHEMA))
    output = TeacherOutput(torch.zeros(1, 2), torch.zeros(1, 3, 2, 2), None, None, None)
    context = SlotContext(torch.zeros(1, dtype=torch.long), [], [])
    with pytest.raises(FD2Error, match="without attention head") as caught:
        regulariser.loss(output, 0, context, identity(1))
    assert name in caught.value.where and "leave this regulariser out" in caught.value.fix
