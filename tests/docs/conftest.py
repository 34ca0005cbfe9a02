"""The documents' code blocks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def blocks() -> Callable[[str, str], list[str]]:
    """Fenced blocks of a language, in order, also where they are indented in a list."""

    def read(document: str, language: str) -> list[str]:
        text = (REPOSITORY / document).read_text(encoding="utf-8")
        found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
        return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]

    return read
