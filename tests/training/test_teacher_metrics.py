"""Both heads' metrics against single images, one forward pass each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fd2.artifacts.prepared import open_prepared
from fd2.augment.boxes import attention_boxes
from fd2.networks.stored_teacher import LoadedTeacher, read_teacher
from fd2.training.accuracy import accuracies, running_average_top1
from fd2.training.teacher_metrics import predict, teacher_metrics

if TYPE_CHECKING:
    from tests.conftest import Chain


@pytest.fixture(scope="module")
def teacher(chain: Chain) -> LoadedTeacher:
    return read_teacher(chain.cal, chain.job.device)


@pytest.fixture(scope="module")
def tested(chain: Chain) -> tuple[Tensor, Tensor]:
    test = open_prepared(chain.data).test
    return test.all_images(chain.job.device), test.labels


def test_heads_predict_as_for_single_images(
    teacher: LoadedTeacher, tested: tuple[Tensor, Tensor]
) -> None:
    """The attention head adds the logits of the image and of its attention crop."""
    network = teacher.network
    backbone, cal = predict(network, tested[0].split(5), teacher.normaliser, "exact")
    for row, image in enumerate(tested[0]):
        pixels = teacher.normaliser.normalise(image)[None]
        output = network(pixels)
        assert int(backbone[row]) == int(output.backbone_logits.argmax())
        mean_map = output.attention.mean(1)
        box = attention_boxes(mean_map, torch.tensor([0.1]), 32, 0.05)[0]
        top, left, height, width = (float(v) * 32 for v in box)
        if all(abs(v - round(v)) < 1e-3 for v in (top, left, height, width)):
            top, left, height, width = map(round, (top, left, height, width))
            piece = pixels[:, :, top : top + height, left : left + width]
            crop = interpolate(piece, size=(32, 32), mode="bilinear", align_corners=False)
            logits = output.cal_logits + network(crop).cal_logits
            assert int(cal[row]) == int(logits.argmax())


def test_metrics_of_both_heads(teacher: LoadedTeacher, tested: tuple[Tensor, Tensor]) -> None:
    """The running average is over batches of 32, as the release tests."""
    images, labels = (part.repeat_interleave(6, 0) for part in tested)
    heads = dict(
        zip(
            ("backbone", "cal"),
            predict(teacher.network, images.split(5), teacher.normaliser, "exact"),
            strict=True,
        )
    )
    exact, running = (
        teacher_metrics(teacher.network, images.split(5), labels, teacher.normaliser, rule, "exact")
        for rule in ("exact", "running_average")
    )
    for head, predictions in heads.items():
        assert exact[head] == accuracies(predictions, labels)
        assert running[head] == {
            "top1": running_average_top1(predictions, labels, 32),
            "balanced_top1": exact[head]["balanced_top1"],
        }


def test_a_plain_teacher_has_one_head(chain: Chain, tested: tuple[Tensor, Tensor]) -> None:
    plain = read_teacher(chain.plain, chain.job.device)
    metrics = teacher_metrics(
        plain.network, tested[0].split(5), tested[1], plain.normaliser, "exact", "exact"
    )
    assert metrics["cal"] is None and set(metrics["backbone"]) == {"top1", "balanced_top1"}


@pytest.mark.parametrize("training", [True, False])
def test_testing_leaves_the_teacher_as_it_was(
    teacher: LoadedTeacher, tested: tuple[Tensor, Tensor], training: bool
) -> None:
    network = teacher.network.train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    predict(network, tested[0].split(5), teacher.normaliser, "truncated")
    assert network.training == training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    network.eval()
