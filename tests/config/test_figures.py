"""Figures that cannot be drawn are refused when a run is planned."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from fd2.config import plugins
from fd2.config.checks import checked_configuration
from fd2.config.figures import check_figure, drawn_figures
from fd2.config.layers import merge, read_layers, read_yaml
from fd2.config.names import SetName
from fd2.config.paths import ArtefactPaths
from fd2.config.resolve import Configuration
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"
#: Read before others only.
SHARED = ("config.yaml", "grid.yaml")
#: Of prepared data, and the file that holds their names.
CLASSES = [f"class{k}" for k in range(200)]
MANIFEST = Path("results/data/cub200/manifest.json")


def configured(changes: dict[str, Any]) -> Configuration:
    return checked_configuration(
        merge(read_yaml(CONFIG / "config.yaml"), changes), "mine.yaml", CONFIG
    )


def in_their_order() -> list[list[Path]]:
    """Each shipped config with those that it needs before it, and config.yaml alone."""
    files = (path for path in sorted(CONFIG.glob("*.yaml")) if path.name not in SHARED)
    return [[], *([*(CONFIG / name for name in read_yaml(p).get("after", [])), p] for p in files)]


@pytest.mark.parametrize(
    "files", in_their_order(), ids=lambda files: files[-1].stem if files else ""
)
def test_shipped_figures_can_be_drawn(files: list[Path]) -> None:
    settings = checked_configuration(read_layers(CONFIG / "config.yaml", files), "", CONFIG)
    paths = ArtefactPaths(settings)
    known = re.compile(paths.regex())
    for figure in drawn_figures(settings):
        check_figure(settings, figure, None, MANIFEST)
        spec = settings.values["figures"][figure]
        inputs = plugins.load("figures", spec["kind"]).inputs(spec, settings.values["seeds"])
        for path in chain(*inputs.values()):
            assert known.fullmatch(paths.shared(path)), f"{figure} asks for {path}"


def test_pages_of_the_appendix_show_each_class_once() -> None:
    figures = read_yaml(CONFIG / "config.yaml")["figures"]
    shown: dict[str, list[int]] = {}
    for name, figure in figures.items():
        if name.startswith("appendix-"):
            assert figure["ipc"] == figure["slots"] == 1
            of = figure["classes"]
            ids = range(of["first"], of["first"] + of["count"] * of["step"], of["step"])
            shown.setdefault(figure["dataset"], []).extend(ids)
    sizes = {"cub200": 200, "aircraft": 100, "cars": 196}
    assert shown == {dataset: list(range(count)) for dataset, count in sizes.items()}


def test_figure_4_has_teachers_of_nine_ratios() -> None:
    settings = configured({})
    spec = settings.values["figures"]["figure4"]
    teachers = [
        settings.pretrain(
            settings.teacher(SetName(spec["dataset"], "sre2lpp", "fd2", variant), spec["backbone"])
        )
        for variant in spec["teacher_variants"]
    ]
    ratios = [teacher["cal"]["cal_ratio"] for teacher in teachers]
    assert ratios == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert {teacher["cal"]["attention_maps"] for teacher in teachers} == {8}


@pytest.mark.parametrize(
    ("figure", "changes", "messages"),
    [
        (
            "figure4",
            {"teacher_variants": ["hard-labels"]},
            ["variant 'hard-labels' does not change the teacher", "with a section 'pretrain'"],
        ),
        (
            "figure4",
            {"teacher_variants": ["pretrain-cal-ratio-0.25"]},
            ["unknown variant 'pretrain-cal-ratio-0.25'", "did you mean 'pretrain-cal-ratio"],
        ),
        ("figure5", {"ipc": 6}, ["ipc 6 of method 'sre2lpp' on 'cub200'", "only 5 slots"]),
        (
            "images",
            {"rows": [{"method": "rded", "fd2": "plain", "variant": "bse"}]},
            ["unknown variant 'bse'", "did you mean 'base'?"],
        ),
        (
            "images",
            {"rows": [{"method": "rdde", "fd2": "plain", "variant": "base"}]},
            ["unknown method 'rdde'", "did you mean 'rded'?"],
        ),
        ("figure1b", {"class": "clas7"}, ["unknown class 'clas7'", "mean 'class7'", "manifest"]),
        ("images", {"classes": ["class1", "x"]}, ["unknown class 'x'", "manifest.json"]),
        (
            "figure6",
            {"classes": {"first": 190, "count": 2, "step": 10}},
            ["class id 200 with 200 classes", "ids go from 0 to 199"],
        ),
    ],
)
def test_a_fault_is_named(figure: str, changes: dict[str, Any], messages: list[str]) -> None:
    right = {"class": "class3"} if figure in ("figure1b", "figure5") else {}
    settings = configured({"figures": {figure: {**right, **changes}}})
    with pytest.raises(FD2Error) as caught:
        check_figure(settings, figure, CLASSES, MANIFEST)
    for message in [*messages, f"figures.{figure}", "mine.yaml"]:
        assert message in str(caught.value)


def test_classes_are_not_asked_for_before_the_data_are_prepared() -> None:
    check_figure(configured({"figures": {"figure5": {"class": "x"}}}), "figure5", None, MANIFEST)


def test_figures_of_data_that_no_table_has_are_not_drawn() -> None:
    quickstart = read_yaml(CONFIG / "quickstart.yaml")
    assert drawn_figures(configured(quickstart)) == ["images", "attention"]
    assert drawn_figures(configured({})) == list(configured({}).values["figures"])


def test_a_name_is_one_target() -> None:
    spec = read_yaml(CONFIG / "config.yaml")["figures"]["figure6"]
    with pytest.raises(FD2Error, match="'table1' is the name of a table and of a figure"):
        configured({"figures": {"table1": spec}})
