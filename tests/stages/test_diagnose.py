"""A network's view of a distilled set and of the real training images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from fd2.artifacts.files import file_digest
from fd2.artifacts.images import read_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.tensors import read_tensors, write_tensors
from fd2.config.settings import DiagnoseSettings
from fd2.diagnostics.attention_spread import attention_spread
from fd2.diagnostics.class_structure import class_structure
from fd2.errors import FD2Error
from fd2.networks.stored_teacher import read_teacher
from fd2.stages.diagnose import diagnose

if TYPE_CHECKING:
    from tests.conftest import Chain

SET = DiagnoseSettings("cells", "sre2lpp", "fd2", "base", 3, "resnet10t", "cal", "paper", 2)
REAL = DiagnoseSettings("cells", "full", "plain", "base", None, "resnet10t", "plain", "paper", 4)


def looked(
    chain: Chain, settings: DiagnoseSettings, distilled: Path | None, network: Path, output: Path
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    record = output.with_suffix(".json")
    diagnose(settings, chain.data, distilled, network, output, record, chain.job)
    return read_tensors(output)[0], json.loads(record.read_text())


@torch.no_grad()
def one_by_one(network: Path, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Pooled features ``[N, D]`` and maps ``[N, M, h, w]``, one image at a time."""
    teacher = read_teacher(network, torch.device("cpu"))
    outputs = [teacher.network(teacher.normaliser.normalise(image[None])) for image in pixels]
    features = torch.cat([output.features.mean((2, 3)) for output in outputs])
    maps = [
        o.features.mean(1, keepdim=True) if o.attention is None else o.attention for o in outputs
    ]
    return features, torch.cat(maps)


def test_numbers_of_a_distilled_set(chain: Chain, nine: Path, tmp_path: Path) -> None:
    tensors, record = looked(chain, SET, nine, chain.cal, tmp_path / "a.safetensors")
    stored = read_distilled(nine)
    features, attention = one_by_one(chain.cal, stored.images)
    torch.testing.assert_close(tensors["features"], features, rtol=1e-4, atol=1e-5)
    assert torch.equal(tensors["labels"], stored.labels)
    assert tensors["ids"].tolist() == list(range(9))
    structure = class_structure(features, stored.labels, 3)
    spread = attention_spread(attention, stored.labels, 2)
    result = record["result"]
    for name in ("intra_class_variance", "centre_distance", "nearest_centre_distance", "margin"):
        assert result[name] == pytest.approx(getattr(structure, name), rel=1e-4), name
    assert result["pairwise_distance"] == pytest.approx(spread.pairwise_distance, rel=1e-4)
    assert result["group_coverage"] == pytest.approx(spread.group_coverage)
    assert (result["attention"], result["group_size"], result["images"]) == ("cal", 2, 9)
    torch.testing.assert_close(
        tensors["nearest_distances"], structure.nearest_distances, rtol=1e-4, atol=1e-5
    )
    assert torch.equal(tensors["nearest_classes"], structure.nearest_classes)
    assert record["diagnosis"] == {
        **{"dataset": "cells", "method": "sre2lpp", "fd2": "fd2", "variant": "base", "ipc": 3},
        **{"backbone": "resnet10t", "training": "cal"},
    }
    assert record["inputs"] == {
        "distilled": file_digest(nine),
        "network": file_digest(chain.cal),
    }


def test_real_images_are_all_seen_in_a_drawn_order(chain: Chain, tmp_path: Path) -> None:
    tensors, record = looked(chain, REAL, None, chain.plain, tmp_path / "a.safetensors")
    train = open_prepared(chain.data).train
    ids = tensors["ids"]
    assert ids.tolist() != list(range(36)) and sorted(ids.tolist()) == list(range(36))
    assert torch.equal(tensors["labels"], train.labels[ids])
    features, maps = one_by_one(chain.plain, train.batch(ids[:3], torch.device("cpu")))
    torch.testing.assert_close(tensors["features"][:3], features, rtol=1e-4, atol=1e-5)
    assert maps.shape[1] == 1
    assert (record["result"]["attention"], record["result"]["images"]) == ("channel_mean", 36)
    assert 0 <= record["result"]["pairwise_distance"] <= 1
    assert set(record["inputs"]) == {"network"}


def test_the_same_job_gives_the_same_bytes(chain: Chain, tmp_path: Path) -> None:
    for name in ("a", "b"):
        looked(chain, REAL, None, chain.plain, tmp_path / f"{name}.safetensors")
    first, second = (tmp_path / f"{name}.safetensors" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_a_network_of_other_data_is_refused(chain: Chain, nine: Path, tmp_path: Path) -> None:
    tensors, metadata = read_tensors(chain.cal)
    other = tmp_path / "other.safetensors"
    write_tensors(other, tensors, {**metadata, "manifest": "0" * 64})
    with pytest.raises(FD2Error, match="different manifests"):
        looked(chain, SET, nine, other, tmp_path / "a.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["other.safetensors"]
