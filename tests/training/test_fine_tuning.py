"""Epochs on fresh real images after those on the set."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from fd2.artifacts.images import read_distilled, write_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.soft_labels import read_soft_labels
from fd2.config.protocols import FineTuningSettings
from fd2.errors import FD2Error
from fd2.training import student_training
from fd2.training.student_training import StudentData, StudentTraining

if TYPE_CHECKING:
    from tests.conftest import Chain

TUNING = FineTuningSettings(epochs=4, learning_rate=0.003, batch_size=8)
#: Real images are seen as they are.
PLAIN: dict[str, Any] = {"crop_scale": None, "cutmix_alpha": None}


def training(chain: Chain, nine: Path, labels: Path | None, **changes: Any) -> StudentTraining:
    soft = None if labels is None else read_soft_labels(labels)
    settings = chain.evaluate_settings(labels="hard" if soft is None else "soft", **changes)
    shared = StudentData(open_prepared(chain.data), read_distilled(nine), soft, chain.job.device)
    return StudentTraining(settings, shared, chain.job.device)


def test_each_epoch_sees_other_real_images_as_many_of_each_class(
    chain: Chain, nine: Path, labels: Path, fed: list[Tensor]
) -> None:
    train = open_prepared(chain.data).train
    run = training(chain, nine, labels, fine_tuning=TUNING, **PLAIN)
    run.run()
    real = run.data.normaliser.normalise(train.all_images(torch.device("cpu")))
    # Two epochs of four half batches on the set come before.
    halves = fed[8:]
    assert len(halves) == 4 * 4
    seen: list[frozenset[int]] = []
    for epoch in range(4):
        images = torch.cat(halves[4 * epoch : 4 * epoch + 4])
        same = (images[:, None] == real[None]).flatten(2).all(2)
        assert (same.sum(1) == 1).all()
        found = same.int().argmax(1)
        assert torch.bincount(train.labels[found]).tolist() == [3, 3, 3]
        seen.append(frozenset(found.tolist()))
        assert len(seen[-1]) == 9
    assert len(set(seen)) == 4


def test_what_comes_before_is_the_training_without_it(
    chain: Chain, nine: Path, labels: Path
) -> None:
    """The same numbers, whose last epoch is tested; then a cosine of its own, and class labels."""
    alone = training(chain, nine, labels).run()
    tuned = training(chain, nine, labels, fine_tuning=TUNING).run()
    assert [point["epoch"] for point in alone["curve"]] == [1]
    assert [point["epoch"] for point in tuned["curve"]] == [1, 5]
    assert tuned["curve"][0] == alone["curve"][0] and tuned["last"]["epoch"] == 5
    # Cross-entropy of three classes, not a divergence at a temperature of 20.
    assert tuned["curve"][1]["loss"] > 0.3 > alone["curve"][0]["loss"]
    again = training(chain, nine, labels, fine_tuning=TUNING).run()
    assert again == tuned
    other = training(chain, nine, labels, fine_tuning=TUNING, seed=1).run()
    assert other["curve"][1]["loss"] != tuned["curve"][1]["loss"]


def test_it_has_a_cosine_of_its_own_and_an_optimiser_that_starts_anew(
    chain: Chain, nine: Path, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    steps: list[int] = []
    set_rate = student_training.set_learning_rate

    def noted(optimiser: torch.optim.Optimizer, rate: float) -> None:
        rates.append(rate)
        set_rate(optimiser, rate)

    clear = student_training.clear_gradients

    def counted(optimiser: torch.optim.Optimizer, compile_mode: str) -> None:
        state = next(iter(optimiser.state.values()), None)
        steps.append(0 if state is None else int(state["step"]))
        clear(optimiser, compile_mode)

    monkeypatch.setattr(student_training, "set_learning_rate", noted)
    monkeypatch.setattr(student_training, "clear_gradients", counted)
    training(chain, nine, labels, fine_tuning=TUNING, eta=1.0).run()
    wanted = [0.003 / 2 * (1 + math.cos(math.pi * epoch / 4)) for epoch in range(4)]
    assert rates[2:] == pytest.approx(wanted)
    assert steps == [*range(4), *range(8)]


def test_too_few_real_images_are_refused_before_training(chain: Chain, tmp_path: Path) -> None:
    many = tmp_path / "many.safetensors"
    statistics = {"mean": [0.5] * 3, "std": [0.5] * 3, "manifest": "m"}
    write_distilled(many, torch.zeros(13, 3, 3, 32, 32, dtype=torch.uint8), statistics)
    with pytest.raises(FD2Error, match="12 training images, 13 are wanted"):
        training(chain, many, None, ipc=13, fine_tuning=TUNING)
