"""A workflow folder with the real artefacts of the tiny chain, and the command line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from fd2.__main__ import main
from fd2.config.layers import merge, read_yaml

REPOSITORY = Path(__file__).resolve().parents[2]
SHEET = """\
dataset,method,fd2,variant,ipc,student,published
cells,sre2lpp,fd2,base,3,shufflenet_v2,
"""


@dataclass(frozen=True)
class Printed:
    """What a command left."""

    code: int
    out: str
    err: str


Command = Callable[..., Printed]


@pytest.fixture
def workflow(chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that fd2 takes for the workflow's, as the present one; its data is prepared."""
    folder = tmp_path / "workflow"
    shutil.copytree(REPOSITORY / "config", folder / "config")
    (folder / "Snakefile").write_text("")
    (folder / "config" / "tables" / "cells.csv").write_text(SHEET)
    shutil.copytree(chain.data, folder / "results" / "data" / "cells")
    stages = ("prepare", "pretrain", "patches", "distill", "relabel", "evaluate")
    values = read_yaml(REPOSITORY / "config" / "config.yaml")
    values["figures"] = {}
    config = merge(
        values,
        {
            "device": "cpu",
            "threads": dict.fromkeys(stages, 1),
            "tables": ["cells"],
            "datasets": {
                "cells": {"kind": "imagefolder", "path": str(chain.images), "resolution": 32}
            },
            "pretrain": {"initialisation": "scratch"},
            "distill": {"methods": {"sre2lpp": {"teachers": ["resnet10t"], "maximum_roll": 4}}},
        },
    )
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def fd2(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in the present folder."""

    def run(*words: str) -> Printed:
        capsys.readouterr()
        code = main(words)
        return Printed(code, *capsys.readouterr())

    return run
