"""FocusDD's students on Tiny ImageNet as its paper's table 9 has them."""

from __future__ import annotations

from pathlib import Path

from fd2.config.checks import checked_configuration
from fd2.config.layers import read_layers
from fd2.config.names import Cell, SetName

CONFIG = Path(__file__).resolve().parents[2] / "config"


def test_students_on_tiny_imagenet() -> None:
    values = read_layers(CONFIG / "config.yaml", [CONFIG / "focusdd.yaml"])
    settings = checked_configuration(values, "focusdd.yaml", CONFIG)
    for student in ("resnet18", "efficientnet_b0"):
        for ipc in (1, 100):
            name = SetName("tiny_imagenet", "focusdd", "plain", "base")
            own = settings.evaluate(Cell(name, ipc, student, 0))
            keys = ("momentum", "learning_rate", "weight_decay", "batch_size", "epochs", "eta")
            assert [own[key] for key in keys] == [0.9, 0.2, 1e-4, 256, 300, 1]
            assert settings.relabel(name, ipc)["batch_size"] == 256
