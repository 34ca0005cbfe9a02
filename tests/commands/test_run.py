"""Config files that `fd2 run` finds by a name, in their order; faults before Snakemake starts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fd2.commands.run import command, config_files
from fd2.config.layers import read_layers
from fd2.errors import FD2Error

if TYPE_CHECKING:
    from tests.commands.conftest import Command

CONFIG = Path(__file__).resolve().parents[2] / "config"
NAMES = sorted(path.stem for path in CONFIG.glob("*.yaml") if path.stem != "config")


@pytest.mark.parametrize("name", NAMES)
def test_each_shipped_config_is_found_with_those_before_it(name: str) -> None:
    files = config_files(name, CONFIG)
    assert files[-1] == str(CONFIG / f"{name}.yaml")
    read_layers(CONFIG / "config.yaml", files)
    assert config_files(f"{name}.yaml", CONFIG) == config_files(files[-1], CONFIG) == files


def test_files_before_files_before_a_config_are_found(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("after: [sweep.yaml]\nseeds: [0]\n")
    files = config_files(str(tmp_path / "mine.yaml"), CONFIG)
    assert [Path(file).stem for file in files] == ["grid", "typefaces", "sweep", "mine"]


def test_configs_that_want_each_other_before_them_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("after: [b.yaml]\nseeds: [0]\n")
    (tmp_path / "b.yaml").write_text("after: [a.yaml]\nseeds: [0]\n")
    with pytest.raises(FD2Error, match=r"a\.yaml and b\.yaml want each other"):
        config_files("a", tmp_path)


def test_what_the_user_sets_is_not_set_again() -> None:
    words = command(["tiny"], ["a.yaml"], ["-c", "1", "--logger", "rich", "--forceall"])
    assert shlex.join(words) == ("snakemake tiny --configfile a.yaml -c 1 --logger rich --forceall")
    assert command([], ["a.yaml"], [])[1:3] == ["--cores", "all"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["quikstart"], ("no config 'quikstart'", "did you mean 'quickstart'?", "fd2 init")),
        (["config/none.yaml"], ("no config", "config/none.yaml")),
        (["config"], ("all runs begin with this config", "snakemake --cores all")),
        (["quickstart", "--json"], ("a run prints no JSON", "fd2 plan")),
        (["quickstart", "--configfile", "config/none.yaml"], ("config/none.yaml",)),
    ],
)
def test_faults_are_told_before_snakemake_starts(
    workflow: Path, fd2: Command, words: list[str], told: tuple[str, ...]
) -> None:
    printed = fd2("run", *words)
    assert printed.code == 1 and printed.out == ""
    assert all(part in printed.err for part in (*told, "where:", "fix:")), printed.err


def test_a_folder_without_a_workflow_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fd2: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no Snakefile here" in fd2("run", "quickstart").err
