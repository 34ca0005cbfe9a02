"""Networks for small images through the stages: teacher, labels, student; grey data too."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from tests.conftest import Chain

from fd2.artifacts.files import read_json
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.networks.stored_teacher import build_teacher, read_teacher, write_teacher
from fd2.stages.evaluate import evaluate
from fd2.stages.pretrain import pretrain
from fd2.stages.relabel import relabel

CPU = torch.device("cpu")


def test_a_convnet_labels_images_for_students_with_a_small_stem(
    chain: Chain, nine: Path, tmp_path: Path
) -> None:
    teacher, labels = tmp_path / "t.safetensors", tmp_path / "labels"
    settings = chain.pretrain_settings("plain", backbone="convnet")
    pretrain(settings, chain.data, teacher, teacher.with_suffix(".json"), chain.job)
    relabel(chain.relabel_settings(), nine, [teacher], labels, chain.job)
    for student, stem in (("resnet10t", "cifar"), ("alexnet", "imagenet")):
        cell = tmp_path / f"{student}.json"
        of_student = chain.evaluate_settings(student=student, stem=stem)
        evaluate({cell: of_student}, chain.data, nine, labels, chain.job)
        assert read_json(cell)["settings"]["stem"] == stem
        assert 0 <= read_json(cell)["result"]["last"]["top1"] <= 100


@pytest.mark.parametrize(
    ("backbone", "images"),
    [("resnet18", NetworkInput(1, 28, "cifar")), ("convnet", NetworkInput(1, 28))],
)
def test_a_stored_teacher_is_built_again_for_its_images(
    backbone: str, images: NetworkInput, tmp_path: Path
) -> None:
    made = build_teacher(backbone, 4, None, initialisation="scratch", seed=3, images=images)
    facts = {"backbone": backbone, "classes": 4, "attention_maps": None, "stage": "pretrain"}
    facts |= {"mean": [0.5], "std": [0.2], **asdict(images)}
    write_teacher(tmp_path / "t.safetensors", made, facts)
    loaded = read_teacher(tmp_path / "t.safetensors", CPU).network
    seen = torch.randn(2, 1, 28, 28)
    with torch.no_grad():
        # The order in memory differs, and with it the rounding.
        torch.testing.assert_close(loaded.backbone(seen), made.eval().backbone(seen))
    other = {**facts, "stem": "imagenet", "resolution": 64}
    write_teacher(tmp_path / "other.safetensors", made, other)
    with pytest.raises(FD2Error, match=f"weights do not fit {backbone}"):
        read_teacher(tmp_path / "other.safetensors", CPU)
