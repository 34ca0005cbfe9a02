"""The page's loop in plain PyTorch trains the student that a cell's job trains."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from fd2.artifacts.images import read_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.soft_labels import read_soft_labels
from fd2.stages.evaluate import evaluate
from fd2.stages.relabel import relabel
from fd2.stages.select_images import select_images
from fd2.training.accuracy import accuracies
from fd2.training.student_training import StudentData, StudentTraining

if TYPE_CHECKING:
    from tests.conftest import Chain

NAME = "elpv/sre2lpp/fd2/base/ipc5"
SET = f"results/distilled/{NAME}.safetensors"
CELL = f"results/students/{NAME}/resnet18/seed0.json"
#: What may be misread, as text of the block and its replacement.
MISREAD = {
    "box of the crop": ("*box.tolist()", "*box[[1, 0, 3, 2]].tolist()"),
    "box of CutMix": ("y0, y1, x0, x1 = plan", "y0, x0, y1, x1 = plan"),
    "CutMix": ("= mixed[partners", "= mixed[:"),
    "a pass for each half": (
        "zip(ids, mixed.split([len(half) for half in ids]))",
        "[(torch.cat(ids), mixed)]",
    ),
    "direction of KL": ("kl_div(answer, target", "kl_div(target.log(), answer.exp()"),
    "learning rate": ('* cell["eta"])', ")"),
    "initial weights": ('"student", str', '"students", str'),
}


@pytest.fixture
def loop(blocks: Callable[[str, str], list[str]]) -> str:
    _, _, _, text, _ = blocks("docs/files.md", "python")
    return text


@pytest.fixture
def trained(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudentTraining:
    """A student as its job trains it, with the job's files where the page has them.

    Two batches of halves of six, and a small rate: otherwise rounding alone moves a student.
    """
    monkeypatch.chdir(tmp_path)
    shutil.copytree(chain.data, "results/data/elpv")
    paths = {name: Path(name) for name in ("set.safetensors", "set.json", "labels", "cell.json")}
    distilled, record, labels, cell = paths.values()
    chosen = chain.select_settings("random", 8)
    select_images(chosen, chain.data, None, [], distilled, record, chain.job)
    relabel(chain.relabel_settings(batch_size=12), distilled, [chain.cal], labels, chain.job)
    settings = chain.evaluate_settings(student="resnet18", learning_rate=1e-5, temperature=1.0)
    evaluate({cell: settings}, chain.data, distilled, labels, chain.job)
    for path, page in ((distilled, SET), (cell, CELL)):
        Path(page).parent.mkdir(parents=True)
        shutil.copy(path, page)
    shutil.copytree(labels, f"results/labels/{NAME}")
    dataset, soft = open_prepared(chain.data), read_soft_labels(labels)
    data = StudentData(dataset, read_distilled(distilled), soft, chain.job.device)
    training = StudentTraining(settings, data, chain.job.device)
    training.run()
    return training


def test_the_page_trains_the_cells_student(loop: str, trained: StudentTraining) -> None:
    assert len(loop.splitlines()) <= 40 and "fd2." not in loop
    ours = answers(trained.student, trained)
    pages = answers(run(loop), trained)
    torch.testing.assert_close(pages, ours, rtol=0, atol=1e-3 * float(ours.abs().max()))
    last = json.loads(Path(CELL).read_text(encoding="utf-8"))["result"]["last"]
    assert accuracies(pages.argmax(1), trained.data.test_labels)["top1"] == last["top1"]
    for what, (right, wrong) in MISREAD.items():
        assert loop.count(right) == 1, what
        misled = answers(run(loop.replace(right, wrong)), trained)
        assert (misled - ours).abs().max() > 5e-3 * ours.abs().max(), what


def run(loop: str) -> torch.nn.Module:
    names: dict[str, Any] = {}
    exec(loop, names)
    student: torch.nn.Module = names["student"]
    return student


@torch.no_grad()
def answers(student: torch.nn.Module, trained: StudentTraining) -> torch.Tensor:
    """Logits of the test images."""
    images: torch.Tensor = trained.data.normaliser.normalise(trained.data.test_images)
    logits: torch.Tensor = student.eval()(images)
    return logits
