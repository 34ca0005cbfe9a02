"""The protocol of dataset condensation against a plain loop."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fd2.artifacts.image_batches import ImageBatches
from fd2.artifacts.images import read_distilled, write_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.records import read_record
from fd2.artifacts.soft_labels import epoch_logits, read_soft_labels
from fd2.augment.differentiable import OPERATIONS, draw_augmentations
from fd2.config.protocols import DirectSettings
from fd2.config.settings import EvaluateSettings
from fd2.errors import FD2Error
from fd2.networks.backbone import Backbone
from fd2.networks.stored_teacher import read_teacher
from fd2.runtime.seeds import torch_generator
from fd2.stages.evaluate import evaluate
from fd2.stages.relabel import relabel
from fd2.training.direct_training import DirectTraining
from fd2.training.student_training import StudentData

if TYPE_CHECKING:
    from tests.conftest import Chain

EPOCHS, BATCH, RATE, DECAY, MOMENTUM = 7, 4, 0.05, 5e-3, 0.9


@pytest.fixture(
    params=[("hard", ()), ("hard", OPERATIONS), ("learned", OPERATIONS)],
    ids=["plain", "augmented", "learned"],
)
def settings(request: pytest.FixtureRequest, chain: Chain) -> EvaluateSettings:
    labels, operations = request.param
    return chain.evaluate_settings(
        student="convnet",
        protocol="direct",
        direct=DirectSettings(MOMENTUM, BATCH, operations),
        labels=labels,
        epochs=EPOCHS,
        learning_rate="learned" if labels == "learned" else RATE,
        weight_decay=DECAY,
        test_every=EPOCHS,
        memory_format="contiguous",
    )


@pytest.fixture
def learned(nine: Path, tmp_path: Path) -> Path:
    """The nine images with soft labels and a rate, as if their method had learned them."""
    images, path = read_distilled(nine), tmp_path / "learned.safetensors"
    slots = images.images.unflatten(0, (3, 3)).transpose(0, 1)
    logits = 2 * torch.randn(3, 3, 3, generator=torch.Generator().manual_seed(4))
    write_distilled(path, slots, images.metadata, learned_labels=logits, learned_rate=RATE)
    return path


def plain_loop(
    student: Backbone,
    images: Tensor,
    shares: Tensor,
    names: tuple[object, ...],
    operations: tuple[str, ...],
) -> list[float]:
    """SGD by hand, in the published order: train, and then lower the rate.

    Source: ``evaluate_synset`` of the public code of DC, whose number of epochs is one less than
    those it trains. ``shares`` of each class in each image's label add up to 1.
    """
    velocity: dict[str, Tensor] = {}
    losses = []
    rate, number = RATE, EPOCHS - 1
    schedule = [number // 2 + 1]
    for epoch in range(number + 1):
        draws = torch_generator(*names, "direct", epoch)
        order = torch.randperm(len(images), generator=draws).tolist()
        # Nine images in batches of four at most: three times three.
        for ids in (order[:3], order[3:6], order[6:]):
            seen = images[ids]
            if operations:
                seen = draw_augmentations(draws, operations, len(ids), shared=True).apply(seen)
            student.zero_grad()
            loss = -(shares[ids] * student(seen).log_softmax(1)).sum() / len(ids)
            loss.backward()
            losses.append(float(loss.detach()))
            with torch.no_grad():
                for name, weight in student.named_parameters():
                    step = weight.grad + DECAY * weight
                    if name in velocity:
                        step = MOMENTUM * velocity[name] + step
                    velocity[name] = step
                    weight -= rate * step
        if epoch in schedule:
            rate, velocity = 0.1 * rate, {}
    return losses


class InDouble(ImageBatches):
    """Images in float64, in [0, 1]."""

    def in_order(self, size: int) -> Iterator[Tensor]:
        return (batch.double() / 255 for batch in super().in_order(size))


def test_a_student_is_that_of_a_plain_loop(
    chain: Chain, learned: Path, settings: EvaluateSettings
) -> None:
    data = StudentData(open_prepared(chain.data), read_distilled(learned), None, chain.job.device)
    assert data.learned_labels is not None
    # In float64, in which rounding does not grow from step to step.
    data.images = data.images.double()
    data.test_images = InDouble(data.dataset.test, chain.job.device)
    data.learned_labels = data.learned_labels.double()
    shares = functional.one_hot(data.labels, 3).double()
    if settings.labels == "learned":
        powers = data.learned_labels.exp()
        shares = powers / powers.sum(1, keepdim=True)
    ours = DirectTraining(settings, data, chain.job.device)
    ours.student.double()
    theirs = copy.deepcopy(ours.student).train()
    result = ours.run()
    assert settings.direct is not None
    names = ("student", settings.seed, settings.dataset, settings.student)
    losses = plain_loop(theirs, data.images, shares, names, settings.direct.augmentation)
    for (name, mine), plain in zip(
        ours.student.named_parameters(), theirs.parameters(), strict=True
    ):
        torch.testing.assert_close(
            mine, plain, rtol=1e-6, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}"
        )
    of_last_epoch = losses[-3:]
    assert result["curve"][-1]["loss"] == pytest.approx(sum(of_last_epoch) / 3, rel=1e-5)
    assert [point["epoch"] for point in result["curve"]] == [EPOCHS - 1]


def test_other_seeds_see_other_augmentations(
    chain: Chain, learned: Path, settings: EvaluateSettings
) -> None:
    data = StudentData(open_prepared(chain.data), read_distilled(learned), None, chain.job.device)
    curves = [
        DirectTraining(replace(settings, seed=seed), data, chain.job.device).run()["curve"]
        for seed in (0, 0, 1)
    ]
    assert curves[0] == curves[1] != curves[2]


@pytest.fixture
def of_images(chain: Chain, learned: Path, tmp_path: Path) -> Path:
    """A soft label of each image as it is."""
    settings = chain.relabel_settings(
        **{"crop_scale": None, "cutmix_alpha": None, "teacher_mode": "eval", "head": "backbone"},
        **{"epochs": EPOCHS, "storage": {"top_k": None, "bits": 16, "stored_epochs": 1}},
    )
    relabel(settings, learned, [chain.plain], tmp_path / "labels", chain.job)
    return tmp_path / "labels"


def test_stored_labels_are_learned_from_as_logits_that_a_method_learned(
    chain: Chain, learned: Path, of_images: Path, settings: EvaluateSettings, tmp_path: Path
) -> None:
    """To the bit; and they are what the teacher says of each image by itself."""
    cpu, dataset, images = chain.job.device, open_prepared(chain.data), read_distilled(learned)
    settings = replace(settings, labels="soft", learning_rate=RATE)
    logits = epoch_logits(read_soft_labels(of_images), 0, cpu)
    data = StudentData(dataset, images, None, cpu)
    teacher = read_teacher(chain.plain, cpu).network.backbone
    with torch.no_grad():
        own = torch.cat([teacher(image[None]) for image in data.images])
    torch.testing.assert_close(logits, own, atol=2e-3, rtol=2e-3)
    data.learned_labels = logits
    theirs = DirectTraining(replace(settings, labels="learned"), data, cpu)
    wanted = theirs.run()
    output = tmp_path / "cell.json"
    evaluate({output: settings}, chain.data, learned, of_images, chain.job)
    record = read_record(output)
    assert record.result["curve"] == json.loads(json.dumps(wanted["curve"]))
    assert record.content["bytes"]["label_bytes"] >= 9 * 3 * 2


def test_labels_of_augmented_images_are_refused(
    chain: Chain, nine: Path, labels: Path, tmp_path: Path
) -> None:
    settings = chain.evaluate_settings(
        **{"protocol": "direct", "direct": DirectSettings(MOMENTUM, BATCH, ())},
        **{"labels": "soft", "epochs": 1},
    )
    with pytest.raises(FD2Error, match="under protocol 'direct'"):
        evaluate({tmp_path / "cell.json": settings}, chain.data, nine, labels, chain.job)
    assert not list(tmp_path.iterdir())
