"""Weights from files: of any backbone, under its library's names, and nothing left open."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from fd2.config.networks import NetworkInput
from fd2.config.weights_files import WeightsFile
from fd2.errors import FD2Error
from fd2.networks.backbone import Backbone
from fd2.networks.initial_weights import build_backbone

State = dict[str, torch.Tensor]


def of_library(library: str, model: str) -> torch.nn.Module:
    torch.manual_seed(5)
    if library == "timm":
        network: torch.nn.Module = timm.create_model(model, num_classes=7)
        return network
    return torchvision.models.get_model(model, num_classes=7)


def stored(path: Path, state: Any) -> WeightsFile:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return WeightsFile(str(path), hashlib.sha256(path.read_bytes()).hexdigest())


def loaded(name: str, file: WeightsFile, **seen: Any) -> Backbone:
    images = NetworkInput(**{"resolution": 64, **seen})
    return build_backbone(name, 4, "file", file, seed=1, images=images)


@pytest.mark.parametrize(
    ("name", "library", "model"),
    [
        ("shufflenet_v2", "torchvision", "shufflenet_v2_x0_5"),
        ("mnasnet0_5", "torchvision", "mnasnet0_5"),
        ("resnet10t", "timm", "resnet10t"),
        ("test_resnet", "timm", "test_resnet"),
    ],
)
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_a_library_s_weights_give_its_features(
    name: str, library: str, model: str, suffix: str, tmp_path: Path
) -> None:
    """Of tables' networks and of others; the classifier of seven classes is left out."""
    network = of_library(library, model)
    network.train()(torch.randn(4, 3, 64, 64))
    file = stored(tmp_path / f"w.{suffix}", network.state_dict())
    body, fresh = loaded(name, file), build_backbone(name, 4, "scratch", seed=1)
    own, first = body.state_dict(), fresh.state_dict()
    theirs = network.state_dict()
    for key, plain in body.plain_names().items():
        if key in body.classifier_names():
            assert torch.equal(own[key], first[key]) and own[key].shape != theirs[plain].shape
        else:
            assert torch.equal(own[key], theirs[plain])


def test_a_classifier_of_the_same_size_is_taken(tmp_path: Path) -> None:
    body = build_backbone("test_resnet", 4, "scratch", seed=9)
    names = body.plain_names()
    state = {f"module.{names[key]}": value for key, value in body.state_dict().items()}
    file = stored(tmp_path / "w.pth", {"epoch": 3, "state_dict": state})
    again = loaded("test_resnet", file).state_dict()
    assert all(torch.equal(again[key], value) for key, value in body.state_dict().items())


def test_one_channel_sees_weights_of_three(tmp_path: Path) -> None:
    network = of_library("timm", "test_resnet")
    file = stored(tmp_path / "w.safetensors", network.state_dict())
    grey = torch.randn(2, 1, 64, 64)
    one, three = loaded("test_resnet", file, channels=1).eval(), loaded("test_resnet", file).eval()
    with torch.no_grad():
        torch.testing.assert_close(
            one.features(grey), three.features(grey.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4
        )


def test_what_does_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    state: State = of_library("timm", "test_resnet").state_dict()
    key = next(name for name in state if name.endswith("layer1.0.conv1.weight") or "layer1" in name)
    faults: list[tuple[Any, str]] = [
        ({k: v for k, v in state.items() if k != key}, f"lack {key}"),
        ({**state, key: state[key][:1]}, f"of another shape in {key}"),
        ({**state, "layer9.weight": state[key], f"{key}.x": state[key]}, f"place for {key}.x"),
        ({}, "no tensors"),
        ([1, 2], "no tensors"),
        ({"network": object}, "no file of torch.save with tensors alone"),
    ]
    for number, (wrong, message) in enumerate(faults):
        file = stored(tmp_path / f"{number}.pth", wrong)
        with pytest.raises(FD2Error, match=message) as refused:
            loaded("test_resnet", file)
        assert f"{number}.pth" in refused.value.where


def test_another_digest_or_no_file_is_refused(tmp_path: Path) -> None:
    state = of_library("timm", "test_resnet").state_dict()
    file = stored(tmp_path / "w.safetensors", state)
    with pytest.raises(FD2Error, match=r"has SHA-256 [0-9a-f]{64} instead of 0000"):
        loaded("test_resnet", WeightsFile(file.path, "0" * 64))
    with pytest.raises(FD2Error, match="no weights file"):
        loaded("test_resnet", WeightsFile(str(tmp_path / "none.pth"), file.sha256))
