"""Whitened data: the transform, and what sees whitened images."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.matching.conftest import whitened
from tests.trajectories.test_matching import CPU, MTT

from fd2.artifacts.images import write_distilled
from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.augment.normalise import Normaliser
from fd2.augment.whitening import normaliser_of
from fd2.config.datasets import prepare_settings
from fd2.config.experts import ExpertSettings
from fd2.errors import FD2Error
from fd2.loading import load
from fd2.networks.stored_teacher import build_teacher, read_teacher, write_teacher
from fd2.runtime.job import Job
from fd2.stages.train_expert import train_expert
from fd2.trajectories.expert_training import ExpertTraining
from fd2.trajectories.flat_network import flat_network
from fd2.trajectories.matching import follow_experts
from fd2.trajectories.stored_expert import read_expert

__all__ = ["whitened"]
EPSILON = 0.1


@pytest.fixture(scope="module")
def white(
    whitened: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> PreparedDataset:
    root = tmp_path_factory.mktemp("white")
    return open_prepared(whitened(root / "results/data/cells", EPSILON))


def test_whitening_is_that_of_kornia(white: PreparedDataset) -> None:
    """Value by value, by the singular value decomposition and the symmetric square root."""
    pixels = np.array(white.train.images, np.float64).transpose(0, 3, 1, 2) / 255
    flat = pixels.reshape(len(pixels), -1)
    centred = flat - flat.mean(0)
    left, values, _ = np.linalg.svd(centred.T @ centred / (len(flat) - 1))
    wanted = centred @ (left / np.sqrt(values + EPSILON) @ left.T)
    normaliser = normaliser_of(white)
    found = normaliser.normalise(white.train.all_images(CPU))
    assert found.dtype == torch.float32 and found.shape == (29, 3, 16, 16)
    np.testing.assert_allclose(found.flatten(1), wanted, atol=2e-5)
    # The covariance is what epsilon leaves of 1.
    np.testing.assert_allclose(
        np.linalg.eigvalsh(np.cov(found.flatten(1).double().T)),
        np.sort(values / (values + EPSILON)),
        atol=1e-5,
    )


def test_the_way_back_and_gradients(white: PreparedDataset) -> None:
    normaliser, pixels = normaliser_of(white), white.test.all_images(CPU)
    assert torch.equal(normaliser.quantise(normaliser.normalise(pixels)), pixels)
    shares = (pixels.double() / 255).requires_grad_()
    back = normaliser.denormalise(normaliser.normalise(shares))
    torch.testing.assert_close(back, shares, atol=1e-5, rtol=0)
    (gradient,) = torch.autograd.grad(back.sum(), shares)
    torch.testing.assert_close(gradient, torch.ones_like(shares), atol=1e-4, rtol=0)
    with pytest.raises(FD2Error, match="black and white"):
        normaliser.bounds()


def test_another_whitening_is_other_data(
    white: PreparedDataset, whitened: Callable[..., Path], dataset: PreparedDataset, tmp_path: Path
) -> None:
    other = open_prepared(whitened(tmp_path / "other", 0.2))
    digests = {one.manifest.digest() for one in (white, other, dataset)}
    assert len(digests) == 3
    # Whose file alone was exchanged.
    shutil.copytree(white.train.file.parent, tmp_path / "mixed")
    shutil.copy(tmp_path / "other/zca.safetensors", tmp_path / "mixed")
    with pytest.raises(FD2Error, match="of other data"):
        normaliser_of(open_prepared(tmp_path / "mixed"))
    assert type(normaliser_of(dataset)) is Normaliser


def test_experts_sets_and_students_see_whitened_images(
    white: PreparedDataset,
    dataset: PreparedDataset,
    expert_settings: Callable[..., ExpertSettings],
    job: Job,
    tmp_path: Path,
) -> None:
    folder, path = white.train.file.parent, tmp_path / "expert.safetensors"
    settings = expert_settings(epochs=4, augmentation=())
    train_expert(settings, folder, path, path.with_suffix(".json"), job)
    network = flat_network("convnet", white, CPU)
    expert = read_expert(path, network, white.manifest.digest())
    assert expert.metadata["zca"] == {"epsilon": EPSILON}
    with pytest.raises(FD2Error, match="trained on other data"):
        read_expert(path, network, dataset.manifest.digest())
    plain = ExpertTraining(settings, dataset, job)
    plain.run()
    assert not torch.equal(plain.weights.cpu()[1], expert.weights[1])

    made = follow_experts(MTT, network, white, [expert.weights], 2, 0, CPU)
    # The set stands in shares of white: where it began, real photographs.
    levels = made.start * 255
    torch.testing.assert_close(levels, levels.round(), atol=0.02, rtol=0)
    assert (made.images - made.start).abs().max() > 1e-3
    file = folder.parents[1] / "distilled/cells/mtt/plain/base/ipc2.safetensors"
    facts: dict[str, Any] = {"manifest": white.manifest.digest(), **white.manifest.statistics}
    write_distilled(file, made.images, facts, learned_rate=made.rate)
    loaded = load(file)
    wanted = normaliser_of(white).normalise(made.images.transpose(0, 1).flatten(0, 1))
    torch.testing.assert_close(loaded.images, wanted)


def test_what_knows_mean_and_deviation_alone_refuses_it(
    white: PreparedDataset, tmp_path: Path
) -> None:
    teacher = build_teacher("convnet", 3, None, initialisation="scratch", seed=0)
    facts = {
        **{"stage": "pretrain", "backbone": "convnet", "classes": 3, "attention_maps": None},
        **{"channels": 3, "resolution": 224, "stem": "imagenet", **white.manifest.statistics},
    }
    write_teacher(tmp_path / "teacher.safetensors", teacher, facts)
    with pytest.raises(FD2Error, match="whitened images"):
        read_teacher(tmp_path / "teacher.safetensors", CPU)
    read_teacher(tmp_path / "teacher.safetensors", CPU, normalised=True)


def test_images_that_are_too_large_are_refused_with_their_size() -> None:
    entry = {"kind": "imagefolder", "path": "photos", "resolution": 64, "zca": {"epsilon": 0.1}}
    assert prepare_settings("mine", entry)["zca"] == {"epsilon": 0.1}
    assert "zca" not in prepare_settings("mine", {**entry, "zca": None})
    with pytest.raises(FD2Error, match=r"150528 values.*181 GB"):
        prepare_settings("mine", {**entry, "resolution": 224})
