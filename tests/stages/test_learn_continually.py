"""Classes that arrive in steps: who sees what, and that the last step is stage evaluate's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from fd2.artifacts.images import read_distilled, write_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.augment.normalise import Normaliser
from fd2.config.continual import ContinualSettings, ContinualTeacherSettings
from fd2.config.settings import DirectSettings
from fd2.errors import FD2Error
from fd2.stages.evaluate import evaluate
from fd2.stages.learn_continually import learn_continually, learn_continually_real
from fd2.stages.pretrain import pretrain
from fd2.stages.relabel import relabel
from fd2.training.class_steps import classes_seen
from fd2.training.student_training import StudentData

if TYPE_CHECKING:
    from tests.conftest import Chain

DIRECT = {"student": "convnet", "protocol": "direct", "direct": DirectSettings(0.9, 4, ("flip",))}
#: Of each kind of labels and protocol.
KINDS: dict[str, dict[str, Any]] = {
    "soft": {"labels": "soft"},
    "hard": {"labels": "hard"},
    "direct": {**DIRECT, "labels": "hard"},
    "learned": {**DIRECT, "labels": "learned", "learning_rate": "learned"},
}


@pytest.fixture
def learned(nine: Path, tmp_path: Path) -> Path:
    """The nine images with labels and a rate as a method may learn them."""
    return changed(nine, tmp_path / "learned.safetensors")


def changed(nine: Path, path: Path, *classes: int) -> Path:
    """The nine images, those of some classes turned upside down, with learned labels."""
    images = read_distilled(nine)
    slots = images.images.unflatten(0, (3, 3)).transpose(0, 1).clone()
    for number in classes:
        slots[:, number] = slots[:, number].flip(-2)
    logits = 4 * torch.eye(3).expand(3, 3, 3) + torch.arange(27.0).view(3, 3, 3) / 27
    facts = {k: v for k, v in images.metadata.items() if k != "images_per_class"}
    write_distilled(path, slots, facts, learned_labels=logits, learned_rate=0.02)
    return path


def learn(
    chain: Chain, distilled: Path, output: Path, kind: str, steps: int = 2, **more: Any
) -> list[dict[str, Any]]:
    soft = kind == "soft"
    settings = ContinualSettings(
        steps,
        chain.evaluate_settings(**{**KINDS[kind], **more}),
        chain.relabel_settings() if soft else None,
    )
    teachers = [chain.cal] if soft else []
    learn_continually(settings, chain.data, distilled, teachers, output, chain.job)
    written = json.loads(output.read_text(encoding="utf-8"))
    inputs = {"distilled", "teacher0"} if soft else {"distilled"}
    assert set(written["inputs"]) == inputs and written["continual"]["steps"] == steps
    found: list[dict[str, Any]] = written["result"]["steps"]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_step_is_the_student_of_all_classes(
    chain: Chain, learned: Path, tmp_path: Path, kind: str
) -> None:
    """To the bit, in whichever order the classes arrived; also in a single step."""
    soft = None
    if kind == "soft":
        soft = tmp_path / "labels"
        relabel(chain.relabel_settings(), learned, [chain.cal], soft, chain.job)
    for seed in (0, 1):
        settings = chain.evaluate_settings(**KINDS[kind], seed=seed)
        evaluate({tmp_path / "cell.json": settings}, chain.data, learned, soft, chain.job)
        result = json.loads((tmp_path / "cell.json").read_text(encoding="utf-8"))["result"]
        for steps in (1, 2):
            found = learn(chain, learned, tmp_path / "c.json", kind, steps, seed=seed)
            assert [step.pop("seen") for step in found] == ([3] if steps == 1 else [2, 3])
            classes = [name for step in found for name in step.pop("new_classes")]
            assert sorted(classes) == list(open_prepared(chain.data).manifest.classes)
            assert found[-1] == {**result["curve"][-1], "correct": result["correct"]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_knows_nothing_of_classes_to_come(
    chain: Chain, learned: Path, tmp_path: Path, kind: str
) -> None:
    """Other images of the last class leave the first step as it was."""
    first, last = classes_seen("cells", 3, 2, 0)
    (late,) = set(last) - set(first)
    before = learn(chain, learned, tmp_path / "a.json", kind)
    other = changed(learned, tmp_path / "b.safetensors", late)
    after = learn(chain, other, tmp_path / "b.json", kind)
    assert before[0] == after[0]
    names = open_prepared(chain.data).manifest.classes
    assert before[0]["new_classes"] == [names[number] for number in first]
    assert before[1]["new_classes"] == [names[late]]
    # Four test images of each class seen.
    tested = {name: len(digits) for name, digits in before[0]["correct"].items()}
    assert tested == dict.fromkeys(before[0]["new_classes"], 4)
    own = changed(learned, tmp_path / "c.safetensors", first[0])
    assert learn(chain, own, tmp_path / "c.json", kind)[0]["loss"] != before[0]["loss"]
    assert after[1]["loss"] != before[1]["loss"]


def test_students_are_fed_the_images_of_classes_seen(
    chain: Chain, nine: Path, tmp_path: Path, fed: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each as often as there are epochs, under labels that count the classes seen."""
    given = []
    build = StudentData.__init__

    def noted(self: StudentData, *arguments: Any) -> None:
        build(self, *arguments)
        given.append(self)

    monkeypatch.setattr(StudentData, "__init__", noted)
    plain = {"direct": replace(DIRECT["direct"], augmentation=())}  # type: ignore[type-var]
    learn(chain, nine, tmp_path / "c.json", "direct", seed=5, **plain)
    images = read_distilled(nine)
    normaliser = Normaliser(images.metadata["mean"], images.metadata["std"])
    pixels = normaliser.normalise(images.images)
    seen_by = classes_seen("cells", 3, 2, 5)
    shown = torch.cat(fed)
    for seen, data in zip(seen_by, given[1:], strict=True):
        rows = [row for row in range(9) if row // 3 in seen]
        assert torch.equal(data.images, pixels[rows])
        assert data.labels.tolist() == [seen.index(row // 3) for row in rows]
        ours, shown = shown.split([2 * len(rows), len(shown) - 2 * len(rows)])
        counts = [int((ours == pixels[row]).flatten(1).all(1).sum()) for row in rows]
        assert counts == [2] * len(rows)
    assert not len(shown)


def test_soft_labels_are_the_teachers_of_the_very_pixels(
    chain: Chain, nine: Path, tmp_path: Path, fed: list[Tensor]
) -> None:
    learn(chain, nine, tmp_path / "c.json", "soft")
    # Two epochs: six images in one batch of two halves, then nine in two batches.
    halves = [len(half) for half in fed]
    assert halves == 2 * (2 * [3, 3]) + 2 * (2 * [2, 3, 2, 2])
    for labelled, learned_from in ((fed[:4], fed[4:8]), (fed[8:16], fed[16:])):
        assert all(map(torch.equal, labelled, learned_from))


def test_all_real_images_end_as_the_teacher(chain: Chain, tmp_path: Path) -> None:
    for training in ("plain", "cal"):
        settings = chain.pretrain_settings(training, seed=3)
        teacher = tmp_path / "t.st", tmp_path / "t.json"
        pretrain(settings, chain.data, *teacher, chain.job)
        result = json.loads(teacher[1].read_text(encoding="utf-8"))["result"]
        output = tmp_path / "c.json"
        asked = ContinualTeacherSettings(2, settings)
        learn_continually_real(asked, chain.data, output, chain.job)
        found = json.loads(output.read_text(encoding="utf-8"))
        assert found["continual"] == {
            **{"dataset": "cells", "backbone": "resnet10t", "training": training},
            **{"seed": 3, "steps": 2},
        }
        *_, last = found["result"]["steps"]
        assert last["seen"] == 3 and last["loss"] == result["curve"][-1]["loss"]
        for metric in ("top1", "balanced_top1"):
            assert last[metric] == result["chosen"]["backbone"][metric]


def test_more_steps_than_classes_allow_are_refused(
    chain: Chain, nine: Path, tmp_path: Path, fed: list[Tensor]
) -> None:
    with pytest.raises(FD2Error, match="3 classes in 3 steps") as refused:
        learn(chain, nine, tmp_path / "c.json", "hard", steps=3)
    assert "dataset 'cells'" in refused.value.where
    assert not fed and not (tmp_path / "c.json").exists()
