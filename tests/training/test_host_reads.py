"""Steps of teachers, labels and students read no value on the host, and stay on one device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from tests.fake_tensors import READS_A_VALUE, fake_batches, fake_copy, fake_module, fake_tensors
from torch._subclasses.fake_tensor import FakeTensorMode

from fd2.artifacts.image_batches import ImageBatches
from fd2.artifacts.images import read_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.soft_labels import StoredAugmentation, read_soft_labels
from fd2.augment import normalise
from fd2.networks.stored_teacher import LoadedTeacher, read_teacher
from fd2.replay.view import Replay
from fd2.runtime.seeds import numpy_generator
from fd2.runtime.state import NO_STATE
from fd2.stages.relabel import _mean_logits, set_label_mode
from fd2.training.finite import FiniteWatch
from fd2.training.optimisers import student_optimiser, teacher_optimiser, teacher_schedule
from fd2.training.student_training import StudentData, StudentTraining
from fd2.training.teacher_training import TeacherTraining, _Run
from fd2.training.teacher_views import augment_training

if TYPE_CHECKING:
    from tests.conftest import Chain


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look at the flags, which waits for the device every 100 steps, is left out.

    Nor are constants kept, so that fake and real ones do not meet.
    """
    monkeypatch.setattr(FiniteWatch, "check", lambda _self, _kind: None)
    constants = normalise._channel_statistics.__wrapped__
    monkeypatch.setattr(normalise, "_channel_statistics", constants)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, unread: None) -> Iterator[FakeTensorMode]:
    with fake_tensors(monkeypatch) as mode:
        yield mode


def fake_teacher(training: TeacherTraining, device: str) -> TeacherTraining:
    """The same training with fake weights and images."""
    training.teacher = fake_module(training.teacher, device)
    training._features = training.teacher.backbone.features
    training.images = fake_batches(training.images, device)
    training.labels = fake_copy(training.labels, device)
    return training


@pytest.fixture(params=["plain", "cal"])
def teacher(chain: Chain, request: pytest.FixtureRequest) -> TeacherTraining:
    settings = chain.pretrain_settings(request.param)
    dataset = open_prepared(chain.data)
    training = TeacherTraining(settings, dataset, chain.job)
    training.images = ImageBatches(dataset.train, chain.job.device, held=True)
    return training


def test_an_epoch_of_a_teacher_reads_nothing(
    teacher: TeacherTraining, fake: FakeTensorMode
) -> None:
    """Augmentation, both passes of CAL, prototypes, optimiser, schedule and flags."""
    training = fake_teacher(teacher, "cpu")
    optimiser = teacher_optimiser(training.teacher, training.settings)
    run = _Run(optimiser, teacher_schedule(optimiser, training.settings, 3))
    loss = training._epoch(0, run, NO_STATE, None)
    with pytest.raises(READS_A_VALUE):
        float(loss)


@pytest.mark.parametrize("teacher", ["plain"], indirect=True)
def test_a_plain_teachers_loss_stays_on_its_device(
    teacher: TeacherTraining, fake: FakeTensorMode
) -> None:
    """CAL draws from a generator of its device, which needs a GPU."""
    training = fake_teacher(teacher, "cuda")
    images = training.images.batch(torch.arange(len(training.images)))
    views = augment_training(
        images, training.normaliser, training.settings.augmentation, numpy_generator(0)
    )
    loss, _, logits = training._loss(views, training.labels)
    assert {loss.device.type, logits.device.type, views.device.type} == {"cuda"}


def fake_replay(
    images: torch.Tensor, stored: StoredAugmentation, halves: list[int], device: str
) -> Replay:
    """A replay whose draws, but for the sizes of batches, have no values."""
    names = ("order", "boxes", "flips", "partners", "mix_boxes")
    draws = {name: fake_copy(getattr(stored, name), device) for name in names}
    replay = Replay.__new__(Replay)
    replay._images, replay._size = fake_copy(images, device), images.shape[-1]
    replay._halves = halves
    for name, draw in draws.items():
        setattr(replay, f"_{name}", draw)
    replay._no_roll = torch.zeros(len(images), 2, device=device)
    return replay


@pytest.mark.parametrize("kind", ["soft", "packed", "hard"])
def test_an_epoch_of_a_student_reads_nothing(
    chain: Chain,
    nine: Path,
    labels: Path,
    packed_labels: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    unread: None,
) -> None:
    """Replay, labels, both halves of each batch, optimiser and flags."""
    folder = {"soft": labels, "packed": packed_labels, "hard": None}[kind]
    soft = None if folder is None else read_soft_labels(folder)
    data = StudentData(open_prepared(chain.data), read_distilled(nine), soft, chain.job.device)
    settings = chain.evaluate_settings(labels="hard" if soft is None else "soft")
    training = StudentTraining(settings, data, chain.job.device)
    stored = soft.augmentation if soft is not None else training._own_plan()
    halves = stored.half_sizes.tolist()
    with fake_tensors(monkeypatch):
        training.replay = fake_replay(data.images, stored, halves, "cpu")
        training.student = fake_module(training.student, "cpu")
        training._features = training.student.features
        data.labels = fake_copy(data.labels, "cpu")
        settings = training.settings
        optimiser = student_optimiser(training.student, settings.learning_rate, 0.1)
        loss = training._epoch(0, optimiser)
        with pytest.raises(READS_A_VALUE):
            float(loss)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("head", ["backbone", "cal"])
def test_labels_of_a_batch_read_nothing_and_stay_on_their_device(
    chain: Chain, nine: Path, labels: Path, head: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = [read_teacher(chain.cal, chain.job.device) for _ in range(2)]
    for each in loaded:
        set_label_mode(each.network, "train_halves", True)
    stored, images = read_soft_labels(labels).augmentation, read_distilled(nine).images.float()
    halves = stored.half_sizes.tolist()
    with fake_tensors(monkeypatch), torch.no_grad():
        teachers = [
            LoadedTeacher(fake_module(each.network, device), each.normaliser, each.metadata)
            for each in loaded
        ]
        for batch in fake_replay(images, stored, halves, device).epoch(0):
            for half in batch:
                logits = _mean_logits(teachers, half.images, head)
                assert (logits.shape, logits.device.type) == ((len(half.ids), 3), device)
