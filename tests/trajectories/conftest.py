"""Photographs of three grades of solar cells, small, and experts trained on them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.augment.normalise import Normaliser
from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.runtime.job import Job
from fd2.stages.prepare import PrepareSettings, prepare
from fd2.trajectories.flat_network import FlatNetwork

SIZE, EPOCHS = 16, 5


@pytest.fixture(scope="session")
def dataset(
    cell_images: Path, job: Job, tmp_path_factory: pytest.TempPathFactory
) -> PreparedDataset:
    """Three classes in three channels."""
    folder = tmp_path_factory.mktemp("small") / "data"
    options = {"path": str(cell_images)}
    prepare(PrepareSettings("cells", "imagefolder", SIZE, options), folder, job)
    return open_prepared(folder)


@pytest.fixture(scope="session")
def flat() -> FlatNetwork:
    """ConvNet for these images."""
    seen = NetworkInput(3, SIZE)
    return FlatNetwork(
        plugins.load("backbones", "convnet").build(3, "scratch", seed=0, images=seen)
    )


@pytest.fixture(scope="session")
def experts(dataset: PreparedDataset) -> list[Tensor]:
    """Parameters of two experts, before training and after each epoch, by plain SGD."""
    manifest = dataset.manifest
    pixels = dataset.train.all_images(torch.device("cpu"))
    images = Normaliser(manifest.mean, manifest.std).normalise(pixels)
    labels = torch.empty(len(images), dtype=torch.long)
    for label, members in enumerate(dataset.class_indices(dataset.train)):
        labels[members] = label
    made = []
    for seed in range(2):
        seen = NetworkInput(3, SIZE)
        network = plugins.load("backbones", "convnet").build(3, "scratch", seed=seed, images=seen)
        flat = FlatNetwork(network)
        vector = flat.vector()
        epochs = [vector]
        for _ in range(EPOCHS):
            order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
            for rows in order.split(8):
                leaf = vector.requires_grad_()
                loss = cross_entropy(flat.logits(leaf, images[rows]), labels[rows])
                vector = (leaf - 0.02 * torch.autograd.grad(loss, leaf)[0]).detach()
            epochs.append(vector)
        made.append(torch.stack(epochs).detach())
    return made
