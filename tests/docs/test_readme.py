"""What the README says can be done, and holds."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from fd2.artifacts.images import read_distilled

Blocks = Callable[[str, str], list[str]]
ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "config/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)


def edges(mermaid: str) -> set[tuple[str, str]]:
    """Arrows by the names of their rules."""
    names = dict(re.findall(r"(\w+)\[(\w+)\]", mermaid))
    arrows = re.findall(r"(\w+) --> (\w+)", mermaid)
    return {(names.get(a, a), names.get(b, b)) for a, b in arrows}


@pytest.mark.workflow
def test_the_graph_has_the_edges_of_the_workflow(repository: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--rulegraph", "mermaid-js"),
            *("--configfile", "config/quickstart.yaml", "--config", "seeds_together=False"),
        ],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    picture = (repository / "docs/images/rulegraph.svg").read_text(encoding="utf-8")
    names = dict(
        re.findall(r"<title>(\d+)</title>.*?<text[^>]*>(\w+)</text>", picture, flags=re.DOTALL)
    )
    arrows = re.findall(r"<title>(\d+)&#45;&gt;(\d+)</title>", picture)
    assert {(names[a], names[b]) for a, b in arrows} == edges(done.stdout)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(repository: Path, document: str) -> None:
    text = (repository / document).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    here = (repository / document).parent
    assert [target for target in targets if not (here / target).exists()] == []


def test_the_example_trains_on_a_distilled_set_and_its_soft_labels(
    blocks: Blocks, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(results.parent)
    name = "cells/sre2lpp/fd2/base/ipc3"
    (code,) = blocks("README.md", "python")
    assert len(code.splitlines()) <= 12 and "elpv/sre2lpp/fd2/base/ipc5" in code
    names: dict[str, Any] = {}
    exec(code.replace("elpv/sre2lpp/fd2/base/ipc5", name), names)
    stored = read_distilled(f"results/distilled/{name}.safetensors")
    pixels, label = names["dataset"][3]
    mean, std = stored.metadata["mean"][1], stored.metadata["std"][1]
    expected = (stored.images[3, 1].double() / 255 - mean) / std
    torch.testing.assert_close(pixels[1].double(), expected, rtol=0, atol=1e-6)
    assert label == stored.labels[3] == 1
    assert all(parameter.grad is not None for parameter in names["student"].parameters())


def test_citation_has_the_version_of_the_package(repository: Path) -> None:
    citation = yaml.safe_load((repository / "CITATION.cff").read_text(encoding="utf-8"))
    project = (repository / "pyproject.toml").read_text()
    assert f'version = "{citation["version"]}"' in project
    assert citation["license"] == "MIT" and citation["authors"]
    assert citation["preferred-citation"]["authors"]


def test_named_pages_exist(repository: Path) -> None:
    """Comments of configs, errors of the code and notes of sheets name pages of docs/."""
    done = subprocess.run(
        ["git", "grep", "-hoE", r"docs/[a-z_-]+\.md", "--", ":!docs"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    named = set(done.stdout.split())
    assert named and all((repository / name).is_file() for name in named), named
