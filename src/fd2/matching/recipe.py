"""How a matching method makes its images. Torch-free: the plan of a grid reads every method."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MatchRecipe:
    """How the images of a set are made to match real ones.

    Attributes:
        objective: ``features`` or ``gradients``, a key of `fd2.matching.pixel_gradient.OBJECTIVES`.
        network: a backbone without batch norm.
        iterations: networks, each with fresh weights; with 0 the images stay as they started.
        images_learning_rate: of the SGD of the images, in normalised pixels.
        images_momentum: of that SGD.
        batch_real: real images of a class in a step; all of a class that has fewer.
        initial_images: ``real`` images of each class, or ``noise``, standard normal.
        augmentation: operations of `fd2.augment.differentiable`, of which one is drawn for each
            class and step, and for each batch that the network is trained on; none for none.
        class_by_class: one class at a time, in less memory, with the same numbers but for rounding.
        mixed_precision: whether features of real images, through which no gradient flows, are
            computed in bfloat16. Gradients of weights would lose more than rounding.
        compile: mode of ``torch.compile`` for these features, or ``none``.
        outer_loops: steps of the images in one network. With one the network is not trained, and
            what follows has no meaning.
        inner_epochs: in which the network is trained on the images between two steps.
        network_learning_rate: of that training, by SGD without momentum.
        batch_synthetic: images of a step of that training.
    """

    objective: str
    network: str
    iterations: int
    images_learning_rate: float
    images_momentum: float
    batch_real: int
    initial_images: str
    augmentation: tuple[str, ...]
    class_by_class: bool
    mixed_precision: bool = False
    compile: str = "none"
    outer_loops: int = 1
    inner_epochs: int = 0
    network_learning_rate: float = 0.0
    batch_synthetic: int = 0
