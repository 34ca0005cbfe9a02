"""Compiled feature extractors: same numbers, same names, and an error without a compiler."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch.nn import functional

from fd2.artifacts.images import read_distilled
from fd2.artifacts.manifests import read_manifest
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.soft_labels import read_soft_labels
from fd2.artifacts.tensors import read_tensors
from fd2.augment.views import Views
from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.engine.group import build_group
from fd2.errors import FD2Error
from fd2.networks.compilation import compiled
from fd2.networks.stored_teacher import read_teacher
from fd2.stages.evaluate import evaluate
from fd2.stages.pretrain import pretrain
from fd2.training.optimisers import clear_gradients
from fd2.training.student_training import StudentData, StudentTraining

if TYPE_CHECKING:
    from tests.conftest import Chain

CPU = torch.device("cpu")
SMALL = NetworkInput(resolution=32)


@pytest.mark.slow
@pytest.mark.parametrize("name", plugins.names("backbones"))
def test_every_extractor_is_one_graph(name: str) -> None:
    """No part of it falls back; `eager` runs the captured graph without a compiler."""
    # Graphs of other networks count against a limit of one function.
    torch.compiler.reset()
    network = plugins.load("backbones", name).build(3, "scratch", seed=0, images=SMALL).eval()
    captured = torch.compile(network.features, backend="eager", fullgraph=True, dynamic=False)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(captured(images), network.features(images))


@pytest.mark.slow
def test_a_compiled_student_computes_what_it_computed(
    chain: Chain, nine: Path, labels: Path
) -> None:
    dataset, soft = open_prepared(chain.data), read_soft_labels(labels)
    shared = StudentData(dataset, read_distilled(nine), soft, chain.job.device)
    runs = []
    for mode in ("none", "default"):
        settings = chain.evaluate_settings(student="resnet10t", compile=mode)
        runs.append(StudentTraining(settings, shared, chain.job.device))
    plain, fast = runs
    names = list(plain.student.state_dict())
    ((half, _), *_) = plain.replay.epoch(0)
    logits = []
    for run in runs:
        run.student.train()
        logits.append(run._logits(half.images))
        functional.cross_entropy(logits[-1], run.data.labels[half.ids]).backward()
    torch.testing.assert_close(logits[1], logits[0], rtol=1e-4, atol=1e-4)
    # The very weights and running statistics of the network that is tested and stored.
    assert list(fast.student.state_dict()) == names
    for mine, theirs in zip(fast.student.parameters(), plain.student.parameters(), strict=True):
        assert mine.grad is not None and theirs.grad is not None
        gap = float((mine.grad - theirs.grad).norm())
        assert gap <= 1e-3 * float(theirs.grad.norm()) + 1e-6
    for mine, theirs in zip(fast.student.buffers(), plain.student.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_compiled_teacher_is_written_under_the_same_names(chain: Chain, tmp_path: Path) -> None:
    path = tmp_path / "compiled.safetensors"
    settings = chain.pretrain_settings("plain", compile="default")
    pretrain(settings, chain.data, path, path.with_suffix(".json"), chain.job)
    mine, facts = read_tensors(path)
    theirs, _ = read_tensors(chain.plain)
    assert set(mine) == set(theirs)
    assert facts["settings"]["compile"] == "default"
    losses = [
        json.loads(each.with_suffix(".json").read_text())["result"]["curve"][0]["loss"]
        for each in (path, chain.plain)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.slow
def test_a_compiled_teacher_gives_the_terms_and_gradients_of_distillation(chain: Chain) -> None:
    manifest = read_manifest(chain.data / "manifest.json")
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    view = Views(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([False]), torch.zeros(1, 2))
    found = []
    for mode in ("none", "default"):
        teacher = read_teacher(chain.cal, CPU)
        settings = chain.distill_settings(compile=mode)
        (terms,) = build_group(settings, manifest, [teacher], CPU).terms
        leaf = images.clone().requires_grad_()
        # Twice: statistics of an earlier pass must not stay.
        for _ in range(2):
            leaf.grad = None
            losses = terms.losses(leaf, view, torch.arange(3), {"whole": torch.empty(0)})
            torch.stack(list(losses.values())).sum().backward()
        assert leaf.grad is not None
        found.append(({name: float(loss.detach()) for name, loss in losses.items()}, leaf.grad))
    (plain, gradient), (fast, fast_gradient) = found
    assert fast == pytest.approx(plain, rel=1e-4)
    scale = float(gradient.abs().max())
    torch.testing.assert_close(fast_gradient, gradient, rtol=1e-3, atol=1e-3 * scale)


@pytest.mark.parametrize(("kind", "variable"), [("cpu", "CXX"), ("cuda", "CC")])
def test_no_compiler_is_an_error(monkeypatch: pytest.MonkeyPatch, kind: str, variable: str) -> None:
    monkeypatch.setenv(variable, "no-such-compiler")
    features = torch.nn.Identity()
    assert compiled(features, "none", torch.device(kind), "distill.compile") is features
    with pytest.raises(FD2Error, match="no-such-compiler is not found") as refused:
        compiled(features, "default", torch.device(kind), "distill.compile")
    assert refused.value.where == "setting 'distill.compile' is 'default'"
    assert "'distill.compile: none'" in refused.value.fix and variable in refused.value.fix


@pytest.mark.parametrize("stage", ["evaluate", "pretrain", "distill"])
def test_stages_stop_before_they_compute(
    monkeypatch: pytest.MonkeyPatch,
    chain: Chain,
    nine: Path,
    labels: Path,
    tmp_path: Path,
    stage: str,
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    way = {"compile": "reduce-overhead"}
    with pytest.raises(FD2Error, match="no C") as refused:
        if stage == "evaluate":
            settings = chain.evaluate_settings(**way)
            evaluate({tmp_path / "cell.json": settings}, chain.data, nine, labels, chain.job)
        elif stage == "pretrain":
            own = dataclasses.replace(chain.pretrain_settings("cal"), **way)
            pretrain(own, chain.data, tmp_path / "t.st", tmp_path / "t.json", chain.job)
        else:
            chain.group(tmp_path / "group.st", chain.distill_settings(**way))
    assert f"'{stage}.compile'" in refused.value.where
    assert not list(tmp_path.iterdir())


def test_gradients_for_cuda_graphs_keep_their_memory_and_values() -> None:
    values = {}
    for mode in ("none", "reduce-overhead"):
        weights = torch.tensor([1.0, 2.0], requires_grad=True)
        unused = torch.tensor([5.0], requires_grad=True)
        optimiser = torch.optim.SGD([weights, unused], lr=0.1)
        places = set()
        for _ in range(3):
            clear_gradients(optimiser, mode)
            if mode == "reduce-overhead":
                places.add(weights.grad.data_ptr())
            for part in (0, 1):
                (weights[part] ** 2).backward()
            if mode == "reduce-overhead":
                places.add(weights.grad.data_ptr())
            optimiser.step()
        values[mode] = weights.detach()
        assert len(places) == (1 if mode == "reduce-overhead" else 0)
    assert torch.equal(values["none"], values["reduce-overhead"])
