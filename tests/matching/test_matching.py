"""The loop of matching: what moves, what is the same again, and what is refused."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fd2.artifacts.prepared import PreparedDataset
from fd2.augment.differentiable import OPERATIONS
from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.matching.features import feature_distance
from fd2.matching.matching import match_images
from fd2.matching.pixel_gradient import pixel_gradient
from fd2.matching.real_images import RealImages
from fd2.matching.recipe import MatchRecipe
from fd2.runtime.interruption import StoppedError
from fd2.runtime.job import Job, StateSettings
from fd2.runtime.state import stage_state

CPU = torch.device("cpu")
DM = MatchRecipe(
    objective="features",
    network="convnet",
    iterations=6,
    outer_loops=1,
    inner_epochs=0,
    images_learning_rate=1.0,
    images_momentum=0.5,
    network_learning_rate=0.01,
    batch_real=8,
    batch_synthetic=4,
    initial_images="real",
    augmentation=OPERATIONS,
    class_by_class=False,
)
DSA = replace(
    DM,
    objective="gradients",
    iterations=2,
    outer_loops=3,
    inner_epochs=2,
    images_learning_rate=0.1,
)
DC = replace(DSA, initial_images="noise", augmentation=())
RECIPES = {"dm": DM, "dsa": DSA, "dc": DC}


def made(recipe: MatchRecipe, dataset: PreparedDataset, count: int = 2, seed: int = 0) -> Tensor:
    return match_images(recipe, dataset, count, seed, CPU)[0]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_images_move_and_come_out_the_same_again(
    recipe: MatchRecipe, dataset: PreparedDataset
) -> None:
    before = torch.get_rng_state()
    start = made(replace(recipe, iterations=0), dataset)
    images = made(recipe, dataset)
    assert images.shape == start.shape == (2, 3, 3, 16, 16) and images.dtype == torch.float32
    assert ((images - start).abs().amax((0, 2, 3, 4)) > 1e-4).all(), "images of each class move"
    assert torch.equal(made(recipe, dataset), images)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(made(recipe, dataset, seed=1), images)


def test_real_images_to_start_from_are_the_training_pixels(dataset: PreparedDataset) -> None:
    start = made(replace(DM, iterations=0), dataset, 5)
    levels = start * 255
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-3)
    pixels = dataset.train.all_images(CPU)
    for c, members in enumerate(dataset.class_indices(dataset.train)):
        found = levels[:, c].round().to(torch.uint8)
        assert len(found.unique(dim=0)) == 5
        assert all((pixels[members] == image).all((1, 2, 3)).any() for image in found)
    # Methods start from the same images, so that they can be told apart.
    assert torch.equal(made(replace(DSA, iterations=0), dataset, 5), start)


def loss_of(images: Tensor, dataset: PreparedDataset) -> float:
    """Mean of DM's loss over networks in which nothing was matched."""
    real, losses = RealImages(dataset, CPU), []
    synthetic = real.normaliser.normalise(images.transpose(0, 1))
    for seed in range(4):
        plugin = plugins.load("backbones", "convnet")
        network = plugin.build(3, "scratch", seed=seed, images=NetworkInput(3, 16))
        batch = real.draw(np.random.default_rng(seed), 12)
        losses.append(pixel_gradient(feature_distance, network, synthetic, batch, None, 3)[0])
    return float(torch.stack(losses).mean())


def test_matching_lowers_the_loss_also_in_other_networks(
    dataset: PreparedDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(DM, iterations=40, augmentation=())
    start, images = made(replace(recipe, iterations=0), dataset), made(recipe, dataset)
    assert loss_of(images, dataset) < 0.7 * loss_of(start, dataset)
    printed = capsys.readouterr().out
    assert "40/40 steps" in printed and "steps/s loss=" in printed


@pytest.mark.parametrize("recipe", [DM, DSA], ids=["dm", "dsa"])
def test_class_by_class_gives_the_same_images(
    recipe: MatchRecipe, dataset: PreparedDataset
) -> None:
    # Rounding grows with every step through networks that are trained on the images.
    short = replace(recipe, iterations=1)
    alone = made(replace(short, class_by_class=True), dataset)
    torch.testing.assert_close(alone, made(short, dataset), rtol=1e-3, atol=1e-3)


def test_real_images_in_half_precision_move_the_loss_by_no_more_than_rounding(
    dataset: PreparedDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    losses = []
    for mixed in (False, True):
        made(replace(DM, iterations=1, mixed_precision=mixed), dataset)
        losses.append(float(capsys.readouterr().out.split("loss=")[1]))
    exact, rounded = losses
    assert 0 < abs(rounded - exact) < torch.finfo(torch.bfloat16).eps * exact


@pytest.mark.slow
def test_compiled_features_give_the_same_images(dataset: PreparedDataset) -> None:
    """In every network: the second one has other weights in the same kernels."""
    eager = made(replace(DM, iterations=2), dataset)
    fast = made(replace(DM, iterations=2, compile="default"), dataset)
    torch.testing.assert_close(fast, eager, rtol=0, atol=1e-3)
    assert (eager - made(replace(DM, iterations=1), dataset)).abs().max() > 1e-2


def test_one_channel_stays_one(prepared: Callable[[int], PreparedDataset]) -> None:
    assert made(DSA, prepared(1)).shape == (2, 3, 1, 16, 16)


@pytest.mark.parametrize("passes", [3, 9])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_stopped_run_goes_on_to_the_same_bits(
    recipe: MatchRecipe,
    passes: int,
    dataset: PreparedDataset,
    job: Job,
    tmp_path: Path,
    interrupt: Any,
) -> None:
    expected = made(recipe, dataset), made(replace(recipe, iterations=0), dataset)
    apart = replace(job, state=StateSettings(tmp_path, 300))

    def run() -> tuple[Tensor, Tensor]:
        with stage_state(apart, {"stage": "match"}) as state:
            return match_images(recipe, dataset, 2, 0, CPU, state.part("images"))

    interrupt(passes, signal.SIGTERM)
    with pytest.raises(StoppedError):
        run()
    assert all(map(torch.equal, run(), expected)), "the images, and those they started from"


def test_what_is_not_finite_is_named(dataset: PreparedDataset) -> None:
    with pytest.raises(FD2Error, match="the images, first in step 0, all 3") as refused:
        made(replace(DM, images_learning_rate=1e38), dataset)
    assert "images_learning_rate" in refused.value.fix


@pytest.mark.parametrize(
    ("changes", "count", "message"),
    [
        ({"network": "resnet10t"}, 2, "'resnet10t' has batch norm"),
        ({}, 6, "class 'poly_000' has only 5"),
    ],
)
def test_what_cannot_be_matched_is_refused(
    dataset: PreparedDataset, changes: dict[str, Any], count: int, message: str
) -> None:
    with pytest.raises(FD2Error, match=message):
        made(replace(DM, **changes), dataset, count)
