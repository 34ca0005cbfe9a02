"""A misbehaving mirror for each test."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def mirror() -> Iterator[Any]:
    """See server.py."""
    spec = importlib.util.spec_from_file_location(
        "mirror_server", Path(__file__).with_name("server.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with module.serve() as running:
        yield running
