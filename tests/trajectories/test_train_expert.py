"""The stage: its file, its record, and what refuses to be taken for another expert."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.planning.test_probe import EDF

from fd2.artifacts.prepared import PreparedDataset
from fd2.artifacts.records import read_record
from fd2.artifacts.tensors import write_tensors
from fd2.config import plugins
from fd2.config.experts import ExpertSettings
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.lineage import origin
from fd2.planning.datasets import DatasetSize
from fd2.planning.workloads import workload
from fd2.runtime.interruption import StoppedError
from fd2.runtime.job import Job, StateSettings
from fd2.stages.train_expert import train_expert
from fd2.trajectories.flat_network import FlatNetwork
from fd2.trajectories.matching import follow_experts
from fd2.trajectories.stored_expert import invented_weights, read_expert, write_expert

Settings = Callable[..., ExpertSettings]
SMAPS = Path("/proc/self/smaps")
NAME = "trajectories/cells/convnet/base/expert3.safetensors"


def flat(name: str = "convnet", classes: int = 3, resolution: int = 16) -> FlatNetwork:
    seen = NetworkInput(3, resolution)
    plugin = plugins.load("backbones", name)
    return FlatNetwork(plugin.build(classes, "scratch", seed=0, images=seen))


@pytest.fixture(scope="module")
def expert(
    expert_settings: Settings, data: Path, job: Job, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("experts") / "results" / NAME
    train_expert(expert_settings(number=3), data, path, path.with_suffix(".json"), job)
    return path


def test_the_file_holds_the_trajectory_and_what_shaped_it(
    expert: Path, dataset: PreparedDataset
) -> None:
    network, manifest = flat(), dataset.manifest
    stored = read_expert(expert, network, manifest.digest())
    assert stored.epochs == 2
    assert stored.weights.shape == (3, network.size) and stored.weights.dtype == torch.float32
    facts = stored.metadata
    assert facts["backbone"] == "convnet" and facts["classes"] == 3
    assert (facts["channels"], facts["resolution"], facts["stem"]) == (3, 16, "imagenet")
    assert facts["mean"] == list(manifest.mean) and facts["std"] == list(manifest.std)
    assert facts["settings"]["number"] == 3 and facts["settings"]["gsam"] is None
    record = read_record(expert.with_suffix(".json"))
    assert record.content["expert"] == {
        **{"dataset": "cells", "backbone": "convnet", "variant": "base", "number": 3}
    }
    assert record.content["parameters"] == network.size
    assert record.settings == facts["settings"] and len(record.result["loss"]) == 2
    assert (
        {"top1", "balanced_top1"} == record.result["test"].keys() == record.result["train"].keys()
    )


def test_the_origin_of_an_expert_is_told(expert: Path) -> None:
    found = origin(expert.parents[4], expert)
    assert found is not None and found.stage == "train_expert"
    assert found.settings["epochs"] == 2 and found.inputs == ()
    assert found.faults == ("the data behind it is not prepared any more",)


@pytest.mark.parametrize(
    "other",
    [{"name": "alexnet"}, {"classes": 4}, {"resolution": 32}],
    ids=["backbone", "classes", "resolution"],
)
def test_an_expert_of_another_network_is_refused(
    expert: Path, dataset: PreparedDataset, other: dict[str, Any]
) -> None:
    with pytest.raises(FD2Error, match="another network, 'convnet' of 3 classes") as refused:
        read_expert(expert, flat(**other), dataset.manifest.digest())
    assert refused.value.where == str(expert)


def test_an_expert_of_other_data_is_refused(
    expert: Path, prepared: Callable[[int], PreparedDataset]
) -> None:
    other = prepared(1).manifest.digest()
    with pytest.raises(FD2Error, match=f"trained on other data: .* not {other[:12]}"):
        read_expert(expert, flat(), other)


def test_what_is_no_expert_is_refused(tmp_path: Path, dataset: PreparedDataset) -> None:
    path = tmp_path / "teacher.safetensors"
    facts = {"stage": "pretrain", "manifest": dataset.manifest.digest()}
    write_tensors(path, {"weights": torch.zeros(2, 2)}, facts)
    with pytest.raises(FD2Error, match="not an expert") as refused:
        read_expert(path, flat(), dataset.manifest.digest())
    assert "results/trajectories" in refused.value.fix


def test_an_expert_under_another_number_is_refused(expert: Path, dataset: PreparedDataset) -> None:
    renamed = expert.with_name("expert4.safetensors")
    renamed.write_bytes(expert.read_bytes())
    with pytest.raises(FD2Error, match="the file is trajectories/cells/convnet/base/expert3"):
        read_expert(renamed, flat(), dataset.manifest.digest())


def test_a_stopped_stage_ends_in_the_same_bytes(
    expert: Path, expert_settings: Settings, data: Path, job: Job, tmp_path: Path, interrupt: Any
) -> None:
    path = tmp_path / "results" / NAME
    apart = replace(job, state=StateSettings(tmp_path / "state", 300))

    def run() -> None:
        train_expert(expert_settings(number=3), data, path, path.with_suffix(".json"), apart)

    interrupt(4, signal.SIGTERM)
    with pytest.raises(StoppedError):
        run()
    assert not path.exists()
    run()
    assert path.read_bytes() == expert.read_bytes()
    first, second = (json.loads(one.with_suffix(".json").read_text()) for one in (expert, path))
    assert first["result"] == second["result"]
    assert not list((tmp_path / "state").iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells of mapped files")
def test_of_experts_memory_holds_what_is_planned(dataset: PreparedDataset, tmp_path: Path) -> None:
    """The epochs that students start from or aim at, and the last, of thirty."""
    network, path, cpu = flat(), tmp_path / "expert0.safetensors", torch.device("cpu")
    facts = {"stage": "train_expert", "backbone": "convnet", "classes": 3, "channels": 3}
    facts |= {"resolution": 16, "manifest": dataset.manifest.digest()}
    weights = invented_weights(network, 30)
    write_expert(path, weights, network, facts)
    own = {**EDF, "experts": {"count": 1, "variant": None}, "initial_images": "real"}
    own |= {"enhancement": {**EDF["enhancement"], "beta": None}, "teachers": []}
    own |= {"iterations": 12, "threshold": None, "images_learning_rate": 1000}
    recipe = plugins.load("methods", "edf").recipe(own, 2)

    stored = read_expert(path, network, dataset.manifest.digest())
    vector = 4 * network.size
    assert in_memory(path) < vector
    asked = recipe, network, dataset
    found = follow_experts(*asked, [stored.weights], 2, 0, cpu)
    work = workload(
        "match_trajectories",
        {"method": "edf", "method_settings": own},
        DatasetSize((9, 9, 9), 9, 16, 3),
        2,
    )
    assert work is not None and work.on_host == 6 * vector
    # The system maps some pages around those that are looked at.
    assert 0.9 * work.on_host < in_memory(path) < work.on_host + 3 * vector

    whole = follow_experts(*asked, [weights], 2, 0, cpu)
    assert found.labels is not None and whole.labels is not None
    assert torch.equal(found.images, whole.images) and found.rate == whole.rate
    assert torch.equal(found.labels, whole.labels)
    assert not torch.equal(found.images, found.start)


def in_memory(path: Path) -> int:
    """Bytes of a file's mappings that lie in this process's memory."""
    found, ours = 0, False
    for line in SMAPS.read_text(encoding="utf-8").splitlines():
        first = line.split()[0]
        if not first.endswith(":"):
            ours = line.endswith(str(path))
        elif ours and first == "Rss:":
            found += 1024 * int(line.split()[1])
    return found
