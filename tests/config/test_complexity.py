"""What a sheet and the settings of complexity may say, and whose teachers the shipped one asks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from fd2.config.checks import checked_configuration
from fd2.config.complexity import ComplexitySettings, complexity_settings
from fd2.config.layers import merge, read_yaml
from fd2.config.names import Teacher
from fd2.config.resolve import Configuration
from fd2.config.rows import ComplexityRow
from fd2.config.settings import build
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"
HEADER = "# kind: complexity\ndataset,backbone,training\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the config folder."""
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


def configuration(folder: Path, text: str, **changes: Any) -> Configuration:
    """The shipped config with one sheet."""
    (folder / "tables" / "looked.csv").write_text(text + "\n")
    values = merge(read_yaml(folder / "config.yaml"), {"tables": ["looked"], **changes})
    return checked_configuration(values, "test.yaml", folder)


def merged(*names: str) -> Configuration:
    values: dict[str, Any] = read_yaml(CONFIG / "config.yaml")
    for name in names:
        values = merge(values, read_yaml(CONFIG / name))
    return checked_configuration(values, "shipped", CONFIG)


def test_a_row_and_its_settings(folder: Path) -> None:
    changed = {"complexity": {"thresholds": [0.9, 0.25, 0], "maps": "grad_cam"}}
    settings = configuration(folder, HEADER + "cub200,resnet18,cal", **changed)
    (row,) = settings.sheet("looked").rows_of(ComplexityRow)
    assert row.sources([0]) == ["complexity/cub200/resnet18/cal.json"]
    values = build(ComplexitySettings, complexity_settings(settings, row.network))
    assert values.thresholds == (0.0, 0.25, 0.9) and values.maps == "grad_cam"
    assert (values.dataset, values.backbone, values.training) == ("cub200", "resnet18", "cal")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cub,resnet18,plain", "unknown dataset 'cub'"),
        ("cub200,resnet8,plain", "unknown backbone 'resnet8'"),
        ("cub200,resnet18,plane", "unknown training 'plane'"),
    ],
)
def test_a_row_that_cannot_be_made_is_refused(folder: Path, line: str, message: str) -> None:
    with pytest.raises(FD2Error, match=message) as caught:
        configuration(folder, HEADER + line)
    assert "looked.csv, line 3" in caught.value.where


PUBLISHED = HEADER.replace("training", "training,published") + "cub200,resnet18,cal,"
GROUPED = HEADER.replace("training", "training,group") + "cub200,resnet18,cal,birds"


def grouped(**changes: Any) -> dict[str, Any]:
    group = {"dataset": "cub200", "classes": ["a", "b", "c", "d"], "size": 2, **changes}
    return {"complexity": {"groups": {"birds": group}}}


def test_a_row_of_a_group_has_the_file_of_all_classes(folder: Path) -> None:
    settings = configuration(folder, f"{GROUPED}\ncub200,resnet18,cal,", **grouped())
    one, other = settings.sheet("looked").rows_of(ComplexityRow)
    assert one.group == "birds" and one.sources([0]) == other.sources([0])
    # Groups are looked at by the table alone: the network's look at the images does not change.
    plain = configuration(folder, HEADER + "cub200,resnet18,cal")
    assert complexity_settings(settings, one.network) == complexity_settings(plain, one.network)


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        (GROUPED.replace("birds", "bird"), {}, "unknown group of classes of 'cub200' 'bird'"),
        (GROUPED, {"dataset": "aircraft"}, "unknown group of classes of 'cub200' 'birds'"),
        (GROUPED, {"dataset": "cub"}, "unknown dataset 'cub'"),
        (GROUPED, {"size": 3}, "the 3 easiest and the 3 hardest of 4 classes"),
        (GROUPED, {"size": 0}, "size"),
        (GROUPED, {"classes": ["a", "b", "a"]}, "'a' stands twice"),
        (GROUPED, {"classes": ["a"]}, "classes"),
    ],
)
def test_a_faulty_group_is_refused(
    folder: Path, text: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(FD2Error, match=message):
        configuration(folder, text, **grouped(**changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace("training", "variant") + "cub200,resnet18,base", "column"),
        (HEADER, "no rows"),
        (HEADER + "cub200,resnet18,cal\ncub200,resnet18,cal", "a row stands twice"),
        (PUBLISHED + "74.5", "a published complexity of 74.5"),
        (PUBLISHED + "0.5\ncub200,resnet18,cal,0.6", "a row stands twice"),
    ],
)
def test_a_faulty_sheet_is_refused(folder: Path, text: str, message: str) -> None:
    with pytest.raises(FD2Error, match=message):
        configuration(folder, text)


@pytest.mark.parametrize(
    "changed",
    [
        *({"thresholds": []}, {"thresholds": [0.5, 0.5]}, {"thresholds": [1]}),
        *({"thresholds": [-0.1]}, {"thresholds": 0.5}, {"maps": "attention"}),
    ],
)
def test_settings_out_of_range_are_refused(folder: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(FD2Error, match="complexity"):
        configuration(folder, HEADER + "cub200,resnet18,cal", complexity=changed)


@pytest.mark.parametrize(
    ("dataset", "names"),
    [
        ("elpv", ("grid.yaml", "elpv.yaml")),
        ("typefaces", ("grid.yaml", "typefaces.yaml")),
        (
            "fashion_mnist",
            ("condensation.yaml", "fashion_mnist.yaml", "fashion_mnist_small.yaml"),
        ),
    ],
)
def test_the_shipped_sheet_takes_the_teachers_of_other_tables(
    dataset: str, names: tuple[str, ...]
) -> None:
    """A teacher is trained once for both: its settings, and those of its data, are the same."""
    own, other = merged("grid.yaml", "complexity.yaml"), merged(*names)
    rows = own.sheet("complexity").rows_of(ComplexityRow)
    networks = [row.network for row in rows if row.dataset == dataset]
    assert networks and own.prepare(dataset) == other.prepare(dataset)
    for network in networks:
        assert own.pretrain(network) == other.pretrain(network)
        assert network == Teacher(dataset, network.backbone, "plain")
