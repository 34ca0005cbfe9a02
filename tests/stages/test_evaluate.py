"""Students: what they are fed, what they learn from, and what is written down."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fd2.artifacts.images import read_distilled, write_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.soft_labels import StoredAugmentation, read_soft_labels, write_soft_labels
from fd2.augment.normalise import Normaliser
from fd2.config.protocols import DirectSettings
from fd2.errors import FD2Error
from fd2.runtime.job import StateSettings
from fd2.stages.evaluate import evaluate
from fd2.stages.relabel import relabel
from fd2.training.accuracy import accuracies, correct_images, mistaken_images
from fd2.training.student_training import StudentData, StudentTraining, distillation_loss

if TYPE_CHECKING:
    from tests.conftest import Chain


def cell(
    chain: Chain, nine: Path, soft: Path | None, output: Path, **changes: Any
) -> dict[str, Any]:
    settings = chain.evaluate_settings(**changes)
    evaluate({output: settings}, chain.data, nine, soft, chain.job)
    written: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return written


def training(chain: Chain, nine: Path, folder: Path | None, **changes: Any) -> StudentTraining:
    soft = None if folder is None else read_soft_labels(folder)
    settings = chain.evaluate_settings(**changes)
    dataset, images = open_prepared(chain.data), read_distilled(nine)
    shared = StudentData(dataset, images, soft, chain.job.device)
    return StudentTraining(settings, shared, chain.job.device)


@pytest.mark.parametrize("student", ["shufflenet_v2", "resnet10t"])
def test_students_are_fed_the_very_pixels_that_were_labelled(
    chain: Chain, nine: Path, tmp_path: Path, fed: list[Tensor], student: str
) -> None:
    """Epoch by epoch and half by half, although nine images do not fill batches of eight."""
    folder = tmp_path / "labels"
    relabel(chain.relabel_settings(epochs=3), nine, [chain.cal], folder, chain.job)
    teacher = list(fed)
    fed.clear()
    cell(chain, nine, folder, tmp_path / "cell.json", student=student, epochs=3, test_every=1)
    assert [len(half) for half in teacher] == 3 * [2, 3, 2, 2]
    assert len(fed) == len(teacher)
    assert all(torch.equal(a, b) for a, b in zip(teacher, fed, strict=True))
    assert all(not torch.equal(a[:2], b[:2]) for a, b in pairwise(fed))


def test_stored_epochs_go_round(
    chain: Chain, nine: Path, packed_labels: Path, tmp_path: Path, fed: list[Tensor]
) -> None:
    """As if each were stored once more; and no further than the labels are meant for."""
    made = cell(chain, nine, packed_labels, tmp_path / "cell.json", epochs=2, test_every=1)
    # Two classes in 8 bits, and the augmentation, of nine images in one epoch of two batches.
    own = {"image_bytes": 9 * 3 * 32 * 32, "label_bytes": 9 * (6 + 65) + 4 * 8, "rate_bytes": 0}
    assert made["bytes"] == own
    assert len(fed) == 8 and all(map(torch.equal, fed[:4], fed[4:]))
    stored = read_soft_labels(packed_labels)
    twice = {k: v.repeat(2, *[1] * (v.ndim - 1)) for k, v in vars(stored.augmentation).items()}
    twice["half_sizes"] = stored.augmentation.half_sizes
    facts = copy.deepcopy(stored.metadata)
    facts["settings"]["storage"]["stored_epochs"] = None
    write_soft_labels(
        tmp_path / "twice", StoredAugmentation(**twice), np.repeat(stored.logits, 2, 0), facts
    )
    again = cell(chain, nine, tmp_path / "twice", tmp_path / "cell.json", epochs=2, test_every=1)
    assert again["result"] == made["result"]
    with pytest.raises(FD2Error, match="3 epochs of training, labels for 2"):
        cell(chain, nine, packed_labels, tmp_path / "cell.json", epochs=3)


def test_a_step_is_the_mean_over_its_two_halves(chain: Chain, nine: Path, tmp_path: Path) -> None:
    """Gradients of one batch, with batch-norm statistics of each half and labels by image id."""
    folder = tmp_path / "labels"
    relabel(chain.relabel_settings(batch_size=9), nine, [chain.cal], folder, chain.job)
    ours = training(chain, nine, folder)
    student = copy.deepcopy(ours.student).train()
    ours._epoch(1, torch.optim.SGD(ours.student.parameters(), lr=0.0))
    logits = torch.from_numpy(np.array(ours.data.soft.logits[1])).float()
    losses = []
    ((first, second),) = ours.replay.epoch(1)
    for half in (first, second):
        predicted = student(half.images) / 20
        target = (logits[half.ids] / 20).softmax(1)
        losses.append((target * (target.log() - predicted.log_softmax(1))).sum() / len(half.ids))
    assert (len(first.ids), len(second.ids)) == (4, 5)
    (sum(losses) / 2).backward()
    for (name, mine), theirs in zip(
        student.named_parameters(), ours.student.parameters(), strict=True
    ):
        scale = float(mine.grad.abs().max()) + 1e-6
        gap = float((mine.grad - theirs.grad).abs().max())
        assert gap <= 1e-3 * scale, name
    for mine, theirs in zip(student.buffers(), ours.student.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_hard_labels_weigh_classes_by_visible_area(chain: Chain, nine: Path) -> None:
    """Counted pixel by pixel, not the ratio that was drawn before rounding and clipping."""
    ours = training(chain, nine, None, labels="hard", epochs=4)
    assert torch.equal(ours.data.labels, torch.arange(3).repeat_interleave(3))
    plan = ours._own_plan()
    halves = [(e, h) for e in range(4) for batch in ours.replay.epoch(e) for h in batch]
    shares = []
    for epoch, half in halves:
        logs = ours.student(half.images).double().log_softmax(1)
        expected = []
        for log, own, other in zip(logs, half.ids, half.partners, strict=True):
            visible = torch.ones(32, 32, dtype=torch.float64)
            y0, y1, x0, x1 = plan.mix_boxes[epoch, own].tolist()
            visible[y0:y1, x0:x1] = 0
            share = visible.mean()
            shares.append(float(share))
            expected.append(-share * log[own // 3] - (1 - share) * log[other // 3])
        loss = ours._loss(ours.student(half.images), half, None).double()
        torch.testing.assert_close(loss, torch.stack(expected).mean(), rtol=1e-4, atol=1e-5)
    assert len(halves) == 16 and min(shares) < 0.9


def test_hard_labels_need_no_labels(chain: Chain, nine: Path, tmp_path: Path) -> None:
    made = cell(chain, nine, None, tmp_path / "cell.json", labels="hard")
    assert set(made["inputs"]) == {"distilled"}
    again = cell(chain, nine, None, tmp_path / "again.json", labels="hard", seed=1)
    assert made["result"]["curve"][0]["loss"] != again["result"]["curve"][0]["loss"]


def test_students_of_what_a_method_learned(chain: Chain, nine: Path, tmp_path: Path) -> None:
    """Labels and rate come with the set; without them nothing is trained."""
    images, path = read_distilled(nine), tmp_path / "learned.safetensors"
    slots = images.images.unflatten(0, (3, 3)).transpose(0, 1).float() / 255
    logits = 9 * torch.eye(3).expand(3, 3, 3)
    write_distilled(path, slots, images.metadata, learned_labels=logits, learned_rate=0.02)
    direct = DirectSettings(0.9, 8, ())
    own = {"student": "convnet", "protocol": "direct", "direct": direct}

    def loss(distilled: Path, **changes: Any) -> float:
        made = cell(chain, distilled, None, tmp_path / "cell.json", **{**own, **changes})
        assert set(made["inputs"]) == {"distilled"}
        assert made["bytes"] == {
            "image_bytes": 9 * 3 * 32 * 32 * 4,
            "label_bytes": 9 * 3 * 4 if changes["labels"] == "learned" else 9 * 8,
            "rate_bytes": 8 if changes["learning_rate"] == "learned" else 0,
        }
        return float(made["result"]["curve"][-1]["loss"])

    learned = loss(path, labels="learned", learning_rate="learned")
    # Labels of nearly one class each are nearly class labels.
    assert learned == loss(path, labels="learned", learning_rate=0.02)
    assert learned == pytest.approx(loss(path, labels="hard", learning_rate=0.02), rel=0.05)
    assert learned != loss(path, labels="hard", learning_rate=0.02)
    assert abs(learned - loss(path, labels="learned", learning_rate=0.001)) > 1e-3
    for changes, what in (
        ({"labels": "learned"}, "the set holds no learned labels"),
        ({"labels": "hard", "learning_rate": "learned"}, "the set holds no learned rate"),
    ):
        with pytest.raises(FD2Error, match=what) as refused:
            loss(nine, **changes)
        assert refused.value.where == str(nine)


def test_students_of_pictures_see_a_set_as_it_is_exported(
    chain: Chain, nine: Path, tmp_path: Path, fed: list[Tensor]
) -> None:
    """Clipped to black and white, in 8 bits."""
    images, path = read_distilled(nine), tmp_path / "float.safetensors"
    slots = images.images.unflatten(0, (3, 3)).transpose(0, 1).float() / 255
    beyond = slots + 0.3 * torch.randn(slots.shape, generator=torch.Generator().manual_seed(1))
    write_distilled(path, beyond, images.metadata)
    own = {"student": "convnet", "protocol": "direct", "direct": DirectSettings(0.9, 9, ())}
    shared = {**own, "labels": "hard", "epochs": 1}
    cell(chain, path, None, tmp_path / "cell.json", pictures=True, **shared)
    cell(chain, path, None, tmp_path / "cell.json", **shared)
    normaliser = Normaliser(images.metadata["mean"], images.metadata["std"])
    eight_bits, as_they_are = map(normaliser.denormalise, fed)
    levels = 255 * eight_bits
    assert levels.min() > -1e-2 and levels.max() < 255 + 1e-2
    assert (levels - levels.round()).abs().max() < 1e-2
    gap = (eight_bits - as_they_are.clamp(0, 1)).abs().max()
    assert as_they_are.min() < -0.2 and gap < 0.5 / 255 + 1e-4


def test_same_seed_same_cell(chain: Chain, nine: Path, labels: Path, tmp_path: Path) -> None:
    first, second, other = (
        cell(chain, nine, labels, tmp_path / f"{i}.json", seed=seed)
        for i, seed in enumerate((0, 0, 1))
    )
    assert first.pop("run")["threads"] == second.pop("run")["threads"] == 1
    # Covers the times too.
    assert first.pop("record_sha256") != second.pop("record_sha256")
    assert {**first, "artefact": None} == {**second, "artefact": None}
    assert other["result"]["curve"] != first["result"]["curve"]


def test_what_a_cell_says(chain: Chain, nine: Path, labels: Path, tmp_path: Path) -> None:
    made = cell(chain, nine, labels, tmp_path / "cell.json", epochs=2, test_every=1)
    assert made["cell"] == {
        "dataset": "cells",
        "method": "sre2lpp",
        "fd2": "fd2",
        "variant": "base",
        "ipc": 3,
        "student": "shufflenet_v2",
        "seed": 0,
    }
    result = made["result"]
    assert [point["epoch"] for point in result["curve"]] == [0, 1]
    last = {k: v for k, v in result["curve"][-1].items() if k != "loss"}
    assert result["last"] == last
    best = result["best_chosen_on_test"]["top1"]
    assert best == max(point["top1"] for point in result["curve"])
    assert made["manifest"] == open_prepared(chain.data).manifest.digest()
    assert set(made["inputs"]) == {"distilled", "logits", "augmentation"}


def test_the_student_is_tested_in_evaluation_mode(chain: Chain, nine: Path, labels: Path) -> None:
    ours = training(chain, nine, labels)
    ours.student.train()
    before = [buffer.clone() for buffer in ours.student.buffers()]
    together = ours.predictions(0)
    assert all(torch.equal(a, b) for a, b in zip(before, ours.student.buffers(), strict=True))
    test = open_prepared(chain.data).test
    predictions = []
    for image in test.all_images(chain.job.device):
        predictions.append(
            int(ours.student(ours.data.normaliser.normalise(image)[None])[0].argmax())
        )
    assert together.tolist() == predictions
    result = ours.run()
    figures = accuracies(ours.predictions(0), test.labels)
    assert {key: result["last"][key] for key in figures} == figures
    answers = (ours.predictions(0), test.labels, open_prepared(chain.data).manifest.classes)
    assert result["correct"] == correct_images(*answers)
    assert result["mistaken_for"] == mistaken_images(*answers)


def test_distillation_loss_is_the_divergence_without_temperature_squared() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(6, 4, generator=generator, dtype=torch.float64)
    target = 5 * torch.randn(6, 4, generator=generator, dtype=torch.float64)
    for temperature in (1.0, 3.0, 20.0):
        total = 0.0
        for a, b in zip(logits.numpy(), target.numpy(), strict=True):
            q = np.exp(a / temperature) / np.exp(a / temperature).sum()
            p = np.exp(b / temperature) / np.exp(b / temperature).sum()
            total += float((p * np.log(p / q)).sum())
        ours = distillation_loss(logits, target, temperature)
        assert float(ours) == pytest.approx(total / 6, rel=1e-10)
    assert float(distillation_loss(target, target, 20.0)) == pytest.approx(0, abs=1e-12)


def test_labels_of_other_images_are_refused(
    chain: Chain, nine: Path, labels: Path, tmp_path: Path
) -> None:
    images = read_distilled(nine)
    other = tmp_path / "other.safetensors"
    slots = images.images.unflatten(0, (3, 3)).transpose(0, 1).flip(-1)
    facts = {k: v for k, v in images.metadata.items() if k != "images_per_class"}
    write_distilled(other, slots, facts)
    with pytest.raises(FD2Error, match="belong to other distilled images") as refused:
        cell(chain, other, labels, tmp_path / "cell.json")
    assert str(other) in refused.value.where and str(labels) in refused.value.where
    assert not (tmp_path / "cell.json").exists()


def test_more_epochs_than_labels_are_refused(
    chain: Chain, nine: Path, labels: Path, tmp_path: Path
) -> None:
    with pytest.raises(FD2Error, match="3 epochs of training, labels for 2") as refused:
        cell(chain, nine, labels, tmp_path / "cell.json", epochs=3)
    assert "relabel.epochs" in refused.value.fix


def test_a_loss_that_is_not_finite_is_an_error(
    chain: Chain, nine: Path, labels: Path, tmp_path: Path
) -> None:
    with pytest.raises(FD2Error, match="the student's loss is not finite") as refused:
        cell(chain, nine, labels, tmp_path / "cell.json", learning_rate=1e30)
    assert refused.value.where == "student shufflenet_v2, epoch 0"
    assert ": distillation, first in step 1, " in refused.value.what
    assert not (tmp_path / "cell.json").exists()


def test_students_of_one_process_are_those_of_their_own(
    chain: Chain, nine: Path, labels: Path, tmp_path: Path
) -> None:
    """A student with dropout, and labels that each seed augments for itself."""
    for kind, soft in (("soft", labels), ("hard", None)):
        settings = [
            chain.evaluate_settings(student="mobilenet_v2", seed=seed, labels=kind)
            for seed in (0, 1, 2)
        ]
        together = {tmp_path / f"{kind}{each.seed}.json": each for each in settings}
        evaluate(together, chain.data, nine, soft, chain.job)
        results = []
        for output, each in together.items():
            torch.manual_seed(0)
            alone = tmp_path / "alone.json"
            evaluate({alone: each}, chain.data, nine, soft, chain.job)
            one, other = (json.loads(path.read_text()) for path in (output, alone))
            for written in (one, other):
                del written["run"], written["record_sha256"]
            assert one == other
            results.append(one["result"]["curve"][-1]["loss"])
        assert len(set(results)) == 3


def test_finished_students_are_not_trained_again(
    chain: Chain, nine: Path, labels: Path, tmp_path: Path, fed: list[Tensor]
) -> None:
    """Snakemake deletes the cells of a job that was stopped; its state still has them."""
    students = {
        tmp_path / f"{seed}.json": chain.evaluate_settings(seed=seed, epochs=epochs)
        for seed, epochs in ((0, 2), (1, 2), (2, 3))
    }
    settings = list(students.values())
    with pytest.raises(FD2Error, match="3 epochs of training, labels for 2"):
        evaluate(students, chain.data, nine, labels, chain.job)
    assert not fed
    calls = []

    def second_fails(self: StudentTraining, *arguments: Any) -> dict[str, Any]:
        calls.append(self.settings.seed)
        if self.settings.seed == 1 and calls.count(1) == 1:
            raise KeyboardInterrupt
        return run(self, *arguments)

    run = StudentTraining.run
    two = dict(zip(students, settings[:2], strict=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StudentTraining, "run", second_fails)
        job = replace(chain.job, state=StateSettings(tmp_path / "state"))
        with pytest.raises(KeyboardInterrupt):
            evaluate(two, chain.data, nine, labels, job)
        first = next(iter(two))
        kept = json.loads(first.read_text())
        first.unlink()
        evaluate(two, chain.data, nine, labels, job)
    assert calls == [0, 1, 1]
    assert json.loads(first.read_text()) == kept
    assert not list((tmp_path / "state").iterdir())
