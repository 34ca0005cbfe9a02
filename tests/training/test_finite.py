"""The first step, term and classes of a loss that stops being finite."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from fd2.artifacts.tensors import read_tensors
from fd2.errors import FD2Error
from fd2.runtime.job import StateSettings
from fd2.stages.pretrain import pretrain
from fd2.training.finite import STEPS_BETWEEN_CHECKS, FiniteWatch

if TYPE_CHECKING:
    from tests.conftest import Chain

NAN, INF = float("nan"), float("inf")


def watch(classes: int = 4) -> FiniteWatch:
    return FiniteWatch([f"bird {c}" for c in range(classes)], "a run", "lower it")


def note(
    watched: FiniteWatch, step: int, terms: dict[str, float], *rows: tuple[int, float]
) -> None:
    labels = torch.tensor([label for label, _ in rows])
    values = torch.tensor([[1.0, value] for _, value in rows])
    watched.note(step, {name: torch.tensor(value) for name, value in terms.items()}, values, labels)


def test_the_first_bad_step_is_told_however_late_one_looks() -> None:
    watched = watch()
    fine = {"class": 1.0, "pull": 2.0}
    note(watched, 0, fine, (0, 1.0), (3, -2.0))
    watched.check("not finite")
    note(watched, 1, {**fine, "pull": NAN}, (0, 1.0), (2, NAN), (2, 1.0))
    note(watched, 2, {"class": NAN, "pull": NAN}, (0, NAN), (1, NAN))
    for step in range(3, 9):
        note(watched, step, fine, (0, 1.0))
    with pytest.raises(FD2Error) as refused:
        watched.check("not finite")
    assert refused.value.what == "not finite: pull, first in step 1, class bird 2"
    assert refused.value.where == "a run" and refused.value.fix.startswith("lower it")


def test_terms_alone_and_rows_alone() -> None:
    watched = watch()
    note(watched, 5, {"class": INF}, (0, 1.0))
    with pytest.raises(FD2Error, match="class, first in step 5, no single class alone"):
        watched.check("not finite")
    watched = watch(8)
    note(watched, 0, {"class": 1.0}, *((c, -INF) for c in range(7)))
    expected = "the images, first in step 0, classes bird 0, .*, bird 4 and 2 more"
    with pytest.raises(FD2Error, match=expected):
        watched.check("not finite")


def test_half_precision_rows_do_not_overflow_in_the_sum() -> None:
    watched = watch()
    values = torch.full((1, 10_000), 60_000.0, dtype=torch.float16)
    watched.note(0, {}, values, torch.tensor([0]))
    watched.check("not finite")


def test_one_looks_now_and_then() -> None:
    looks = [step for step in range(350) if watch().due(step)]
    assert looks == [STEPS_BETWEEN_CHECKS * n - 1 for n in (1, 2, 3)]


def test_state_of_before_is_kept_and_none_of_a_diverged_network(
    chain: Chain, tmp_path: Path
) -> None:
    settings = chain.pretrain_settings("plain", learning_rate=1e30)
    job = dataclasses.replace(chain.job, state=StateSettings(tmp_path / "state", 0))
    output = tmp_path / "t.safetensors"
    with pytest.raises(FD2Error, match="first in step 1") as refused:
        pretrain(settings, chain.data, output, output.with_suffix(".json"), job)
    assert "is kept" in refused.value.fix
    (kept,) = (tmp_path / "state").rglob("*.safetensors")
    assert kept.name == "training.0.safetensors"
    assert all(tensor.isfinite().all() for tensor in read_tensors(kept)[0].values())
    assert not output.exists()
