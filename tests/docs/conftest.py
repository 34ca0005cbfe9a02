"""The documents' code blocks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fd2.__main__ import main

REPOSITORY = Path(__file__).resolve().parents[2]
COPIED = ("Snakefile", "workflow", "src", "config", "profiles", "envs", "pyproject.toml")
IMAGES_PER_CLASS = 44  # a quarter is tested, a quarter of the rest held out, 20 are distilled


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


@pytest.fixture(scope="session")
def workspace(
    tmp_path_factory: pytest.TempPathFactory, blocks: Callable[[str, str], list[str]]
) -> Path:
    """A copy of the workflow with the photographs, configs and sheets of the documents."""
    root = tmp_path_factory.mktemp("documents")
    for name in COPIED:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, root / name)
    for document in ("docs/running.md", "docs/reproduce.md"):
        for block in blocks(document, "yaml"):
            first = block.splitlines()[0].removeprefix("# ")
            # Others are pieces of a file.
            if first.startswith("config/") and first.endswith(".yaml"):
                (root / first).write_text(block)
    (sheet,) = blocks("docs/running.md", "csv")
    (root / "config/tables/mine_sweep.csv").write_text(sheet)
    for label in ("crow", "wren"):
        folder = root / "photos/mine" / label
        folder.mkdir(parents=True)
        for number in range(IMAGES_PER_CLASS):
            pixels = np.full((128, 128, 3), number, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert main(["init", "photos/mine", "--device", "cpu"]) == 0
    return root
