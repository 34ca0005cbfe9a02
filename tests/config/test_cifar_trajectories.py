"""config/cifar_trajectories.yaml: each set has the settings of its authors' code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fd2.config.checks import checked_configuration
from fd2.config.layers import merge, read_yaml
from fd2.config.names import Cell, SetName
from fd2.config.resolve import Configuration
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"
KEYS = (
    *("steps", "aim", "least", "first", "most", "until", "images", "labels", "rate", "initial"),
    *("batch", "threshold"),
)
#: Of the public code, by hand; None for a batch of all images, or no threshold.
CODE: dict[tuple[str, str, int], tuple[float | None, ...]] = {
    ("mtt", "cifar10_zca", 1): (50, 2, 0, None, 2, 0, 100, 2, 1e-7, 0.01, None, None),
    ("mtt", "cifar10_zca", 10): (30, 2, 0, None, 20, 0, 100, 2, 1e-5, 0.001, None, None),
    ("mtt", "cifar10", 50): (30, 2, 0, None, 40, 0, 1000, 2, 1e-5, 0.001, None, None),
    ("mtt", "cifar100_zca", 1): (20, 3, 0, None, 20, 0, 1000, 2, 1e-5, 0.01, None, None),
    ("mtt", "cifar100", 10): (20, 2, 0, None, 20, 0, 1000, 2, 1e-5, 0.01, None, None),
    ("mtt", "cifar100_zca", 50): (80, 2, 0, None, 40, 0, 1000, 2, 1e-5, 0.01, 125, None),
    ("datm", "cifar10_zca", 1): (80, 2, 0, None, 4, 0, 100, 5, 1e-7, 0.01, None, 1.1),
    ("datm", "cifar10_zca", 10): (80, 2, 0, 10, 20, 1000, 100, 2, 1e-5, 0.01, None, 1),
    ("datm", "cifar10_zca", 50): (80, 2, 0, 20, 40, 2000, 1000, 2, 1e-5, 0.01, None, 1),
    ("datm", "cifar100_zca", 1): (40, 3, 0, 10, 20, 1000, 1000, 10, 1e-5, 0.01, None, 1),
    ("datm", "cifar100_zca", 10): (80, 2, 0, 30, 50, 2000, 1000, 10, 1e-5, 0.01, None, 1),
    ("datm", "cifar100_zca", 50): (80, 2, 20, None, 70, 0, 1000, 10, 1e-5, 0.01, 1000, 1),
}


@pytest.fixture(scope="module")
def settings() -> Configuration:
    values: dict[str, Any] = read_yaml(CONFIG / "config.yaml")
    for name in ("condensation.yaml", "cifar_trajectories.yaml"):
        values = merge(values, read_yaml(CONFIG / name))
    return checked_configuration(values, "test", CONFIG)


@pytest.mark.parametrize(("method", "dataset", "ipc"), CODE)
def test_each_set_has_its_settings(
    settings: Configuration, method: str, dataset: str, ipc: int
) -> None:
    name = SetName(dataset, method, "plain", "base")
    own = settings.whole_set(name, ipc)["method_settings"]
    start = own["start_epochs"]
    found = (
        *(own["inner_steps"], own["expert_epochs"]),
        *(start["least"], start["first"], start["most"], start["widened_until"]),
        *(own["images_learning_rate"], own["labels_learning_rate"]),
        *(own["rate_learning_rate"], own["initial_rate"]),
        *(own["batch_synthetic"], own["threshold"]),
    )
    wanted = CODE[method, dataset, ipc]
    assert dict(zip(KEYS, found, strict=True)) == dict(zip(KEYS, wanted, strict=True))
    assert (own["initial_images"] == "correct") == (method == "datm" and start["least"] == 0)
    student = settings.evaluate(Cell(name, ipc, "convnet", 0))
    assert student["learning_rate"] == "learned"
    assert student["labels"] == ("learned" if method == "datm" else "hard")
    assert student["direct"]["batch_size"] == (128 if method == "datm" else 256)
    assert settings.prepare(dataset).get("zca") == ({"epsilon": 0.1} if "zca" in dataset else None)


@pytest.mark.parametrize("method", ["herding", "sre2lpp", "rded", "random", "dm"])
def test_whitened_images_are_refused_to_what_does_not_whiten(
    settings: Configuration, method: str
) -> None:
    name = SetName("cifar10_zca", method, "plain", "base")
    if method in ("random", "dm"):
        assert settings.whole_set(name, 1)["dataset"] == "cifar10_zca"
        return
    with pytest.raises(FD2Error, match="whitened images"):
        settings.distill(name, 0)


def test_soft_labels_of_whitened_images_are_refused(settings: Configuration) -> None:
    values = merge(settings.values, {"evaluate": {"protocol": "decoupled", "labels": "soft"}})
    soft = Configuration(values, "test", CONFIG)
    with pytest.raises(FD2Error, match="whitened images"):
        soft.evaluate(Cell(SetName("cifar10_zca", "random", "plain", "base"), 1, "convnet", 0))
