"""Checkpoints are read only with a known hash and loaded only where they fit."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from fd2.errors import FD2Error
from fd2.networks.legacy_weights import load, load_in_order


def save(path: Path, content: object) -> str:
    torch.save(content, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def small() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


@pytest.mark.parametrize("digits", [64, 8])
def test_round_trip_with_full_and_short_hash(tmp_path: Path, digits: int) -> None:
    state = small().state_dict()
    digest = save(tmp_path / "w.pth", state)
    loaded = load(tmp_path / "w.pth", digest[:digits])
    assert list(loaded) == list(state)
    assert all(torch.equal(loaded[key], state[key]) for key in state)


def test_changed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    digest = save(path, small().state_dict())
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(FD2Error, match="SHA-256") as caught:
        load(path, digest)
    assert caught.value.where == str(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FD2Error, match=r"nothing\.pth"):
        load(tmp_path / "nothing.pth", "0" * 64)


def test_too_short_a_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fewer than 8"):
        load(tmp_path / "w.pth", "abc")


def test_arbitrary_objects_are_not_unpickled(tmp_path: Path) -> None:
    digest = save(tmp_path / "w.pth", {"path": Path("x")})
    with pytest.raises(FD2Error, match="tensors alone") as caught:
        load(tmp_path / "w.pth", digest)
    assert isinstance(caught.value.__cause__, pickle.UnpicklingError)


def test_load_in_order_ignores_names() -> None:
    source, target = small(), small()
    state = {f"other.{i}.{k}": v for i, (k, v) in enumerate(source.state_dict().items())}
    load_in_order(target, state, "here")
    for own, expected in zip(
        target.state_dict().values(), source.state_dict().values(), strict=True
    ):
        assert torch.equal(own, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("0.weight"), "6 tensors instead of 7"),
        (lambda s: s.update({"0.weight": torch.zeros(4, 2, 1, 1)}), "does not fit"),
    ],
)
def test_load_in_order_refuses_what_does_not_fit(
    change: Callable[[dict[str, torch.Tensor]], object], message: str
) -> None:
    state = dict(small().state_dict())
    change(state)
    with pytest.raises(FD2Error, match=message):
        load_in_order(small(), state, "here")


def test_load_in_order_refuses_another_kind_of_tensor() -> None:
    state = small().state_dict()
    names = [name.replace("1.weight", "1.running_mean") for name in state]
    with pytest.raises(FD2Error, match="does not fit"):
        load_in_order(
            small(), dict(zip(names, state.values(), strict=True)) | {"x": torch.ones(4)}, "here"
        )
