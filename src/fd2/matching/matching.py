"""The loop of matching methods: all images together, in one fresh network after another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fd2.artifacts.prepared import PreparedDataset
from fd2.augment.differentiable import draw_augmentations
from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.matching.features import feature_distance
from fd2.matching.pixel_gradient import OBJECTIVES, pixel_gradient
from fd2.matching.real_images import RealImages
from fd2.matching.recipe import MatchRecipe
from fd2.networks.backbone import Backbone
from fd2.networks.compilation import compiled
from fd2.networks.formats import at_least_float32, on_device
from fd2.runtime.progress import Progress
from fd2.runtime.seeds import numpy_generator, seed_from, torch_generator
from fd2.runtime.state import NO_STATE, LoopState, Snapshot
from fd2.training.finite import FiniteWatch
from fd2.training.mixed_precision import MixedPrecision, precision_on
from fd2.training.snapshots import (
    prefixed,
    restore_training,
    resumable,
    training_snapshot,
    without_prefix,
)


def match_images(
    recipe: MatchRecipe,
    dataset: PreparedDataset,
    images_per_class: int,
    seed: int,
    device: torch.device,
    state: LoopState = NO_STATE,
    after_step: Callable[[], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Make the images of all classes; a run that was stopped goes on to the same bits.

    What a step draws depends on the seed, the dataset's name, the images per class and the step's
    number alone, so that methods start from the same images. ``after_step`` is called after each
    step, e.g. by a clock.

    Returns:
        The images, and those that they started from, each float32 ``[n, C, channels, H, W]`` on the
        CPU, in shares of white (0 is black, 1 is white), not clipped: matched pixels leave that
        range.

    Raises:
        FD2Error: if the network has batch norm, a class has too few images to start from, or the
            loss is not finite; names the step and the classes.
        StoppedError: if a signal came; the snapshot is written.
    """
    matching = _Matching(recipe, dataset, images_per_class, seed, device)
    start = matching.shares()
    resumed = state.restore()
    begin = 0 if resumed is None else matching.restore(resumed)
    title = f"{images_per_class} images per class"
    steps = recipe.iterations * recipe.outer_loops
    progress = Progress(steps, title, start=begin)
    watch = FiniteWatch(dataset.manifest.classes, title, "lower 'images_learning_rate'")
    labels = torch.arange(dataset.num_classes, device=device)
    remaining = resumable(progress, watch, "not finite", state, matching.snapshot, start=begin)
    for number, _ in remaining:
        loss = matching.step(number)
        watch.note(number, {"loss": loss}, matching.images, labels)
        progress.show({"loss": loss})
        if after_step:
            after_step()
    return matching.shares(), start


class _Matching:
    """Images ``[C, n, channels, H, W]``, the SGD that moves them, and the network of the moment."""

    def __init__(
        self,
        recipe: MatchRecipe,
        dataset: PreparedDataset,
        images_per_class: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self._recipe = recipe
        self._device = device
        manifest = dataset.manifest
        self._input = NetworkInput(manifest.channels, manifest.resolution)
        self._classes = dataset.num_classes
        self._names = ("matching", seed, manifest.dataset, images_per_class)
        self.real = RealImages(dataset, device)
        if recipe.initial_images == "real":
            rng = numpy_generator(*self._names, "initial")
            images = self.real.initial(rng, images_per_class)
        else:
            size = (manifest.channels, manifest.resolution, manifest.resolution)
            generator = torch_generator(*self._names, "initial")
            images = torch.randn(self._classes, images_per_class, *size, generator=generator)
        # One order in memory, whatever that of the arrays: a step must not depend on it.
        self.images = images.to(device).contiguous().requires_grad_()
        rate, momentum = recipe.images_learning_rate, recipe.images_momentum
        self._optimiser = torch.optim.SGD([self.images], rate, momentum=momentum)
        self._precision = precision_on(device, mixed=False)
        self._network = self._fresh(0)
        self._objective = OBJECTIVES[recipe.objective]
        if recipe.mixed_precision or recipe.compile != "none":
            self._objective = partial(feature_distance, real_features=self._faster_features())

    def _faster_features(self) -> Callable[[Tensor], Tensor]:
        """The network's features for images through which no gradient flows."""
        recipe, device = self._recipe, self._device
        half = torch.bfloat16 if recipe.mixed_precision else None
        precision = MixedPrecision(device.type, half)
        features = compiled(self._network.features, recipe.compile, device, "compile")

        def faster(images: Tensor) -> Tensor:
            with precision.autocast():
                return at_least_float32(features(images))

        return faster

    def _fresh(self, iteration: int) -> Backbone:
        name, seed = self._recipe.network, seed_from(*self._names, "network", iteration)
        plugin = plugins.load("backbones", name)
        network: Backbone = plugin.build(self._classes, "scratch", seed=seed, images=self._input)
        if network.batch_norms():
            raise FD2Error(
                f"network '{name}' has batch norm, through which the images of a batch meet",
                "network of a matching method",
                "take one without, such as 'convnet'",
            )
        # These networks have instance norm, which is slow in the other order.
        return on_device(network, self._device, "contiguous")

    def step(self, number: int) -> Tensor:
        """One step of the images, then training of the network; the mean loss of the classes."""
        recipe = self._recipe
        iteration, loop = divmod(number, recipe.outer_loops)
        if loop == 0 and number > 0:
            # Into the same network, which may be compiled.
            self._network.load_state_dict(self._fresh(iteration).state_dict())
        draws = torch_generator(*self._names, "step", number)
        batch = self.real.draw(numpy_generator(*self._names, "step", number), recipe.batch_real)
        record = None
        if recipe.augmentation:
            record = draw_augmentations(draws, recipe.augmentation, self._classes)
        losses, gradient = pixel_gradient(
            self._objective,
            self._network,
            self.images,
            batch,
            record,
            1 if recipe.class_by_class else self._classes,
        )
        self.images.grad = gradient.contiguous()
        self._optimiser.step()
        if loop + 1 < recipe.outer_loops:
            self._train_network(draws)
        return losses.mean()

    def _train_network(self, draws: torch.Generator) -> None:
        """Some epochs of plain SGD on the images as they are now."""
        recipe = self._recipe
        images = self.images.detach().flatten(0, 1)
        labels = torch.arange(len(images), device=self._device) // self.images.shape[1]
        parameters = self._network.parameters()
        optimiser = torch.optim.SGD(parameters, recipe.network_learning_rate, fused=True)
        for _ in range(recipe.inner_epochs):
            order = torch.randperm(len(images), generator=draws).to(self._device)
            for rows in order.split(recipe.batch_synthetic):
                seen = images[rows]
                if recipe.augmentation:
                    drawn = draw_augmentations(draws, recipe.augmentation, len(rows), shared=True)
                    seen = drawn.apply(seen)
                optimiser.zero_grad(set_to_none=True)
                cross_entropy(self._network(seen), labels[rows]).backward()
                optimiser.step()

    def shares(self) -> Tensor:
        """The images as they are now, ``[n, C, channels, H, W]`` in shares of white."""
        shares = self.real.normaliser.denormalise(self.images.detach())
        return shares.transpose(0, 1).cpu().contiguous()

    def snapshot(self, done: int) -> Snapshot:
        """Images, momentum and the network after so many steps."""
        network = prefixed("network", self._network.state_dict())
        tensors = {"images": self.images.detach(), **network}
        return training_snapshot(self._optimiser, self._precision, tensors, {"step": done})

    def restore(self, snapshot: Snapshot) -> int:
        """Go on from a `snapshot`; the number of the next step."""
        with torch.no_grad():
            self.images.copy_(snapshot.tensors["images"])
        self._network.load_state_dict(without_prefix("network", snapshot.tensors))
        restore_training(snapshot, self._optimiser, self._precision)
        return int(snapshot.facts["step"])
