"""config/README.md knows every shipped file, and the workflow file of the host every Python."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml


def test_every_config_and_sheet_has_its_line(repository: Path) -> None:
    text = (repository / "config/README.md").read_text(encoding="utf-8")
    configs = set(re.findall(r"`([\w/]+\.yaml)`", text))
    shipped = {
        str(p.relative_to(repository / "config")) for p in repository.glob("config/**/*.yaml")
    }
    assert configs == shipped
    named = set(re.findall(r"`(\w+)`", text.replace("`table1` to `table7`", "")))
    sheets = {path.stem for path in repository.glob("config/tables/*.csv")}
    assert sheets - named == {f"table{k}" for k in range(1, 8)}


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
