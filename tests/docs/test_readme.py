"""What the README says can be done, and holds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from fd2.artifacts.images import read_distilled, write_distilled
from fd2.config.checks import checked_configuration
from fd2.config.layers import merge, read_yaml
from fd2.config.paths import ArtefactPaths

Blocks = Callable[[str, str], list[str]]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/artefacts.md",
    "docs/faq.md",
    "docs/settings.md",
    "docs/figures.md",
    "docs/commands.md",
    "docs/environments.md",
)


def edges(mermaid: str) -> set[tuple[str, str]]:
    """Arrows by the names of their rules."""
    names = dict(re.findall(r"(\w+)\[(\w+)\]", mermaid))
    arrows = re.findall(r"(\w+) --> (\w+)", mermaid)
    return {(names.get(a, a), names.get(b, b)) for a, b in arrows}


def leaves(value: Any, path: str = "") -> Mapping[str, Any]:
    """Values of nested mappings by dotted path."""
    if not isinstance(value, dict):
        return {path: value}
    found: dict[str, Any] = {}
    for key, child in value.items():
        found.update(leaves(child, f"{path}.{key}".lstrip(".")))
    return found


@pytest.mark.workflow
def test_the_graph_has_the_edges_of_the_workflow(repository: Path, blocks: Blocks) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--rulegraph", "mermaid-js"),
            *("--configfile", "config/quickstart.yaml"),
        ],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (drawn,) = blocks("README.md", "mermaid")
    assert edges(drawn) == edges(done.stdout)


def test_the_picture_has_as_many_edges_as_the_graph(repository: Path, blocks: Blocks) -> None:
    picture = (repository / "docs/images/rulegraph.svg").read_text(encoding="utf-8")
    (drawn,) = blocks("README.md", "mermaid")
    names = dict(
        re.findall(r"<title>(\d+)</title>.*?<text[^>]*>(\w+)</text>", picture, flags=re.DOTALL)
    )
    arrows = re.findall(r"<title>(\d+)&#45;&gt;(\d+)</title>", picture)
    assert {(names[a], names[b]) for a, b in arrows} == edges(drawn)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(repository: Path, document: str) -> None:
    text = (repository / document).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    here = (repository / document).parent
    assert [target for target in targets if not (here / target).exists()] == []


def test_commands_ask_for_targets_that_there_are(repository: Path, blocks: Blocks) -> None:
    config = merge(
        read_yaml(repository / "config/config.yaml"),
        read_yaml(repository / "config/quickstart.yaml"),
    )
    known = ArtefactPaths(
        checked_configuration(config, "quickstart", repository / "config")
    ).regex()
    shell = "\n".join(blocks("README.md", "sh"))
    targets = re.findall(r"^snakemake results/(\S+)", shell, re.MULTILINE)
    assert len(targets) == 4
    for target in targets:
        # Archives are made by a rule of their own.
        assert re.fullmatch(known, target) or target.startswith("exports/"), target
    for command in re.findall(r"^snakemake .*", shell, re.MULTILINE):
        assert command.index("--cores") < command.index("--configfile"), "targets come first"


def test_makefile_has_the_commands(repository: Path, blocks: Blocks) -> None:
    rules = (repository / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", "\n".join(blocks("README.md", "sh")), re.MULTILINE):
        assert re.search(rf"^{target}:", rules, re.MULTILINE)


def test_own_images_config_is_accepted(repository: Path, blocks: Blocks, tmp_path: Path) -> None:
    shutil.copytree(repository / "config", tmp_path / "config")
    (sheet,) = blocks("README.md", "csv")
    (tmp_path / "config/tables/mine.csv").write_text(sheet)
    (mine,) = blocks("README.md", "yaml")
    config = read_yaml(repository / "config/config.yaml")
    for above in (read_yaml(repository / "config/quickstart.yaml"), yaml.safe_load(mine)):
        config = merge(config, above)
    found = checked_configuration(config, "config/mine.yaml", tmp_path / "config")
    assert found.prepare("mine")["options"] == {"path": "photos/mine", "test_fraction": 0.25}
    assert {row.dataset for row in found.rows("mine")} == {"mine"}
    assert found.slots("mine", "sre2lpp", "fd2", "base") * 2 * 2 == 20


def test_five_lines_of_pytorch(
    blocks: Blocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results/distilled/elpv/sre2lpp/fd2/base/ipc5.safetensors"
    images = torch.randint(256, (2, 3, 3, 4, 4), generator=torch.Generator().manual_seed(0))
    facts = {"manifest": "0", "mean": [0.5, 0.25, 0.125], "std": [0.5, 0.25, 0.25]}
    write_distilled(path, images.to(torch.uint8), facts)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    (code,) = blocks("README.md", "python")
    exec(code, names)
    pixels, label = names["dataset"][3]
    stored = read_distilled(path)
    expected = (stored.images[3, 1].double() / 255 - 0.25) / 0.25
    torch.testing.assert_close(pixels[1].double(), expected, rtol=0, atol=1e-6)
    assert label == stored.labels[3] == 1


def test_the_table_of_presets_names_each_difference(repository: Path) -> None:
    presets = [
        leaves(read_yaml(repository / f"config/protocols/{name}.yaml"))
        for name in ("paper", "release")
    ]
    differing = {
        ".".join(path.split(".")[:2]) if path.startswith("overrides.") else path
        for path in presets[0].keys() | presets[1].keys()
        if presets[0].get(path) != presets[1].get(path)
    }
    section = (repository / "README.md").read_text().split("## Two presets")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)) == differing


def test_citation_has_the_version_of_the_package(repository: Path) -> None:
    citation = yaml.safe_load((repository / "CITATION.cff").read_text(encoding="utf-8"))
    project = (repository / "pyproject.toml").read_text()
    assert f'version = "{citation["version"]}"' in project
    assert citation["license"] == "MIT" and citation["authors"]
    assert citation["preferred-citation"]["authors"]
