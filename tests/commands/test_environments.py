"""The lock fits the bounds of the project, and what installs it installs all of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [
    Requirement(text)
    for text in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["quickstart"])
]
LOCK = (ROOT / "envs" / "requirements.lock").read_text()
#: name, version, marker and digests of every entry.
ENTRIES = [
    (match[1], match[2], match[3], re.findall(r"--hash=sha256:([0-9a-f]{64})", match[4]))
    for match in re.finditer(
        r"^([a-z0-9._-]+)==(\S+)(?: ; ([^\\\n]*?))?((?: \\\n    --hash=\S+)*)$", LOCK, re.MULTILINE
    )
]


def test_every_entry_is_pinned_with_its_digests() -> None:
    lines = [line for line in LOCK.splitlines() if line and line[0] not in " #"]
    assert len(ENTRIES) == len(lines)
    assert all(digests for *_, digests in ENTRIES)
    assert "://" not in LOCK, "an address of one machine's index"


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_has_one_version_of_each_dependency_within_its_bounds(python: str) -> None:
    environment = {
        **{"python_version": python, "python_full_version": f"{python}.0"},
        **{"sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix"},
    }
    for requirement in WANTED:
        found = [
            version
            for name, version, marker, _ in ENTRIES
            if name == requirement.name and (not marker or Marker(marker).evaluate({**environment}))
        ]
        assert len(found) == 1, requirement
        assert requirement.specifier.contains(found[0]), (requirement, found)


@pytest.mark.parametrize("recipe", ["Dockerfile", "fd2.def"])
def test_container_recipes_install_the_lock_and_nothing_else(recipe: str) -> None:
    text = (ROOT / "envs" / recipe).read_text()
    installs = re.findall(r"pip install (.*)", text)
    (locked,) = [line for line in installs if "requirements.lock" in line]
    assert "--require-hashes" in locked
    assert [line for line in installs if line != locked] in ([], ["--no-deps --editable ."])
    copied = re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE)
    copied += re.findall(r"^%files\n +(\S+) ", text, re.MULTILINE)
    assert copied and all((ROOT / name).exists() for line in copied for name in line.split())
    (version,) = re.findall(r"python:(3\.\d+)", text)
    assert tuple(map(int, version.split("."))) >= (3, 11)


def test_every_rule_names_the_environment() -> None:
    rules = ROOT / "workflow" / "rules"
    named = set(
        re.findall(r'conda:\n\s+"([^"]+)"', "".join(p.read_text() for p in rules.rglob("*.smk")))
    )
    assert named == {"../../envs/fd2.yaml"}
    content = yaml.safe_load((ROOT / "envs" / "fd2.yaml").read_text())
    (packages,) = [entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict)]
    assert {Requirement(text).name for text in packages} >= {r.name for r in WANTED}
