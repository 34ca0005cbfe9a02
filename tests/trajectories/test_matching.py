"""The loop of trajectory matching on real photographs."""

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
from fd2.augment.normalise import Normaliser
from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.networks.activation_maps import activation_maps
from fd2.networks.backbone import Backbone
from fd2.runtime.interruption import StoppedError
from fd2.runtime.job import Job, StateSettings
from fd2.runtime.state import stage_state
from fd2.trajectories import matching
from fd2.trajectories.flat_network import FlatNetwork
from fd2.trajectories.gated_sgd import GatedSGD
from fd2.trajectories.initial_set import correct_images, expert_labels
from fd2.trajectories.matching import MatchedSet, enhanced, follow_experts
from fd2.trajectories.recipe import Enhancement, StartEpochs, TrajectoryRecipe

CPU = torch.device("cpu")
MTT = TrajectoryRecipe(
    network="convnet",
    iterations=4,
    inner_steps=3,
    expert_epochs=1,
    start_epochs=StartEpochs(0, 3, 3),
    batch_synthetic=4,
    initial_images="real",
    soft_labels=False,
    augmentation=OPERATIONS,
    images_learning_rate=50.0,
    images_momentum=0.5,
    labels_learning_rate=1.0,
    labels_momentum=0.9,
    initial_rate=0.02,
    rate_learning_rate=1e-6,
    rate_momentum=0.5,
    threshold=None,
    dropped_share=0.0,
    dropped_parameters="smallest",
    enhancement=None,
    memory="sweep",
)
DATM = replace(
    MTT, soft_labels=True, initial_images="correct", start_epochs=StartEpochs(0, 2, 4, 3)
)
EDF = replace(
    DATM,
    dropped_share=0.25,
    # Of four students the second ends further away.
    threshold=1.2,
    enhancement=Enhancement(beta=2.0, interval=2, threshold=None, maps="smooth_grad_cam"),
)
RANDOM = replace(EDF, dropped_parameters="random")
RECIPES = {"mtt": MTT, "datm": DATM, "edf": EDF, "dropped at random": RANDOM}
recipes = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


@pytest.fixture(scope="module")
def teacher() -> Backbone:
    """Looked through for activation maps."""
    plugin = plugins.load("backbones", "convnet")
    network: Backbone = plugin.build(3, "scratch", seed=7, images=NetworkInput(3, 16))
    return network.eval()


@pytest.fixture
def made(
    flat: FlatNetwork, dataset: PreparedDataset, experts: list[Tensor], teacher: Backbone
) -> Callable[[TrajectoryRecipe], MatchedSet]:
    return lambda recipe: follow_experts(recipe, flat, dataset, experts, 2, 0, CPU, teacher=teacher)


def same(one: MatchedSet, other: MatchedSet) -> bool:
    labels = one.labels is other.labels is None or (
        one.labels is not None
        and other.labels is not None
        and torch.equal(one.labels, other.labels)
    )
    images = torch.equal(one.images, other.images) and torch.equal(one.start, other.start)
    learned = one.rate == other.rate and one.areas == other.areas
    counted = (one.skipped, one.nearest) == (other.skipped, other.nearest)
    return labels and images and learned and counted


@recipes
def test_all_that_is_learned_moves_and_comes_out_the_same_again(
    recipe: TrajectoryRecipe, made: Callable[[TrajectoryRecipe], MatchedSet]
) -> None:
    before = torch.get_rng_state()
    start, found = made(replace(recipe, iterations=0)), made(recipe)
    assert torch.equal(torch.get_rng_state(), before)
    assert found.images.shape == (2, 3, 3, 16, 16) and found.images.dtype == torch.float32
    assert torch.equal(found.start, start.images) and torch.equal(start.start, start.images)
    assert ((found.images - found.start).abs().amax((0, 2, 3, 4)) > 1e-3).all()
    assert found.rate != recipe.initial_rate and found.rate > 0
    assert (found.labels is not None) == recipe.soft_labels
    if found.labels is not None:
        assert start.labels is not None and found.labels.shape == (2, 3, 3)
        assert ((found.labels - start.labels).abs().amax(2) > 0).all()
    assert same(made(recipe), found)


@recipes
@pytest.mark.parametrize("passes", [14, 20])
def test_a_stopped_run_goes_on_to_the_same_bits(
    recipe: TrajectoryRecipe,
    passes: int,
    flat: FlatNetwork,
    dataset: PreparedDataset,
    experts: list[Tensor],
    teacher: Backbone,
    job: Job,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: Callable[[TrajectoryRecipe], MatchedSet],
) -> None:
    expected = made(recipe)
    assert expected.skipped == (1 if recipe is EDF else 0)
    apart = replace(job, state=StateSettings(tmp_path, 300))

    def run() -> MatchedSet:
        with stage_state(apart, {"stage": "match"}) as state:
            part = state.part("images")
            return follow_experts(recipe, flat, dataset, experts, 2, 0, CPU, part, teacher=teacher)

    with monkeypatch.context() as patch:
        logits, left = FlatNetwork.logits, [passes]

        def counted(self: FlatNetwork, vector: Tensor, images: Tensor) -> Tensor:
            left[0] -= 1
            if left[0] == 0:
                signal.raise_signal(signal.SIGTERM)
            return logits(self, vector, images)

        patch.setattr(FlatNetwork, "logits", counted)
        with pytest.raises(StoppedError):
            run()
    assert same(run(), expected)


def test_matching_brings_students_nearer_to_experts(
    made: Callable[[TrajectoryRecipe], MatchedSet], capsys: pytest.CaptureFixture[str]
) -> None:
    still = replace(MTT, images_learning_rate=1e-12, rate_learning_rate=1e-12, iterations=30)
    moving = replace(MTT, iterations=30)
    distances = []
    for recipe in (still, moving):
        made(recipe)
        lines = capsys.readouterr().out.splitlines()
        distances.append(float(lines[-1].split("distance=")[1].split()[0]))
    # The same student in the last iteration, as draws depend on its number alone.
    assert distances[1] < 0.95 * distances[0]


def test_a_distance_above_the_threshold_changes_nothing(
    made: Callable[[TrajectoryRecipe], MatchedSet],
) -> None:
    none, still = made(replace(DATM, threshold=0.0)), made(replace(DATM, iterations=0))
    assert (none.skipped, still.skipped) == (4, 0) and still.nearest == float("inf")
    assert same(replace(none, skipped=0, nearest=still.nearest), still)
    assert same(made(replace(DATM, threshold=1e9)), made(DATM))
    # Of four students the second ends further away.
    one, two = (made(replace(EDF, iterations=count)) for count in (1, 2))
    assert two.skipped == 1 and two.nearest == one.nearest <= 1.2
    assert same(replace(two, skipped=0), one)


def test_all_memories_give_sets_and_two_the_same(
    made: Callable[[TrajectoryRecipe], MatchedSet],
) -> None:
    sweep, graph, tesla = (
        made(replace(DATM, iterations=1, memory=memory)) for memory in ("sweep", "graph", "tesla")
    )
    torch.testing.assert_close(sweep.images, graph.images, rtol=1e-4, atol=1e-5)
    assert (tesla.images - graph.images).abs().max() > 1e-3


def test_images_in_pieces_give_the_same_set_to_rounding(
    made: Callable[[TrajectoryRecipe], MatchedSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network never sees more of the six, nor of the photographs that they start from."""
    short = replace(DATM, iterations=2, batch_synthetic=None)
    whole, logits, seen = made(short), FlatNetwork.logits, set()

    def counted(self: FlatNetwork, vector: Tensor, images: Tensor) -> Tensor:
        seen.add(len(images))
        return logits(self, vector, images)

    monkeypatch.setattr(FlatNetwork, "logits", counted)
    pieces = made(replace(short, images_at_once=4))
    assert max(seen) == 4
    torch.testing.assert_close(pieces.images, whole.images, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(pieces.labels, whole.labels, rtol=1e-3, atol=1e-4)
    assert pieces.rate == pytest.approx(whole.rate, rel=1e-5)
    assert (whole.images - whole.start).abs().max() > 1e-2


def test_an_enhancement_moves_stressed_pixels_further_and_nothing_else(
    made: Callable[[TrajectoryRecipe], MatchedSet],
) -> None:
    assert EDF.enhancement is not None
    once = replace(EDF, iterations=1)
    plain, enhancing = made(replace(once, enhancement=None)), made(once)
    assert plain.labels is not None and enhancing.labels is not None
    assert torch.equal(plain.labels, enhancing.labels) and plain.rate == enhancing.rate
    factor = (enhancing.images - enhancing.start) / (plain.images - plain.start)
    moved = (plain.images - plain.start).abs() > 1e-3
    low = (factor[moved] - 1).abs() < 1e-2
    high = (factor[moved] > 1.99) & (factor[moved] < 3.01)
    assert (low | high).all() and low.any() and high.any()


def test_maps_are_made_before_the_first_step_and_then_in_their_interval(
    made: Callable[[TrajectoryRecipe], MatchedSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []

    def counted(*arguments: Any) -> Tensor:
        seen.append(arguments[2].clone())
        return activation_maps(*arguments)

    monkeypatch.setattr(matching, "activation_maps", counted)
    made(replace(EDF, iterations=5))
    assert len(seen) == 3 and not torch.equal(seen[0], seen[1])


@pytest.mark.parametrize("threshold", [None, 0.5])
def test_what_is_stressed(threshold: float | None) -> None:
    maps = torch.rand(4, 5, 6, generator=torch.Generator().manual_seed(0))
    found = enhanced(maps, 1.5, threshold)
    assert found.shape == (4, 1, 5, 6)
    for row, image in enumerate(maps):
        limit = float(image.mean()) if threshold is None else threshold
        for y in range(5):
            for x in range(6):
                value = float(image[y, x])
                wanted = 1.0 if value < limit else 1.5 + value
                assert float(found[row, 0, y, x]) == pytest.approx(wanted)


def test_the_gated_step_is_sgds() -> None:
    generator = torch.Generator().manual_seed(0)
    value, *gradients = torch.randn(5, 7, generator=generator)
    reference = value.clone().requires_grad_()
    optimiser = torch.optim.SGD([reference], 0.3, momentum=0.9)
    gated = GatedSGD(value, 0.3, 0.9)
    for number, gradient in enumerate(gradients):
        gated.step(gradient, torch.tensor(number != 2))
        if number != 2:
            reference.grad = gradient.clone()
            optimiser.step()
        torch.testing.assert_close(gated.value, reference.detach(), rtol=1e-6, atol=1e-7)


def test_the_range_of_start_epochs_slides_to_its_end() -> None:
    sliding = StartEpochs(2, 10, 20, widened_until=5)
    assert [sliding.end(iteration) for iteration in range(7)] == [10, 12, 14, 16, 18, 20, 20]
    assert StartEpochs(0, 4, 8).end(0) == 8


def test_initial_images_are_those_that_experts_are_right_about(
    flat: FlatNetwork, dataset: PreparedDataset, experts: list[Tensor]
) -> None:
    last = [each[-1] for each in experts]
    rng = np.random.default_rng(0)
    images = correct_images(flat, last, dataset, 2, rng, CPU)
    classes = torch.arange(3).repeat_interleave(2)
    votes = torch.stack([flat.logits(each, images).argmax(1) == classes for each in last])
    assert votes.any(0).all()
    manifest = dataset.manifest
    real = Normaliser(manifest.mean, manifest.std).normalise(dataset.train.all_images(CPU))
    for image, label in zip(images, classes.tolist(), strict=True):
        members = dataset.class_indices(dataset.train)[label]
        assert (real[members] == image).all((1, 2, 3)).sum() == 1
    with pytest.raises(FD2Error, match=r"right about .+ not about 99"):
        correct_images(flat, last, dataset, 99, rng, CPU)


def test_labels_are_the_mean_of_experts_that_are_right(flat: FlatNetwork) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(20, 3, 16, 16, generator=generator)
    experts = [flat.vector() + 0.1 * torch.randn(flat.size, generator=generator) for _ in range(3)]
    classes = torch.arange(20) % 3
    found = expert_labels(flat, experts, images, classes)
    seen = set()
    for row in range(20):
        logits = [flat.logits(each, images[row : row + 1])[0].detach() for each in experts]
        right = [each for each in logits if int(each.argmax()) == int(classes[row])]
        seen.add(len(right))
        wanted = torch.stack(right or logits).mean(0)
        torch.testing.assert_close(found[row], wanted, rtol=1e-4, atol=1e-5)
    assert {0, 1} <= seen, "some images that no expert is right about, some that one is"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expert_epochs": 9}, "experts of 5 epochs"),
        ({"images_learning_rate": 1e38}, "not finite"),
        ({"rate_learning_rate": 1.0}, "fell to|not finite"),
    ],
)
def test_what_cannot_be_matched_is_refused(
    made: Callable[[TrajectoryRecipe], MatchedSet], changes: dict[str, float], message: str
) -> None:
    with pytest.raises(FD2Error, match=message):
        made(replace(MTT, **changes))


def test_the_stressed_area_is_told_at_each_look(
    made: Callable[[TrajectoryRecipe], MatchedSet], teacher: Backbone, dataset: PreparedDataset
) -> None:
    """At the first, that of the images that the set began from, by a loop over pixels."""
    grad_cam = Enhancement(beta=2.0, interval=3, threshold=None, maps="grad_cam")
    found = made(replace(MTT, iterations=7, enhancement=grad_cam))
    assert len(found.areas) == 3 and made(MTT).areas == ()
    normaliser = Normaliser(dataset.manifest.mean, dataset.manifest.std)
    images = normaliser.normalise(found.start.transpose(0, 1).flatten(0, 1))
    classes = torch.arange(3).repeat_interleave(2)
    maps = activation_maps("grad_cam", teacher, images, classes, torch.Generator())
    counted = 0
    for one in maps:
        mean = float(one.double().mean())
        counted += sum(float(value) >= mean for value in one.flatten())
    assert found.areas[0] == pytest.approx(counted / maps.numel(), abs=2 / maps.numel())
