"""config/README.md knows every shipped file, and the workflow file of the host every Python."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

from fd2.config.sheets import read_sheet


def test_every_config_has_its_line(repository: Path) -> None:
    text = (repository / "config/README.md").read_text(encoding="utf-8")
    configs = set(re.findall(r"`([\w/]+\.yaml)`", text))
    shipped = {
        str(path.relative_to(repository / "config")) for path in repository.glob("config/**/*.yaml")
    }
    assert configs == shipped


def test_every_sheet_stands_with_its_kind(repository: Path) -> None:
    text = (repository / "config/README.md").read_text(encoding="utf-8")
    text = text.replace("`table1` to `table7`", ", ".join(f"`table{k}`" for k in range(1, 8)))
    lines = re.findall(r"^\| (\w+) \| `dataset,.*\| (.*) \|$", text, re.MULTILINE)
    told = {sheet: kind for kind, cell in lines for sheet in re.findall(r"`(\w+)`", cell)}
    shipped = {path.stem: read_sheet(path).kind for path in repository.glob("config/tables/*.csv")}
    assert told == shipped


def test_files_that_go_before_are_shipped(repository: Path) -> None:
    text = (repository / "config/README.md").read_text(encoding="utf-8")
    before = re.findall(r"^\| `\w+\.yaml`.*? \| (`[\w`, ]+) \|", text, re.MULTILINE)
    names = {name for cell in before for name in re.findall(r"`(\w+)`", cell)}
    assert names and all((repository / f"config/{name}.yaml").is_file() for name in names)


def test_pythons_of_the_host_are_those_of_the_package(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    told = {c.split(" :: ")[-1] for c in project["classifiers"] if ":: Python ::" in c}
    job = yaml.safe_load((repository / ".github/workflows/ci.yml").read_text())["jobs"]["run"]
    assert set(job["strategy"]["matrix"]["python"]) == told
    assert f">={min(told, key=lambda v: int(v.split('.')[1]))}" == project["requires-python"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == [".ci/run"]
