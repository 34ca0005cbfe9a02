"""A copy of the repository with the tests' tiny config, outside of pytest."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def make_project(folder: Path) -> None:
    """Write the tests' tiny workflow, with the plain twin of its FD² cell, into ``folder``."""
    path = Path(__file__).resolve().parents[1] / "workflow" / "conftest.py"
    spec = importlib.util.spec_from_file_location("workflow_conftest", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look their own module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    module.tiny_project(folder, None)
