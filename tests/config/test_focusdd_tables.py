"""FocusDD's students on Tiny ImageNet as its paper's table 9 has them, and what is timed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fd2.config.checks import checked_configuration
from fd2.config.layers import read_layers
from fd2.config.measured import measure_settings, measure_teachers
from fd2.config.names import Cell, SetName
from fd2.config.resolve import Configuration
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"


@pytest.fixture(scope="module")
def settings() -> Configuration:
    values = read_layers(CONFIG / "config.yaml", [CONFIG / "focusdd.yaml"])
    return checked_configuration(values, "focusdd.yaml", CONFIG)


def test_students_on_tiny_imagenet(settings: Configuration) -> None:
    for student in ("resnet18", "efficientnet_b0"):
        for ipc in (1, 100):
            name = SetName("tiny_imagenet", "focusdd", "plain", "base")
            own = settings.evaluate(Cell(name, ipc, student, 0))
            keys = ("momentum", "learning_rate", "weight_decay", "batch_size", "epochs", "eta")
            assert [own[key] for key in keys] == [0.9, 0.2, 1e-4, 256, 300, 1]
            assert settings.relabel(name, ipc)["batch_size"] == 256


def test_a_timed_selection_scores_crops_for_its_images_alone(settings: Configuration) -> None:
    name = SetName("imagenette", "rded", "plain", "base")
    found = measure_settings(settings, name, 10)
    assert found["patches"]["slots"] == found["select"]["images_per_class"] == 10
    assert settings.patches("imagenette", "rded")["slots"] > 10
    (scorer,) = measure_teachers(settings, name, 10)
    assert scorer.backbone == "resnet18"
    with pytest.raises(FD2Error, match="the time of method 'rded' with FD²"):
        measure_settings(settings, SetName("imagenette", "rded", "fd2", "base"), 10)
