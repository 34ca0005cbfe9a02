"""Config files as users give them: read before Snakemake reads them, from wherever it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.workflow.conftest import Project, Server

pytestmark = pytest.mark.workflow
PREPARED = "results/data/tiny/manifest.json"


def refused(project: Any, *arguments: str, **environment: str) -> str:
    done = project.snakemake("--dry-run", *arguments, **environment)
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "Traceback (most recent call last)" not in output
    return str(output)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("device: cpu\nseeds: [0\n", "line 2", "not YAML"),
        ("device: cpu\n\tseeds: [0]\n", "line 2", "tabs"),
        ("seeds: [0]\ndevice: cpu\nseeds: [1]\n", "line 1 and line 3", "'seeds' stands twice"),
        ("datasets:\n  2024: {kind: elpv}\n", "line 2", 'put it in quotes: "2024"'),
        ("pretrain:\n  epochs: 2.0\n", "line 2", "write 2"),
        ("tables: [export]\n", "line 1", "a target of the workflow itself"),
        ("", "wrong.yaml\n", "no settings in it"),
        ("device: Ä".encode("latin-1"), "line 1", "not UTF-8"),
        ("device: cpu".encode("utf-16"), "wrong.yaml\n", "UTF-16"),
        ("pathvars: [results]\n", "line 1", "pathvars"),
    ],
    ids=str,
)
def test_a_fault_in_one_of_three_files(sources: Any, content: Any, line: str, words: str) -> None:
    right = sources.write("config/right.yaml", "device: cpu\n")
    wrong = sources.write("config/wrong.yaml", content)
    output = refused(sources, "--configfile", "config/quickstart.yaml", right, wrong)
    told = output[output.index("where: ") :]
    assert "config/wrong.yaml" in told and line in told and words in output and "fix:" in told


def test_a_target_stands_before_the_config_files(sources: Any) -> None:
    output = refused(sources, "--configfile", "config/quickstart.yaml", "quickstart")
    assert "'quickstart' is no config file" in output and "before --configfile" in output


def test_without_the_profile_the_rules_refuse_what_snakemake_reads(sources: Any) -> None:
    twice = sources.write("config/twice.yaml", "seeds: [0]\nseeds: [1]\n")
    output = refused(sources, "--workflow-profile", "none", "--configfile", twice)
    assert "config/twice.yaml, line 1 and line 2" in output


def test_values_of_the_command_line_are_read_as_yaml(tiny: Any) -> None:
    arguments = ("--configfile", "config/tiny.yaml", "--config")
    counts = tiny.dry_run(*arguments, "seeds=[0, 3]", "pretrain={learning_rate: 1e-3}")
    assert counts["evaluate"] == 2 * tiny.dry_run(*arguments[:2])["evaluate"]
    assert "where: setting 'seeds.0', --config" in refused(tiny, *arguments, "seeds=['0']")


def test_folders_with_variables(tiny: Any) -> None:
    arguments = (PREPARED.replace("results", "out/of/it"), "--configfile", "config/tiny.yaml")
    pathvars = "pathvars={results: $PLACE/of/it, logs: ~/logs}"
    output = refused(tiny, *arguments, "--config", pathvars)
    assert "the variable $PLACE is not set" in output and "--config pathvars" in output
    home = str(tiny.folder / "home")
    done = tiny.snakemake(
        *("--cores", "1", *arguments, "--config", pathvars), PLACE="out", HOME=home
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tiny.folder / "out/of/it/data/tiny/manifest.json").is_file()
    assert (tiny.folder / "home/logs/data/tiny.log").is_file()
    assert not (tiny.folder / "$PLACE").exists() and not (tiny.folder / "~").exists()


def test_a_second_spelling_of_a_seed(tiny: Any) -> None:
    cell = "results/students/tiny/random/plain/hard-labels/ipc2/resnet10t/seed00.json"
    output = refused(tiny, cell, "--configfile", "config/tiny.yaml")
    assert "the number in 'seed00.json' begins with 0" in output and "write seed0.json" in output


@pytest.mark.slow
def test_from_elsewhere(tiny: Any, server: Server, tmp_path: Path) -> None:
    """The Snakefile by its path, and then another working directory, give one and the same."""
    (tmp_path / "elsewhere").mkdir()
    elsewhere = Project(tmp_path / "elsewhere", server)
    photos = f"datasets={{tiny: {{path: {tiny.folder / 'photos'}}}}}"
    config = ("--configfile", str(tiny.folder / "config/tiny.yaml"), "--config", photos)
    snakefile = ("--snakefile", str(tiny.folder / "Snakefile"))
    done = elsewhere.snakemake(PREPARED, "--cores", "1", *snakefile, *config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (elsewhere.folder / PREPARED).is_file() and not (tiny.folder / "results").exists()
    assert elsewhere.dry_run(PREPARED, *snakefile, *config) == {}
    directory = ("--directory", str(elsewhere.folder))
    assert tiny.dry_run(PREPARED, *directory, *config) == {}
    counts = tiny.dry_run(*directory, *config)
    assert "prepare" not in counts and counts["tabulate"] == 2 and counts["summarise"] == 1
