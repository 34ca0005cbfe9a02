"""What every kind of figure must offer; a new file in ``figures`` is tested by being there."""

from __future__ import annotations

import subprocess
import sys

import jsonschema
import pytest

from fd2.config import plugins

KINDS = plugins.names("figures")


@pytest.mark.parametrize("kind", KINDS)
def test_schema_is_closed_and_describes_each_key(kind: str) -> None:
    schema = plugins.load("figures", kind).SETTINGS_SCHEMA
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert "kind" not in schema["properties"]
    assert all("description" in entry for entry in schema["properties"].values())


def test_planning_needs_neither_torch_nor_matplotlib() -> None:
    names = [f"fd2.figures.{kind}" for kind in KINDS] + ["fd2.stages.draw"]
    code = (
        f"import sys, importlib; [importlib.import_module(n) for n in {names}]; "
        "heavy = {'torch', 'matplotlib', 'pandas', 'numpy', 'PIL'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
