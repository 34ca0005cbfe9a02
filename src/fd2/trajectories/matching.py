"""The loop of trajectory matching: MTT, DATM and EDF by their recipes.

Sources: Cazenavette et al., *Dataset Distillation by Matching Training Trajectories*, CVPR 2022;
Guo et al., *Towards Lossless Dataset Distillation via Difficulty-Aligned Trajectory Matching*, ICLR
2024; Wang et al., *Emphasizing Discriminative Features for Dataset Distillation in Complex
Scenarios*, CVPR 2025; and their public code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fd2.artifacts.prepared import PreparedDataset
from fd2.augment.differentiable import draw_augmentations
from fd2.augment.whitening import normaliser_of
from fd2.errors import FD2Error
from fd2.matching.real_images import RealImages
from fd2.networks.activation_maps import activation_maps
from fd2.networks.backbone import Backbone
from fd2.runtime.progress import Progress
from fd2.runtime.seeds import numpy_generator, torch_generator
from fd2.runtime.state import NO_STATE, LoopState, Snapshot
from fd2.training.finite import FiniteWatch
from fd2.training.snapshots import prefixed, resumable, without_prefix
from fd2.trajectories.distance import BY_LOSS, TrajectoryDistance, dropped_positions
from fd2.trajectories.flat_network import FlatNetwork
from fd2.trajectories.gated_sgd import GatedSGD
from fd2.trajectories.gradient import InnerBatch, SyntheticSet, trajectory_gradient
from fd2.trajectories.initial_set import correct_images, expert_labels
from fd2.trajectories.recipe import TrajectoryRecipe

_PIXELS = "lower 'images_learning_rate', or set a threshold"


@dataclass(frozen=True)
class MatchedSet:
    """What was made.

    Attributes:
        images: float32 ``[n, C, channels, H, W]`` on the CPU, in shares of white, not clipped.
        start: those that they started from, likewise.
        labels: logits float32 ``[n, C, C]``; None for class ids.
        rate: the learning rate of students.
        areas: of an enhancement, at each look at the maps: the share of all pixels that it
            stressed; none without one.
        skipped: iterations that changed nothing, as their distance was above the threshold.
        nearest: the least distance of all iterations; infinite of none.
    """

    images: Tensor
    start: Tensor
    labels: Tensor | None
    rate: float
    areas: tuple[float, ...]
    skipped: int
    nearest: float


def follow_experts(
    recipe: TrajectoryRecipe,
    network: FlatNetwork,
    dataset: PreparedDataset,
    experts: Sequence[Tensor],
    images_per_class: int,
    seed: int,
    device: torch.device,
    state: LoopState = NO_STATE,
    after_step: Callable[[], None] | None = None,
    teacher: Backbone | None = None,
) -> MatchedSet:
    """Make images, and what else is learned; a run that was stopped goes on to the same bits.

    What an iteration draws depends on the seed, the dataset's name, the images per class and the
    iteration's number alone. ``network`` is that of experts and students; ``experts`` are the
    parameters ``[epochs + 1, P]`` of each, before training and after each epoch, on the CPU.
    ``after_step`` is called after each iteration. ``teacher`` is the network, in evaluation mode,
    whose activation maps an enhancement uses.

    Raises:
        FD2Error: if experts have too few epochs, a class has too few images to start from, or what
            is learned is not finite, or the learned rate not above 0.
        StoppedError: if a signal came; the snapshot is written.
    """
    recipe.require_epochs(min(len(each) - 1 for each in experts))
    matching = _Matching(recipe, network, dataset, experts, images_per_class, seed, device, teacher)
    start = matching.shares()
    resumed = state.restore()
    begin = 0 if resumed is None else matching.restore(resumed)
    title = f"{images_per_class} images per class"
    progress = Progress(recipe.iterations, title, start=begin)
    watch = FiniteWatch(dataset.manifest.classes, title, _PIXELS)
    remaining = resumable(progress, watch, "not finite", state, matching.snapshot, start=begin)
    for number, _ in remaining:
        distance = matching.step(number)
        watch.note(number, {"distance": distance}, matching.images.value, matching.classes)
        progress.show({"distance": distance, "rate": matching.rate.value})
        if after_step:
            after_step()
    rate = matching.rate.value.item()
    if rate <= 0:
        where = "learned learning rate of students"
        raise FD2Error(f"it fell to {rate:.3g}", where, "lower 'rate_learning_rate'")
    return MatchedSet(
        matching.shares(),
        start,
        matching.logits(),
        rate,
        areas=tuple(matching.areas.tolist()),
        skipped=int(matching.skipped),
        nearest=matching.nearest.item(),
    )


def enhanced(maps: Tensor, beta: float, threshold: float | None) -> Tensor:
    """What the pixels' gradient is multiplied by: 1, or β plus the map where it is stressed.

    EDF, equation 4.

    Args:
        maps: ``[n, H, W]`` in [0, 1].
        beta: β.
        threshold: stressed is what is not below it; None for the mean of each map.

    Returns:
        ``[n, 1, H, W]``.
    """
    return torch.where(stressed(maps, threshold), beta + maps, 1.0)[:, None]


def stressed(maps: Tensor, threshold: float | None) -> Tensor:
    """Which pixels of maps ``[n, H, W]`` an enhancement stresses; arguments as of `enhanced`."""
    limit = maps.mean((1, 2), keepdim=True) if threshold is None else threshold
    return maps >= limit


class _Matching:
    """Images ``[C * n, channels, H, W]`` class by class, their labels, and the students' rate."""

    def __init__(
        self,
        recipe: TrajectoryRecipe,
        network: FlatNetwork,
        dataset: PreparedDataset,
        experts: Sequence[Tensor],
        images_per_class: int,
        seed: int,
        device: torch.device,
        teacher: Backbone | None,
    ) -> None:
        self._recipe, self._experts, self._device = recipe, experts, device
        self._network, self._teacher = network, teacher
        manifest = dataset.manifest
        self._count, self._number_of_classes = images_per_class, dataset.num_classes
        self._normaliser = normaliser_of(dataset)
        self._names = ("trajectories", seed, manifest.dataset, images_per_class)
        self.classes = torch.arange(dataset.num_classes, device=device).repeat_interleave(
            images_per_class
        )
        last_epochs = [each[-1] for each in experts]
        images = self._initial_images(dataset, last_epochs)
        self.images = GatedSGD(images, recipe.images_learning_rate, recipe.images_momentum)
        self._logits: GatedSGD | None = None
        if recipe.soft_labels:
            chosen = last_epochs if recipe.initial_images == "correct" else last_epochs[:1]
            at_once = recipe.images_at_once
            logits = expert_labels(network, chosen, images, self.classes, at_once)
            rates = recipe.labels_learning_rate, recipe.labels_momentum
            self._logits = GatedSGD(logits, *rates)
        rate = torch.tensor(recipe.initial_rate, device=device)
        self.rate = GatedSGD(rate, recipe.rate_learning_rate, recipe.rate_momentum)
        self._factors = torch.ones_like(images[:, :1])
        self._left_out: Tensor | None = None
        looks = 0
        if recipe.enhancement is not None:
            looks = -(-recipe.iterations // recipe.enhancement.interval)
        self.areas = torch.zeros(looks, device=device)
        self.skipped = torch.zeros((), dtype=torch.int64, device=device)
        self.nearest = torch.tensor(float("inf"), device=device)

    def _initial_images(self, dataset: PreparedDataset, last_epochs: Sequence[Tensor]) -> Tensor:
        rng = numpy_generator(*self._names, "initial")
        if self._recipe.initial_images == "real":
            images = RealImages(dataset, self._device).initial(rng, self._count).flatten(0, 1)
        else:
            asked = (dataset, self._count, rng, self._device)
            at_once = self._recipe.images_at_once
            images = correct_images(self._network, last_epochs, *asked, at_once)
        # One order in memory, whatever that of the arrays: a step must not depend on it.
        return images.contiguous()

    def step(self, number: int) -> Tensor:
        """One student, and a step of all that is learned; the student's distance."""
        recipe = self._recipe
        draws = torch_generator(*self._names, "step", number)
        rng = numpy_generator(*self._names, "step", number)
        expert = self._experts[int(rng.integers(len(self._experts)))]
        epoch = int(rng.integers(recipe.start_epochs.least, recipe.start_epochs.end(number)))
        begin, target = (
            expert[at].to(self._device, non_blocking=True)
            for at in (epoch, epoch + recipe.expert_epochs)
        )
        labels = self.classes if self._logits is None else self._logits.value
        gradient = trajectory_gradient(
            self._network,
            SyntheticSet(self.images.value, labels, self.rate.value),
            TrajectoryDistance(begin, target, recipe.dropped_share, self._dropped(number)),
            self._batches(draws),
            recipe.memory,
            recipe.images_at_once,
        )
        allowed = gradient.distance <= (
            float("inf") if recipe.threshold is None else recipe.threshold
        )
        self.skipped = self.skipped + ~allowed
        self.nearest = torch.minimum(self.nearest, gradient.distance)
        if (enhancement := recipe.enhancement) and number % enhancement.interval == 0:
            assert self._teacher is not None
            shown = self.classes if self._logits is None else labels.argmax(1)
            maps = activation_maps(enhancement.maps, self._teacher, self.images.value, shown, draws)
            self._factors = enhanced(maps, enhancement.beta, enhancement.threshold)
            area = stressed(maps, enhancement.threshold).float().mean()
            self.areas[number // enhancement.interval] = area
        self.images.step(gradient.images * self._factors, allowed)
        self.rate.step(gradient.rate, allowed)
        if self._logits is not None and gradient.labels is not None:
            self._logits.step(gradient.labels, allowed)
        return gradient.distance

    def _dropped(self, number: int) -> str | Tensor:
        """What the distance leaves out: by the parameters' own, or positions."""
        recipe = self._recipe
        if recipe.dropped_parameters in BY_LOSS or not recipe.dropped_share:
            return recipe.dropped_parameters
        if self._left_out is None or recipe.dropped_parameters == "random":
            anew = number if recipe.dropped_parameters == "random" else 0
            self._left_out = dropped_positions(
                recipe.dropped_parameters,
                recipe.dropped_share,
                self._network.sizes,
                torch_generator(*self._names, "dropped", anew),
            ).to(self._device, non_blocking=True)
        return self._left_out

    def _batches(self, draws: torch.Generator) -> list[InnerBatch]:
        """All images in a random order, cut into batches; again until there are enough."""
        recipe, count = self._recipe, len(self.classes)
        batches: list[InnerBatch] = []
        while len(batches) < recipe.inner_steps:
            order = torch.randperm(count, generator=draws)
            for rows in order.split(recipe.batch_synthetic or count):
                record = None
                if recipe.augmentation:
                    record = draw_augmentations(draws, recipe.augmentation, len(rows), shared=True)
                batches.append(InnerBatch(rows.to(self._device, non_blocking=True), record))
        return batches[: recipe.inner_steps]

    def shares(self) -> Tensor:
        """The images as they are now, ``[n, C, channels, H, W]`` in shares of white."""
        shares = self._normaliser.denormalise(self.images.value)
        return self._by_slot(shares)

    def logits(self) -> Tensor | None:
        """The learned labels ``[n, C, C]``."""
        return None if self._logits is None else self._by_slot(self._logits.value)

    def _by_slot(self, rows: Tensor) -> Tensor:
        shape = (self._number_of_classes, self._count)
        return rows.unflatten(0, shape).transpose(0, 1).cpu().contiguous()

    def _learned(self) -> dict[str, GatedSGD]:
        learned = {"images": self.images, "rate": self.rate}
        return learned if self._logits is None else {**learned, "labels": self._logits}

    def snapshot(self, done: int) -> Snapshot:
        """All that is learned, with its momentum, after so many iterations."""
        parts = [prefixed(name, each.tensors()) for name, each in self._learned().items()]
        tensors = {name: value for part in parts for name, value in part.items()}
        counted = {"areas": self.areas, "skipped": self.skipped, "nearest": self.nearest}
        return Snapshot({**tensors, "factors": self._factors, **counted}, {"step": done})

    def restore(self, snapshot: Snapshot) -> int:
        """Go on from a `snapshot`; the number of the next iteration."""
        for name, each in self._learned().items():
            each.restore(without_prefix(name, snapshot.tensors))
        self._factors = snapshot.tensors["factors"].to(self._device)
        for name in ("areas", "skipped", "nearest"):
            setattr(self, name, snapshot.tensors[name].to(self._device))
        return int(snapshot.facts["step"])
