"""Every command in the documents runs, or the first line of its block says what it needs."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.workflow.conftest import Project, Server
from tests.workflow.test_plan import GRIDS, SHEETS

from fd2.__main__ import parser

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "config/README.md")
PAGES = ("cluster", "your-own-photos", "questions", "reproduce", "results", "running")
#: As the tables are planned there.
FILES_OF = {name: tuple(f"config/{file}" for file in files) for name, files in GRIDS.items()}
NEEDS = re.compile(r"^# needs .*\b(GPUs?|network|cluster)\b")


def commands(blocks: Callable[[str, str], list[str]]) -> Iterator[list[str]]:
    """The words of each command that needs nothing special."""
    for document in (*DOCUMENTS, *(f"docs/{page}.md" for page in PAGES)):
        assert not blocks(document, "bash"), f"{document}: fence commands as sh"
        for block in blocks(document, "sh"):
            if not NEEDS.match(block):
                for line in block.splitlines():
                    words = shlex.split(line, comments=True)
                    if words:
                        yield words


def test_every_command_is_of_a_known_program(blocks: Callable[[str, str], list[str]]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for words in commands(blocks):
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), words
        elif words[0] == "fd2":
            parser().parse_args(words[1:])
        elif words[:3] == ["python", "-m", "fd2.config.reference"]:
            pass  # test_settings_reference.py
        else:
            assert words[0] == "snakemake", words


@pytest.mark.slow
@pytest.mark.workflow
def test_snakemake_accepts_every_command(
    blocks: Callable[[str, str], list[str]], workspace: Path, tmp_path: Path
) -> None:
    """Commands of the same config files are planned in one run; `test_plan.py` has the tables."""
    targets: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for words in commands(blocks):
        if words[0] == "snakemake":
            first = next((k for k, word in enumerate(words) if word.startswith("-")), len(words))
            asked = set(words[1:first] or ["all"])
            files = tuple(word for word in words[first:] if word.endswith(".yaml"))
            planned = {name for name in asked & set(SHEETS) if files == FILES_OF.get(name)}
            if left := asked - planned:
                targets[tuple(words[first:])].update(left)
    assert len(targets) > 5
    server = Server(tmp_path)
    project = Project(workspace, server)
    for options, asked in targets.items():
        done = project.snakemake(*sorted(asked), *options, "--dry-run", "--quiet")
        assert done.returncode == 0, (options, done.stdout[-2000:], done.stderr[-2000:])
    server.stop()
