"""Bytes of planned files against those that the code which writes them makes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from fd2.artifacts.images import write_distilled
from fd2.artifacts.label_format import LabelFormat
from fd2.artifacts.soft_labels import AUGMENTATION, LOGITS, write_soft_labels
from fd2.config import plugins
from fd2.config.experts import ExpertSettings, expert_settings
from fd2.config.names import Expert, SetName
from fd2.config.networks import NetworkInput
from fd2.config.settings import build
from fd2.planning.datasets import DatasetSize
from fd2.planning.jobs import RuleJob
from fd2.planning.outputs import output_bytes
from fd2.planning.project import Project, open_project
from fd2.planning.stage_settings import settings_of
from fd2.planning.workloads import workload
from fd2.replay.plan import plan_augmentation
from fd2.trajectories.flat_network import FlatNetwork
from fd2.trajectories.stored_expert import write_expert

if TYPE_CHECKING:
    from tests.conftest import Chain

ROOT = Path(__file__).resolve().parents[2]
#: Of elpv, as far as bytes go.
SIZE = DatasetSize((10,) * 8, 16, 72, 3)


@pytest.fixture(scope="module")
def project() -> Project:
    return open_project(ROOT, ["config/quickstart.yaml", "config/label_cost.yaml"])


def tensor_bytes(path: Path) -> int:
    """Of a safetensors file without its header."""
    with path.open("rb") as stream:
        return path.stat().st_size - 8 - int.from_bytes(stream.read(8), "little")


@pytest.mark.parametrize(
    ("variant", "epochs", "kept", "bits"),
    [
        *(("base", 20, None, 16), ("labels-32-bits", 20, None, 32), ("labels-8-bits", 20, None, 8)),
        *(("labels-top-2", 20, 2, 16), ("labels-5-epochs", 5, None, 16), ("labels-least", 1, 2, 8)),
    ],
)
def test_soft_labels(
    project: Project, tmp_path: Path, variant: str, epochs: int, kept: int | None, bits: int
) -> None:
    name = SetName("elpv", "random", "fd2", variant).labels(5)
    outputs = (f"results/{name}/{LOGITS}", f"results/{name}/{AUGMENTATION}")
    told = output_bytes(project, RuleJob("relabel", name, outputs, pending=True), SIZE)
    form = LabelFormat(8, kept, bits)
    plan = plan_augmentation(
        *(("t",), 40, epochs, 72), batch_size=20, crop_scale=(0.5, 1.0), cutmix_alpha=1.0
    )
    logits = np.random.default_rng(0).normal(size=(epochs, 40, 8)).astype(np.float32)
    storage = {"top_k": kept, "bits": bits, "stored_epochs": None}
    facts = {"settings": {"storage": storage}, "classes": 8}
    write_soft_labels(tmp_path, plan, np.stack([form.pack(epoch) for epoch in logits]), facts)
    on_disk = (tmp_path / LOGITS).stat().st_size, tensor_bytes(tmp_path / AUGMENTATION)
    assert tuple(told[path] for path in outputs) == on_disk


def test_the_work_is_that_of_the_stored_epochs(chain: Chain) -> None:
    settings = asdict(chain.relabel_settings(epochs=8))
    fewer = {**settings, "storage": {"top_k": None, "bits": 8, "stored_epochs": 2}}
    units = [workload("relabel", each, SIZE, 3, ["resnet10t"]) for each in (settings, fewer)]
    assert [each and each.units for each in units] == [8 * 24, 2 * 24]


def test_an_expert(project: Project, tmp_path: Path) -> None:
    name = Expert("elpv", "convnet", "base", 7)
    outputs = (f"results/{name.path()}", f"results/{name.path('json')}")
    job = RuleJob("train_expert", name.path().removesuffix(".safetensors"), outputs, pending=True)
    told = output_bytes(project, job, SIZE)
    settings = build(ExpertSettings, settings_of(project.settings, job) or {})
    seen = NetworkInput(3, 72)
    built = plugins.load("backbones", "convnet").build(8, "scratch", seed=0, images=seen)
    network = FlatNetwork(built)
    path = tmp_path / "expert.safetensors"
    write_expert(path, torch.zeros(settings.epochs + 1, network.size), network, {})
    assert [told[output] for output in outputs] == [tensor_bytes(path), None]


def test_gsam_is_twice_the_work(project: Project) -> None:
    settings = expert_settings(project.settings, Expert("elpv", "convnet", "base", 0))
    plain, other = (
        workload("train_expert", each, SIZE)
        for each in (settings, {**settings, "optimiser": "gsam", "gsam": {"rho": 1, "alpha": 1}})
    )
    assert plain is not None and other is not None and plain.kind != other.kind
    assert plain.units == 3 * 50 * SIZE.train + SIZE.train + SIZE.test
    assert other.units - plain.units == 3 * 50 * SIZE.train


@pytest.mark.parametrize("learns", [(), ("labels",), ("labels", "rate")])
def test_what_a_method_learns_beside_images(
    project: Project, learns: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins.load("methods", "dm"), "LEARNS", learns, raising=False)
    name = SetName("elpv", "dm", "plain", "base").images(2).removesuffix(".safetensors")
    output = f"results/{name}.safetensors"
    told = output_bytes(project, RuleJob("match", name, (output,), pending=True), SIZE)
    write_distilled(
        tmp_path / "set.safetensors",
        torch.zeros(2, 8, 3, 72, 72),
        {},
        learned_labels=torch.zeros(2, 8, 8) if "labels" in learns else None,
        learned_rate=0.1 if "rate" in learns else None,
    )
    assert told[output] == tensor_bytes(tmp_path / "set.safetensors")
