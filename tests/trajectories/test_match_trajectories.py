"""The stage: what it writes of experts on disk, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import select_settings
from tests.planning.test_probe import EDF
from torch import Tensor

from fd2.artifacts.prepared import PreparedDataset
from fd2.artifacts.records import read_record
from fd2.artifacts.tensors import read_tensors
from fd2.errors import FD2Error
from fd2.runtime.job import Job
from fd2.stages.match_trajectories import match_trajectories
from fd2.trajectories.flat_network import FlatNetwork
from fd2.trajectories.stored_expert import write_expert

# Of three students the second ends further away than the threshold.
OWN: dict[str, Any] = {
    **{**EDF, "iterations": 3, "threshold": 0.88, "teachers": []},
    **{"images_learning_rate": 50, "labels_learning_rate": 1, "initial_rate": 0.02},
    "enhancement": {**EDF["enhancement"], "beta": None},
}
Run = Callable[..., Path]


@pytest.fixture
def run(
    dataset: PreparedDataset,
    flat: FlatNetwork,
    experts: list[Tensor],
    data: Path,
    job: Job,
    tmp_path: Path,
) -> Run:
    """Runs the stage for a method with changed settings; the path of the set."""
    files = [tmp_path / f"expert{number}.safetensors" for number in range(len(experts))]
    facts = {"stage": "train_expert", "backbone": "convnet", "classes": 3, "channels": 3}
    facts |= {"resolution": 16, "manifest": dataset.manifest.digest()}
    for file, weights in zip(files, experts, strict=True):
        write_expert(file, weights, flat, facts)

    def made(method: str, **changes: Any) -> Path:
        settings = select_settings(method, 2, **{**OWN, **changes})
        output = tmp_path / f"{method}.safetensors"
        match_trajectories(settings, data, files, [], output, output.with_suffix(".json"), job)
        return output

    return made


def test_edf_without_its_two_parts_is_datm_to_the_bit(run: Run) -> None:
    """Whichever parameters a share of none would drop."""
    edf = read_tensors(run("edf", dropped_share=0, dropped_parameters="largest"))[0]
    datm = read_tensors(run("datm", dropped_share=0))[0]
    assert set(edf) == set(datm) == {"images", "labels", "learned_labels", "learned_rate"}
    for name, tensor in edf.items():
        assert torch.equal(tensor, datm[name]), name
    dropping = read_tensors(run("edf", dropped_share=0.5))[0]
    assert not torch.equal(dropping["images"], edf["images"])


def test_skipped_iterations_are_counted_and_a_set_of_none_is_refused(run: Run) -> None:
    assert read_record(run("mtt").with_suffix(".json")).result["skipped"] == 1
    output = run("edf", iterations=0)
    assert read_record(output.with_suffix(".json")).result["skipped"] == 0
    output.unlink()
    with pytest.raises(FD2Error, match=r"all 3 .+ distance was \d.+threshold 0\.01") as refused:
        run("edf", threshold=0.01)
    assert "epochs" in refused.value.fix and not output.exists()
