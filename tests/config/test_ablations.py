"""The ablations as they are shipped: each variant changes what its label says, and nothing else."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from fd2.config.checks import checked_configuration
from fd2.config.layers import read_yaml
from fd2.config.names import SetName
from fd2.config.resolve import Configuration
from fd2.config.rows import StudentRow, TeacherRow
from fd2.config.variants import leaves, require_change

CONFIG = Path(__file__).resolve().parents[2] / "config"
#: FD² by constraint: (weight, alpha) and weight.
REGULARISERS = "regularisers"


@pytest.fixture(scope="module")
def settings() -> Configuration:
    return checked_configuration(read_yaml(CONFIG / "config.yaml"), "shipped", CONFIG)


def what_acts(settings: Configuration, dataset: str, variant: str) -> dict[str, Any]:
    """The numbers that tables 4 to 7 and appendix table 4 turn."""
    name = SetName(dataset, "sre2lpp", "fd2", variant)
    values = settings.distill(name, 0)
    ratio = values["cal_ratio"]
    if ratio is None:
        ratio = settings.pretrain(settings.teacher(name, "resnet18"))["cal"]["cal_ratio"]
    characteristic = values[REGULARISERS]["characteristic"]
    return {
        "ρ": ratio,
        "α": characteristic["alpha"],
        "N_s": len(values["slots"]),
        "λ": characteristic["weight"],
        "similarity": values[REGULARISERS]["similarity"]["weight"],
    }


@pytest.mark.parametrize(
    ("table", "fixed"),
    [
        ("table4", {"λ": 0.0, "similarity": 0.0, "α": 0.5, "N_s": 4}),
        ("table5", {"λ": 0.8, "similarity": 0.0, "ρ": 0.5, "N_s": 4}),
        ("table6", {"λ": 0.0, "similarity": 0.2, "ρ": 0.5, "α": 0.5}),
        ("appendix4", {"ρ": 0.5, "α": 0.5, "N_s": 4}),
    ],
)
def test_a_labelled_row_has_the_value_of_its_label(
    settings: Configuration, table: str, fixed: dict[str, float]
) -> None:
    rows = [row for row in settings.sheet(table).rows_of(StudentRow) if row.label]
    assert len(rows) == {"table4": 10, "table5": 5}.get(table, 4)
    for row in rows:
        name, value = row.label.split(" = ")
        acting = what_acts(settings, row.dataset, row.variant)
        assert acting[name] == float(value), row
        if table == "appendix4":
            assert acting["similarity"] == pytest.approx(1 - float(value))
        for key, expected in fixed.items():
            assert acting[key] == expected, row
        assert (row.method, row.fd2, row.student) == ("sre2lpp", "fd2", "resnet18")


def test_table_7_has_both_readings_of_no_constraint(settings: Configuration) -> None:
    table7 = settings.sheet("table7").rows_of(StudentRow)
    rows = {row.label: row for row in table7}
    weights = {
        label: tuple(what_acts(settings, "cub200", rows[label].variant)[k] for k in keys)
        for keys in [("λ", "similarity")]
        for label in rows
        if label
    }
    assert weights == {
        "no constraint": (0.0, 0.0),
        "characteristic alone": (0.8, 0.0),
        "similarity alone": (0.0, 0.2),
        "both constraints": (0.8, 0.2),
    }
    plain = [row for row in table7 if row.method == "sre2lpp" and not row.label]
    assert [(row.fd2, row.published) for row in plain] == [("plain", (60.0,))]
    sets = [SetName("cub200", "sre2lpp", fd2, "no-constraints") for fd2 in ("plain", "fd2")]
    trainings = [settings.teacher(name, "resnet18").training for name in sets]
    assert trainings == ["plain", "cal"], "without constraints the teacher keeps its attention"


@pytest.mark.parametrize(
    ("table", "columns"),
    [("table4", "cal_ratio"), ("table5", "alpha"), ("table6", "group_size"), ("appendix4", "λ")],
)
def test_published_values_fall_and_rise_as_printed(
    settings: Configuration, table: str, columns: str
) -> None:
    """Written a second time, from the paper."""
    printed = {
        "table4": [62.8, 63.3, 63.4, 62.1, 62.4, 75.1, 75.9, 74.8, 75.6, 75.2],
        "table5": [63.5, 63.7, 64.8, 64.7, 64.1],
        "table6": [64.1, 64.9, 66.1, 64.6],
        "appendix4": [65.4, 65.0, 65.7, 67.0],
    }
    rows = [row for row in settings.sheet(table).rows_of(StudentRow) if row.label]
    assert [row.published for row in rows] == [(value,) for value in printed[table]]


def test_ratios_of_figure_4_are_the_teachers(settings: Configuration) -> None:
    rows = settings.sheet("cal_ratio_teachers").rows_of(TeacherRow)
    found = []
    for row in rows:
        cal = settings.pretrain(row.teacher)["cal"]
        assert cal["attention_maps"] == 8
        found.append(cal["cal_ratio"])
    assert found == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def without_overrides(preset: str) -> dict[tuple[str, ...], object]:
    values = read_yaml(CONFIG / "presets" / f"{preset}.yaml")
    values.pop("overrides")
    return dict(leaves(values))


def test_each_difference_of_the_presets_is_a_variant_alone_and_all_are_together(
    settings: Configuration,
) -> None:
    paper, release = without_overrides("paper"), without_overrides("release")
    differing = {path: value for path, value in release.items() if paper[path] != value}
    variants = settings.values["variants"]
    alone = [dict(leaves(change)) for name, change in variants.items() if "release-" in name]
    for path, value in differing.items():
        assert {path: value} in alone, path
    assert dict(leaves(variants["release-together"])) == differing


def test_overrides_of_the_release_are_variants_where_they_change_something(
    settings: Configuration,
) -> None:
    """Some of them only keep what the preset ``paper`` does anyway: see docs/reproduce.md."""
    overrides = read_yaml(CONFIG / "presets" / "release.yaml")["overrides"]
    same = {"release-general-fadrm-images", "release-imagewoof-batch", "imagewoof-ipc10-rate"}
    same |= {"release-fadrm-students"}
    switched = {
        leaf
        for change in settings.values["variants"].values()
        for leaf in leaves(change)
        if not isinstance(leaf[1], list)
    }
    for name in overrides.keys() - same:
        assert set(leaves(overrides[name]["set"])) <= switched, name
    images = dict(leaves(overrides["release-general-fadrm-images"]["set"]))
    assert all(without_overrides("paper")[path] == value for path, value in images.items())


def test_every_variant_of_a_sheet_changes_the_shipped_config(
    settings: Configuration,
) -> None:
    for table in settings.values["ablations"]:
        for row in settings.sheet(table).rows_of(StudentRow):
            require_change(settings.values, row.variant, {"dataset": row.dataset}, "shipped")


def test_lists_name_every_sheet_of_the_paper() -> None:
    """Those of the embedded datasets stand in configs of their own, each in one at least."""
    lists = {
        path.name: [
            name for key in ("tables", "ablations", "measurements") for name in values.get(key, [])
        ]
        for path in CONFIG.glob("*.yaml")
        for values in [read_yaml(path)]
    }
    listed = lists.pop("config.yaml")
    own = {name for names in lists.values() for name in names}
    sheets = {path.stem for path in (CONFIG / "tables").glob("*.csv")}
    assert len(listed) == len(set(listed)) and set(listed) == sheets - own


def test_sheets_are_csv_with_notes() -> None:
    for path in (CONFIG / "tables").glob("*.csv"):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        widths = {len(row) for row in csv.reader(lines)}
        assert len(widths) == 1, path
