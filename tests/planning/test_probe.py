"""Probes of jobs that make whole sets: a few real steps, and the work of a whole job."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from fd2.planning import probe_stages
from fd2.planning.datasets import DatasetSize
from fd2.planning.measurements import Measurement, Used
from fd2.planning.probe_stages import timed
from fd2.planning.probe_trials import ProbeTask
from fd2.planning.workloads import Workload, workload

if TYPE_CHECKING:
    from tests.conftest import Chain

SIZE = DatasetSize((40, 30, 20), 9, 16, 1)
DSA: dict[str, Any] = {
    **{"network": "convnet", "iterations": 20, "images_learning_rate": 0.1},
    **{"images_momentum": 0.5, "batch_real": 64, "initial_images": "real"},
    **{"augmentation": ["flip"], "class_by_class": True, "outer_loops": None},
    **{"inner_epochs": None, "network_learning_rate": 0.01, "batch_synthetic": 256},
}


EDF: dict[str, Any] = {
    **{"network": "convnet", "experts": {"count": 3, "variant": None}, "iterations": 50},
    **{"inner_steps": 2, "expert_epochs": 2, "batch_synthetic": None, "initial_images": "correct"},
    "start_epochs": {"least": 0, "first": None, "most": 3, "widened_until": 0},
    **{"labels": "learned", "augmentation": ["flip"], "initial_rate": 0.01, "threshold": 1.0},
    **{f"{one}_learning_rate": 1e-3 for one in ("images", "labels", "rate")},
    **{f"{one}_momentum": 0.5 for one in ("images", "labels", "rate")},
    "enhancement": {"beta": 1, "interval": 1, "threshold": None, "maps": "grad_cam"},
    **{"teachers": ["resnet10t"], "dropped_share": 0.25, "dropped_parameters": "smallest"},
    **{"memory": "sweep", "images_at_once": None},
}


def task(chain: Chain, stage: str, method: str, count: int, **own: Any) -> ProbeTask:
    settings = asdict(chain.select_settings(method, count, **own))
    teachers = {name: (None, {"stem": "imagenet"}) for name in own.get("teachers", [])}
    return ProbeTask(stage, settings, SIZE, count, teachers, "cpu", 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "method", "count", "own"),
    [
        ("match", "dsa", 2, DSA),
        ("match_trajectories", "edf", 2, EDF),
        ("select_images", "herding", 3, {"teachers": ["resnet10t"], "order": "nearest"}),
    ],
)
def test_a_probe_is_of_the_jobs_kind_and_less_work(
    chain: Chain,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    method: str,
    count: int,
    own: dict[str, Any],
) -> None:
    monkeypatch.setattr(probe_stages, "ENOUGH_SECONDS", 1e9)
    monkeypatch.setattr(probe_stages, "MOST_STEPS", 2)
    probed = task(chain, stage, method, count, **own)
    whole = workload(stage, probed.settings, SIZE, count)
    result = timed(probed)
    assert whole is not None and result.work.kind == whole.kind
    assert 0 < result.short_units < result.work.units
    assert result.used.seconds > 0


@pytest.mark.slow
def test_a_probe_of_an_expert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_stages, "ENOUGH_SECONDS", 1e9)
    monkeypatch.setattr(probe_stages, "MOST_STEPS", 2)
    settings: dict[str, Any] = {
        **{"dataset": "cells", "backbone": "convnet", "variant": "base", "number": 0, "seed": 0},
        **{"optimiser": "gsam", "gsam": {"rho": 0.01, "alpha": 0.3}, "learning_rate": 0.01},
        **{"momentum": 0, "weight_decay": 0, "batch_size": 16, "epochs": 50},
        "augmentation": ["flip"],
    }
    whole = workload("train_expert", settings, SIZE)
    result = timed(ProbeTask("train_expert", settings, SIZE, 1, {}, "cpu", 1))
    assert whole is not None and result.work.kind == whole.kind
    assert 0 < result.short_units < result.work.units < whole.units


@pytest.mark.parametrize("maps", ["grad_cam", "smooth_grad_cam"])
def test_a_probe_of_complexity(monkeypatch: pytest.MonkeyPatch, maps: str) -> None:
    """Random maps may be flat: what counts is how many images are seen, and how."""
    monkeypatch.setattr(probe_stages, "ENOUGH_SECONDS", 1e9)
    monkeypatch.setattr(probe_stages, "MOST_STEPS", 2)
    settings: dict[str, Any] = {
        **{"dataset": "cells", "backbone": "convnet", "training": "plain", "preset": "paper"},
        **{"thresholds": [0.5], "maps": maps},
    }
    size = DatasetSize((400, 300, 200), 9, 16, 1)
    whole = workload("measure_complexity", settings, size)
    probed = ProbeTask(
        "measure_complexity", settings, size, 1, {"convnet": (None, {"stem": "cifar"})}, "cpu", 1
    )
    result = timed(probed)
    assert whole is not None and result.work.kind == whole.kind
    assert 0 < result.short_units < result.work.units < whole.units == 900


@pytest.mark.parametrize("labels", ["soft", "hard"])
def test_a_probe_of_classes_in_steps(
    monkeypatch: pytest.MonkeyPatch, chain: Chain, labels: str
) -> None:
    """Its work is that of a student and of its labels, at each step of the classes seen."""
    monkeypatch.setattr(probe_stages, "ENOUGH_SECONDS", 1e9)
    monkeypatch.setattr(probe_stages, "MOST_STEPS", 2)
    evaluate = asdict(chain.evaluate_settings(labels=labels, student="convnet", epochs=30))
    relabel = asdict(chain.relabel_settings(epochs=30)) if labels == "soft" else None
    settings = {"steps": 2, "evaluate": evaluate, "relabel": relabel}
    teachers: dict[str, Any] = {"resnet10t": (None, {"stem": "imagenet"})} if relabel else {}
    size = DatasetSize((40, 30, 20), 9, 16, 1)
    whole = workload("learn_continually", settings, size, 4, tuple(teachers))
    parts = [workload("evaluate", evaluate, size, 4)]
    if relabel:
        parts.append(workload("relabel", relabel, size, 4, tuple(teachers)))
    # Two of three classes, and then all.
    assert whole is not None
    assert whole.units == sum(part.units for part in parts if part) * (2 + 3) / 3
    result = timed(ProbeTask("learn_continually", settings, size, 4, teachers, "cpu", 1))
    assert result.work.kind == whole.kind
    assert 0 < result.short_units < result.work.units < whole.units


def test_a_probe_of_real_classes_in_steps(monkeypatch: pytest.MonkeyPatch, chain: Chain) -> None:
    monkeypatch.setattr(probe_stages, "ENOUGH_SECONDS", 1e9)
    monkeypatch.setattr(probe_stages, "MOST_STEPS", 2)
    own = asdict(chain.pretrain_settings("plain", epochs=5))
    settings, stage = {"steps": 2, "pretrain": own}, "learn_continually_real"
    size = DatasetSize((400, 300, 200), 9, 16, 3)
    whole, teacher = workload(stage, settings, size), workload("pretrain", own, size)
    assert whole is not None and teacher is not None
    assert whole.units == teacher.units * (2 + 3) / 3
    result = timed(ProbeTask(stage, settings, size, 1, {}, "cpu", 1))
    assert result.work.kind == whole.kind
    assert 0 < result.short_units < result.work.units < whole.units


def test_work_counts_training_between_steps_and_no_more_images_than_a_class_has() -> None:
    def units(**changes: Any) -> float:
        settings = {"method": "dsa", "method_settings": {**DSA, **changes}}
        work = workload("match", settings, SIZE, 2)
        assert work is not None
        return work.units

    assert units(batch_real=40) == units(batch_real=400)
    assert units(iterations=40) == 2 * units(iterations=20)
    step = units(outer_loops=1, inner_epochs=1)
    # Each epoch is a forward and a backward pass of two images of three classes, in 20 networks.
    assert units(outer_loops=2, inner_epochs=5) == 2 * step + 20 * 5 * 6 * 3


@pytest.mark.parametrize("gpu", [False, True])
def test_more_experts_lie_in_the_memory_of_the_cpu_alone(gpu: bool) -> None:
    def work(experts: int) -> Workload:
        own = {**EDF, "experts": {"count": experts, "variant": None}}
        found = workload("match_trajectories", {"method": "edf", "method_settings": own}, SIZE, 2)
        assert found is not None
        return found

    probed = Measurement(work(1), Used(9.0, 500.0, 300.0 if gpu else None, gpu, "", 1))
    more = 99 * work(1).on_host / 2**20
    assert probed.memory_of(work(100)) == pytest.approx(500 + more)
    assert probed.gpu_memory_of(work(100)) == (300.0 if gpu else None)
