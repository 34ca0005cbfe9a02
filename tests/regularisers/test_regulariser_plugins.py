"""Every file in the regularisers folder keeps the contract of a regulariser."""

from __future__ import annotations

from typing import Any

import pytest

from fd2.config import plugins
from fd2.regularisers._interface import Regulariser

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
def test_built_regulariser_has_its_weight(name: str) -> None:
    module = plugins.load("regularisers", name)
    regulariser = module.build(smallest_settings(module.SETTINGS_SCHEMA) | {"weight": 0.75})
    assert isinstance(regulariser, Regulariser) and regulariser.weight == 0.75
