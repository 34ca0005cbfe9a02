"""Stages stopped by a signal at any step end in the bytes of an undisturbed run."""

from __future__ import annotations

import dataclasses
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from fd2.config.continual import ContinualSettings, ContinualTeacherSettings
from fd2.config.label_storage import LabelStorage
from fd2.config.protocols import FineTuningSettings
from fd2.runtime.interruption import StoppedError
from fd2.runtime.job import Job, StateSettings
from fd2.stages.evaluate import evaluate
from fd2.stages.learn_continually import learn_continually, learn_continually_real
from fd2.stages.pretrain import pretrain
from fd2.stages.relabel import relabel

if TYPE_CHECKING:
    from tests.conftest import Chain

Run = Callable[[Path, Job], None]
#: Three steps an epoch on nine images.
DIRECT = {"momentum": 0.9, "batch_size": 4, "augmentation": ["crop", "flip"]}
#: More passes than any of these stages makes.
NEVER = 10_000


def until_finished(
    run: Run, folder: Path, job: Job, arm: Callable[..., None], passes: int, number: signal.Signals
) -> int:
    """Start ``run`` again after each stop, until none comes; the number of stops."""
    stops = 0
    while True:
        arm(passes, number)
        # A fresh process would have torch's first seed; whatever is left over must not matter.
        torch.manual_seed(stops)
        try:
            run(folder, job)
        except StoppedError as stopped:
            assert stopped.number == number and stopped.exit_code == 128 + number
            assert str(job.state.folder) in stopped.where
            assert not [path for path in folder.iterdir() if path != job.state.folder]
            stops += 1
            assert stops < 100
            continue
        return stops


def compare(run: Run, tmp_path: Path, chain: Chain, arm: Any, passes: int, number: Any) -> int:
    """Bytes of all files, but for times in records."""
    folders = [tmp_path / name for name in ("whole", "stopped")]
    for folder in folders:
        folder.mkdir()
    job = dataclasses.replace(chain.job, state=StateSettings(folders[1] / "state", 3600))
    torch.manual_seed(0)
    arm(NEVER, number)
    run(folders[0], dataclasses.replace(job, state=StateSettings(folders[0] / "state", 3600)))
    stops = until_finished(run, folders[1], job, arm, passes, number)
    for path in folders[0].rglob("*"):
        other = folders[1] / path.relative_to(folders[0])
        if path.suffix == ".json":
            first, second = (json.loads(each.read_text()) for each in (path, other))
            # Times differ, and the digest that covers them.
            for content in (first, second):
                del content["run"], content["record_sha256"]
            assert first == second
        elif path.is_file():
            assert path.read_bytes() == other.read_bytes(), path
    assert not list((folders[1] / "state").iterdir()), "the state of a finished stage is removed"
    return stops


@pytest.mark.parametrize(
    ("recipe", "passes", "changes"),
    [
        # 3 steps an epoch; tests and recalibration are passes too.
        ("plain", 2, {"schedule": "one_cycle", "optimiser": "adamw"}),
        ("plain", 5, {"schedule": "exponential", "selection": "best_on_test", "test_every": 1}),
        ("cal", 3, {"schedule": "cosine", "selection": "best_on_test", "test_every": 1}),
        ("cal", 8, {"prototypes": "last_feature", "batch_norm_statistics": "running"}),
        ("cal", 3, {"mixed_precision": True, "memory_format": "contiguous"}),
    ],
)
def test_teachers(
    chain: Chain, tmp_path: Path, interrupt: Any, recipe: str, passes: int, changes: dict[str, Any]
) -> None:
    settings = chain.pretrain_settings(recipe, epochs=3, **changes)

    def run(folder: Path, job: Job) -> None:
        pretrain(settings, chain.data, folder / "t.st", folder / "t.json", job)

    stops = compare(run, tmp_path, chain, interrupt, passes, signal.SIGTERM)
    assert stops >= 2


def test_a_teacher_with_dropout(chain: Chain, tmp_path: Path, interrupt: Any) -> None:
    """Dropout draws from torch's global generator, which belongs to the state."""
    settings = chain.pretrain_settings("plain", backbone="mobilenet_v2", epochs=2)

    def run(folder: Path, job: Job) -> None:
        pretrain(settings, chain.data, folder / "t.st", folder / "t.json", job)

    assert compare(run, tmp_path, chain, interrupt, 3, signal.SIGUSR1) >= 1


@pytest.mark.parametrize(
    ("labels_kind", "changes"),
    [
        ("soft", {}),
        ("packed", {}),
        ("hard", {}),
        ("soft", {"mixed_precision": True}),
        # Two batches an epoch on the set, then two on fresh real images.
        ("soft", {"fine_tuning": FineTuningSettings(2, 0.001, 8)}),
        # SGD; a soft label's gradient has the square of its temperature.
        (
            "soft",
            {"momentum": 0.9, "learning_rate": 1e-4, "fine_tuning": FineTuningSettings(2, 1e-4, 8)},
        ),
        # The rate falls, and the momentum starts anew, after the second of three epochs.
        ("hard", {"protocol": "direct", "direct": DIRECT, "epochs": 3}),
    ],
)
def test_students(
    chain: Chain,
    nine: Path,
    labels: Path,
    packed_labels: Path,
    tmp_path: Path,
    interrupt: Any,
    labels_kind: str,
    changes: dict[str, Any],
) -> None:
    soft = {"soft": labels, "packed": packed_labels, "hard": None}[labels_kind]
    # 2 batches of 2 halves an epoch.
    short = {"epochs": 2, "test_every": 1, "labels": "hard" if soft is None else "soft"}
    settings = chain.evaluate_settings(**short | changes)

    def run(folder: Path, job: Job) -> None:
        evaluate({folder / "cell.json": settings}, chain.data, nine, soft, job)

    assert compare(run, tmp_path, chain, interrupt, 3, signal.SIGTERM) >= 2


def left_by_steps(folder: Path) -> set[str]:
    """Parts of the state of classes in steps; of a finished step only its result is left."""
    names = {path.name.split(".")[0] for path in folder.glob("*/*")}
    assert not [name for name in names if "-" in name and name.partition("-")[0] in names]
    return names


@pytest.mark.parametrize(("kind", "passes"), [("soft", 3), ("soft", 5), ("direct", 5)])
def test_classes_in_steps(
    chain: Chain, nine: Path, tmp_path: Path, interrupt: Any, kind: str, passes: int
) -> None:
    """The signal comes while teachers label, within a step, and at the end of one."""
    short = {"epochs": 2, "test_every": 1}
    if kind == "direct":
        short |= {"labels": "hard", "protocol": "direct", "direct": DIRECT, "epochs": 3}
    soft = kind == "soft"
    relabelled = chain.relabel_settings() if soft else None
    settings = ContinualSettings(2, chain.evaluate_settings(**short), relabelled)
    teachers, left = [chain.cal] if soft else [], set[str]()

    def run(folder: Path, job: Job) -> None:
        left.update(left_by_steps(job.state.folder))
        learn_continually(settings, chain.data, nine, teachers, folder / "c.json", job)

    assert compare(run, tmp_path, chain, interrupt, passes, signal.SIGTERM) >= 3
    assert {"step0", "step1-training"} <= left
    # Labels of the first step were there, and went with it.
    assert ("step0-labels-0" in left) == (passes == 3)


def test_real_classes_in_steps(chain: Chain, tmp_path: Path, interrupt: Any) -> None:
    settings = ContinualTeacherSettings(2, chain.pretrain_settings("plain", epochs=2))

    def run(folder: Path, job: Job) -> None:
        left_by_steps(job.state.folder)
        learn_continually_real(settings, chain.data, folder / "c.json", job)

    assert compare(run, tmp_path, chain, interrupt, 3, signal.SIGTERM) >= 2


@pytest.mark.parametrize("storage", [None, LabelStorage(2, 8, 3), LabelStorage(None, 32, None)])
def test_labels(
    chain: Chain, nine: Path, tmp_path: Path, interrupt: Any, storage: LabelStorage | None
) -> None:
    settings = chain.relabel_settings(epochs=4, teacher_dropout=True, storage=storage)

    def run(folder: Path, job: Job) -> None:
        relabel(settings, nine, [chain.cal], folder, job)

    assert compare(run, tmp_path, chain, interrupt, 5, signal.SIGTERM) >= 1


@pytest.mark.parametrize(
    ("method", "recipe", "passes"),
    [
        ("sre2lpp", {"iterations": 4}, 2),
        ("sre2lpp", {"iterations": 4, "mixed_precision": True}, 5),
        # The signal comes within both phases, and at the end of the first.
        ("fadrm", {"phases": [{"size": 48, "iterations": 3}, {"size": 32, "iterations": 3}]}, 3),
    ],
)
def test_slots(
    chain: Chain, tmp_path: Path, interrupt: Any, method: str, recipe: dict[str, Any], passes: int
) -> None:
    settings = chain.distill_settings(recipe, slots=(0, 1), class_chunk=2)
    if method == "fadrm":
        own = {key: value for key, value in settings.method_settings.items() if key != "iterations"}
        own |= {"residual_keep": 0.5}
        settings = dataclasses.replace(settings, method=method, method_settings=own)

    def run(folder: Path, job: Job) -> None:
        chain.group(folder / "group.st", settings, state=job.state.folder)

    assert compare(run, tmp_path, chain, interrupt, passes, signal.SIGTERM) >= 2
    moved = chain.moved(tmp_path / "whole" / "group.st")
    assert moved > 0.5, "images as they began would be the same whatever the state holds"
