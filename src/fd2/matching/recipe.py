"""How a matching method makes its images. Torch-free: the plan of a grid reads every method."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MatchRecipe:
    """How the images of a set are made to match real ones.

    Attributes:
        objective: ``features`` or ``gradients``, a key of `fd2.matching.pixel_gradient.OBJECTIVES`.
        network: a backbone without batch norm.
        iterations: networks, each with fresh weights.
        outer_loops: steps of the images in one network.
        inner_epochs: in which the network is trained on the images between two steps.
        images_learning_rate: of the SGD of the images, in normalised pixels.
        images_momentum: of that SGD.
        network_learning_rate: of the training of the network, by SGD without momentum.
        batch_real: real images of a class in a step; all of a class that has fewer.
        batch_synthetic: images of a step of the network's training.
        initial_images: ``real`` images of each class, or ``noise``, standard normal.
        augmentation: operations of `fd2.augment.differentiable`, of which one is drawn for each
            class and step, and for each batch that the network is trained on; none for none.
        class_by_class: one class at a time, in less memory, with the same numbers but for rounding.
    """

    objective: str
    network: str
    iterations: int
    outer_loops: int
    inner_epochs: int
    images_learning_rate: float
    images_momentum: float
    network_learning_rate: float
    batch_real: int
    batch_synthetic: int
    initial_images: str
    augmentation: tuple[str, ...]
    class_by_class: bool
