"""docs/reproduce.md names every difference of the presets and every shipped figure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from fd2.config.checks import checked_configuration
from fd2.config.figures import check_figure, drawn_figures
from fd2.config.layers import merge, read_yaml

DOCUMENT = "docs/reproduce.md"


def leaves(value: Any, path: str = "") -> Mapping[str, Any]:
    """Values of nested mappings by dotted path."""
    if not isinstance(value, dict):
        return {path: value}
    found: dict[str, Any] = {}
    for key, child in value.items():
        found.update(leaves(child, f"{path}.{key}".lstrip(".")))
    return found


def test_the_table_of_presets_names_each_difference(repository: Path) -> None:
    presets = [
        leaves(read_yaml(repository / f"config/presets/{name}.yaml"))
        for name in ("paper", "release")
    ]
    differing = {
        ".".join(path.split(".")[:2]) if path.startswith("overrides.") else path
        for path in presets[0].keys() | presets[1].keys()
        if presets[0].get(path) != presets[1].get(path)
    }
    section = (repository / DOCUMENT).read_text().split("### Two presets")[1].split("\n##")[0]
    assert set(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)) == differing


def test_every_figure_has_its_line(repository: Path) -> None:
    figures = set(read_yaml(repository / "config/config.yaml")["figures"])
    text = (repository / DOCUMENT).read_text(encoding="utf-8")
    named = set(re.findall(r"\| `snakemake ([\w-]+)` \|", text))
    assert named <= figures
    pages = {name for name in figures if name.startswith("appendix-figure")}
    for first, last in ((1, 4), (5, 6), (7, 10)):
        assert re.search(rf"\| appendix {first}(?: to|,) {last} \|", text)
        pages -= {f"appendix-figure{k}" for k in range(first, last + 1)}
    assert not pages
    assert {name for name in figures if not name.startswith("appendix-figure")} <= named


def test_every_table_of_the_paper_is_named(repository: Path) -> None:
    config = read_yaml(repository / "config/config.yaml")
    text = (repository / DOCUMENT).read_text(encoding="utf-8")
    asked = {*config["tables"], *config["ablations"], *config["measurements"]}
    named = set(re.findall(r"`(\w+)`", text.split("## The paper's tables")[1].split("\n## ")[0]))
    assert {name for name in asked if not name.startswith("diagnostics")} <= named


def test_the_examples_are_accepted(
    repository: Path, blocks: Callable[[str, str], list[str]], tmp_path: Path
) -> None:
    config = read_yaml(repository / "config/config.yaml")
    shown = map(yaml.safe_load, blocks(DOCUMENT, "yaml"))
    for above in (read_yaml(repository / "config/quickstart.yaml"), *shown):
        config = merge(config, above)
    settings = checked_configuration(config, "config/figure5.yaml", repository / "config")
    assert drawn_figures(settings) == ["images", "attention", "figure5"]
    check_figure(settings, "figure5", None, tmp_path)
