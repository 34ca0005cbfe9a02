"""docs/figures.md names every shipped figure, and its example is accepted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import yaml

from fd2.config.checks import checked_configuration
from fd2.config.drawn_figures import drawn_figures
from fd2.config.figures import check_figure
from fd2.config.layers import merge, read_yaml

DOCUMENT = "docs/figures.md"


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


def test_the_example_is_accepted(
    repository: Path, blocks: Callable[[str, str], list[str]], tmp_path: Path
) -> None:
    config = read_yaml(repository / "config/config.yaml")
    (own,) = blocks(DOCUMENT, "yaml")
    for above in (read_yaml(repository / "config/quickstart.yaml"), yaml.safe_load(own)):
        config = merge(config, above)
    settings = checked_configuration(config, "config/figure5.yaml", repository / "config")
    assert drawn_figures(settings) == ["curves", "images", "attention", "figure5"]
    check_figure(settings, "figure5", tmp_path)
