"""config/edf.yaml: each set has the settings of the code of its paper, or of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fd2.config.checks import check_table, checked_configuration
from fd2.config.experts import experts_of
from fd2.config.layers import merge, read_yaml
from fd2.config.names import Cell, SetName
from fd2.config.resolve import Configuration
from fd2.config.rows import ComplexityRow, StudentRow
from fd2.datasets._imagenet_classes import COMP_DD, MTT
from fd2.datasets.imagenet_subset import SUBSETS

CONFIG = Path(__file__).resolve().parents[2] / "config"
KEYS = (
    *("images", "labels", "batch", "steps", "first", "most", "until", "threshold", "dropped"),
    *("interval", "beta", "rate", "initial"),
)
#: Of configs/ImageNet in the public code, by hand; None for a batch of all images.
CODE: dict[tuple[str, int], tuple[float | None, ...]] = {
    ("nette", 1): (1e4, 2, None, 40, 5, 10, 1000, 1.5, 0, 50, 1, 1e-5, 0.01),
    ("nette", 10): (1e3, 2, None, 40, 10, 20, 1000, 1.5, 0.25, 100, 1, 1e-5, 0.01),
    ("nette", 50): (1e3, 5, 128, 80, 20, 40, 2000, 1.5, 0.375, 200, 1, 1e-5, 0.01),
    ("woof", 1): (1e4, 3, None, 40, 5, 10, 1000, 2, 0, 50, 1, 1e-5, 0.01),
    ("woof", 10): (1e3, 3, None, 40, 10, 20, 1000, 2, 0.25, 100, 2, 1e-6, 0.01),
    ("woof", 50): (100, 5, 250, 40, 20, 40, 2000, 1.5, 0.375, 200, 2, 1e-5, 0.01),
    ("meow", 1): (1e4, 3, None, 40, 5, 10, 1000, 2, 0, 50, 1, 1e-5, 0.01),
    ("meow", 10): (1e3, 2, None, 40, 10, 20, 1000, 2, 0.25, 100, 1, 1e-5, 0.01),
    ("meow", 50): (100, 5, 128, 80, 20, 40, 2000, 1.1, 0.375, 100, 1, 1e-5, 0.01),
    ("yellow", 1): (1e4, 3, None, 40, 5, 10, 1000, 1.5, 0, 50, 1, 1e-5, 0.01),
    ("yellow", 10): (1e3, 3, None, 40, 10, 20, 1000, 2, 0.25, 100, 1, 1e-5, 0.01),
    ("yellow", 50): (100, 5, 200, 40, 20, 40, 1000, 1.5, 0.375, 200, 1, 1e-5, 0.01),
    ("squawk", 1): (1e4, 3, None, 40, 5, 10, 1000, 1.5, 0, 50, 1, 1e-5, 0.01),
    ("squawk", 10): (1e3, 3, None, 40, 10, 20, 1000, 2, 0.25, 100, 1, 1e-5, 0.01),
    ("squawk", 50): (100, 5, 128, 80, 20, 40, 1000, 1.1, 0.5, 100, 1, 1e-5, 0.005),
    # Those of IPC 1 and 10 are in part Yellow's; see the config.
    ("fruit", 1): (1e4, 5, None, 40, 5, 10, 1000, 1.5, 0, 50, 1, 1e-5, 0.01),
    ("fruit", 10): (1e3, 5, None, 40, 10, 20, 1000, 2, 0.25, 100, 1, 1e-5, 0.01),
    ("fruit", 50): (100, 5, 128, 80, 20, 40, 1000, 1.1, 0.375, 100, 1, 1e-5, 0.01),
    # Table 11 of the paper for rates, batches, shares, intervals and β.
    ("bird_easy", 1): (1e4, 2, None, 40, 5, 10, 1000, 1.7, 0, 50, 1, 1e-5, 0.01),
    ("bird_easy", 10): (1e3, 3, None, 40, 10, 20, 1000, 2, 0.25, 100, 1, 1e-5, 0.01),
    ("bird_easy", 50): (100, 5, 200, 40, 20, 40, 1000, 1, 0.375, 200, 2, 1e-5, 0.01),
    ("bird_hard", 1): (1e4, 2, None, 40, 5, 10, 1000, 1.5, 0, 50, 1, 1e-5, 0.01),
    ("bird_hard", 50): (100, 5, 200, 40, 20, 40, 2000, 1, 0.375, 200, 2, 1e-5, 0.01),
    ("dog_easy", 10): (1e3, 5, None, 40, 10, 20, 1000, 2, 0.25, 100, 1, 1e-5, 0.01),
    ("dog_hard", 1): (1e4, 2, None, 40, 5, 10, 1000, 2.5, 0, 50, 1, 1e-5, 0.01),
    ("dog_hard", 10): (1e3, 2, None, 40, 10, 20, 1000, 2, 0.25, 100, 1, 1e-5, 0.01),
    ("car_easy", 1): (1e4, 3, None, 40, 5, 10, 1000, 2, 0, 50, 1, 1e-5, 0.01),
    ("car_hard", 50): (100, 5, 200, 40, 20, 40, 2000, 1.5, 0.375, 200, 2, 1e-5, 0.01),
}


def shipped(preset: str) -> Configuration:
    values = merge(read_yaml(CONFIG / "config.yaml"), read_yaml(CONFIG / "edf.yaml"))
    return checked_configuration({**values, "preset": preset}, "test", CONFIG)


@pytest.fixture(scope="module")
def settings() -> Configuration:
    return shipped("paper")


def matched(settings: Configuration, dataset: str, method: str, ipc: int) -> dict[str, Any]:
    own = settings.whole_set(SetName(dataset, method, "plain", "base"), ipc)["method_settings"]
    start, enhancement = own["start_epochs"], own["enhancement"]
    assert start["least"] == 0 and own["expert_epochs"] == 2 and own["iterations"] == 10_000
    return {
        "images": own["images_learning_rate"],
        "labels": own["labels_learning_rate"],
        "batch": own["batch_synthetic"],
        "steps": own["inner_steps"],
        "first": start["first"],
        "most": start["most"],
        "until": start["widened_until"],
        "threshold": own["threshold"],
        "dropped": own["dropped_share"],
        "interval": enhancement["interval"],
        "beta": enhancement["beta"],
        "rate": own["rate_learning_rate"],
        "initial": own["initial_rate"],
    }


@pytest.mark.parametrize(("dataset", "ipc"), CODE)
def test_each_set_has_its_settings(settings: Configuration, dataset: str, ipc: int) -> None:
    found = matched(settings, dataset, "edf", ipc)
    assert found == dict(zip(KEYS, CODE[dataset, ipc], strict=True))
    # DATM has them too, but for what is EDF's own.
    datm = matched(settings, dataset, "datm", ipc)
    shared = [key for key in KEYS if key not in ("dropped", "interval", "beta")]
    assert {key: datm[key] for key in shared} == {key: found[key] for key in shared}
    assert (datm["dropped"], datm["beta"]) == (0, None)


def test_the_datasets_are_all_subsets_by_their_names(settings: Configuration) -> None:
    entries = settings.values["datasets"]
    found = {name: e["subset"] for name, e in entries.items() if e["kind"] == "imagenet_subset"}
    assert found == {name: name for name in SUBSETS} | {f"{name}_224": name for name in COMP_DD}
    dropped = [name for name, entry in entries.items() if "repeated_class" in entry]
    assert dropped == ["music_hard", "music_hard_224"]


def test_complexity_is_measured_through_all_of_imagenet_s_classes(settings: Configuration) -> None:
    rows = settings.sheet("edf_figure4b").rows_of(ComplexityRow)
    assert [row.dataset for row in rows] == [f"{name}_224" for name in COMP_DD]
    for row in rows:
        network = settings.pretrain(row.network)
        assert (network["classifier"], network["epochs"]) == ("imagenet_whole", 0)
        assert settings.values["datasets"][row.dataset]["resolution"] == 224
        assert row.published is not None and 0.5 < row.published < 0.8
    # Hard before easy of each category, and the more complex.
    assert all(
        hard.published > easy.published for hard, easy in zip(rows[::2], rows[1::2], strict=True)
    )


def test_the_preset_says_whose_maps_sets_follow(settings: Configuration) -> None:
    """Trained on the dataset, or as in the code ImageNet's for its first ten classes."""
    release = shipped("release")
    as_it_is = {"epochs": 0, "batch_norm_statistics": "running", "initialisation": "imagenet"}
    for dataset in (*MTT, *COMP_DD, "cub200", "cifar10_128"):
        name = SetName(dataset, "edf", "plain", "base")
        (paper,) = map(settings.pretrain, settings.distill_teachers(name, 10))
        assert (paper["classifier"], paper["epochs"]) == ("fresh", 10)
        (own,) = map(release.pretrain, release.distill_teachers(name, 10))
        of_imagenet = dataset in (*MTT, *COMP_DD)
        assert own["classifier"] == ("imagenet_unmapped" if of_imagenet else "fresh")
        assert (as_it_is.items() <= own.items()) == of_imagenet
    mapped = SetName("meow", "edf", "plain", "imagenet-maps")
    for preset in (settings, release):
        (own,) = map(preset.pretrain, preset.distill_teachers(mapped, 10))
        assert own["classifier"] == "imagenet" and as_it_is.items() <= own.items()
    for table in release.tables():
        check_table(release, table)


def test_experts_and_students(settings: Configuration) -> None:
    for method, variant, labels, rate in (
        ("random", None, "hard", 0.01),
        ("mtt", "base", "hard", "learned"),
        ("datm", "gsam-experts", "learned", "learned"),
        ("edf", "gsam-experts", "learned", "learned"),
    ):
        name = SetName("meow", method, "plain", "base")
        experts = experts_of(settings, name, 10)
        assert {expert.variant for expert in experts} == ({variant} if variant else set())
        assert len(experts) == (100 if variant else 0)
        student = settings.evaluate(Cell(name, 10, "convnet", 0))
        assert (student["labels"], student["learning_rate"]) == (labels, rate)
        assert student["direct"]["batch_size"] == 128


def test_each_sheet_has_random_images_of_each_size(settings: Configuration) -> None:
    for table in settings.tables():
        rows = settings.sheet(table).rows_of(StudentRow)
        planned = [row for row in rows if row.variant and row.ipc is not None]
        cells = {(row.dataset, row.ipc, row.student) for row in planned}
        assert cells == {
            (row.dataset, row.ipc, row.student) for row in planned if row.method == "random"
        }


def test_students_with_knowledge_distillation(settings: Configuration) -> None:
    """RDED's for ten classes; the teacher is the network of full data."""
    for method, ipc, batch in (("edf", 1, 10), ("rded", 10, 50), ("edf", 50, 100)):
        name = SetName("woof", method, "plain", "kd")
        labels = settings.relabel(name, ipc)
        assert (labels["batch_size"], labels["teacher_mode"]) == (batch, "eval")
        assert [one.path() for one in settings.relabel_teachers(name, ipc)] == [
            "teachers/woof/convnet/plain.safetensors"
        ]
        student = settings.evaluate(Cell(name, ipc, "convnet", 0))
        assert (student["protocol"], student["temperature"], student["eta"]) == ("decoupled", 20, 2)
        assert (student["learning_rate"], student["weight_decay"]) == (1e-3, 0.01)
        assert (student["epochs"], list(student["crop_scale"])) == (300, [0.5, 1])


def test_the_largest_sets_have_the_settings_of_fifty(settings: Configuration) -> None:
    for ipc in (200, 300):
        assert matched(settings, "meow", "edf", ipc) == matched(settings, "meow", "edf", 50)
