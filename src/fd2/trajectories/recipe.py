"""How a trajectory-matching method makes its images. Torch-free: a plan reads every method."""

from __future__ import annotations

from dataclasses import dataclass

from fd2.errors import FD2Error


@dataclass(frozen=True)
class StartEpochs:
    """The expert's epochs at which students start.

    Attributes:
        least: the first epoch, always allowed.
        first: where the range ends at the beginning, exclusive; above ``least``.
        most: where it ends at last, exclusive; at least ``first``.
        widened_until: the iteration at which the end has slid to ``most``; 0 for a fixed range.
    """

    least: int
    first: int
    most: int
    widened_until: int = 0

    def end(self, iteration: int) -> int:
        """The end of the range at an iteration, exclusive."""
        if iteration >= self.widened_until:
            return self.most
        return min(
            self.first + (self.most - self.first) * iteration // self.widened_until, self.most
        )


@dataclass(frozen=True)
class Enhancement:
    """EDF's discriminative area enhancement, section 2.2 of its paper.

    Attributes:
        beta: β; stressed pixels move β plus the map's value times as far. At least 1 in the paper.
        interval: iterations between two looks at the maps, K.
        threshold: what a map stresses is above it; None for the mean of each image's map.
        maps: ``grad_cam`` or ``smooth_grad_cam``, see `fd2.networks.activation_maps`.
    """

    beta: float
    interval: int
    threshold: float | None
    maps: str


@dataclass(frozen=True)
class TrajectoryRecipe:
    """How students of a set are made to end where experts' training ended.

    With hard labels, a fixed range and no threshold it is MTT; DATM adds learned labels, a sliding
    range and a threshold, EDF dropped parameters and an enhancement.

    Attributes:
        network: of experts and students; without buffers.
        iterations: each of one student; with 0 the set stays as it started.
        inner_steps: N, of a student.
        expert_epochs: M, from the expert's start to its target.
        start_epochs: where students start.
        batch_synthetic: images of a student's step; None for all.
        initial_images: ``real``, or ``correct``: real ones that an expert is right about.
        soft_labels: whether the labels are logits, which are learned; otherwise class ids.
        augmentation: operations of `fd2.augment.differentiable`, of which one is drawn for each
            step of a student; none for none.
        images_learning_rate: of the SGD of the images, in normalised pixels.
        images_momentum: of that SGD.
        labels_learning_rate: of the SGD of the labels.
        labels_momentum: likewise.
        initial_rate: the students' learning rate before it is learned.
        rate_learning_rate: of its SGD.
        rate_momentum: likewise.
        threshold: a student whose distance is above it changes nothing; None for no threshold.
        dropped_share: of the parameters, see `fd2.trajectories.distance.TrajectoryDistance`.
        dropped_parameters: which these are: by their distance, of
            `fd2.trajectories.distance.BY_LOSS`, or as in `dropped_positions` there. Those that are
            drawn are drawn once for ``uniform``, and for each student for ``random``.
        enhancement: of the images' gradient; None for none.
        memory: of `fd2.trajectories.gradient.MEMORY`.
        images_at_once: passed through a network together at most; None for all of a batch.
    """

    network: str
    iterations: int
    inner_steps: int
    expert_epochs: int
    start_epochs: StartEpochs
    batch_synthetic: int | None
    initial_images: str
    soft_labels: bool
    augmentation: tuple[str, ...]
    images_learning_rate: float
    images_momentum: float
    labels_learning_rate: float
    labels_momentum: float
    initial_rate: float
    rate_learning_rate: float
    rate_momentum: float
    threshold: float | None
    dropped_share: float
    dropped_parameters: str
    enhancement: Enhancement | None
    memory: str
    images_at_once: int | None = None

    @property
    def epochs_needed(self) -> int:
        """Epochs that an expert must have been trained for."""
        return self.start_epochs.most - 1 + self.expert_epochs

    def require_epochs(self, epochs: int) -> None:
        """Refuse experts of fewer epochs than are needed.

        Raises:
            FD2Error: with both.
        """
        if epochs < self.epochs_needed:
            raise FD2Error(
                f"experts of {epochs} epochs, and students may start after epoch "
                f"{self.start_epochs.most - 1} and aim {self.expert_epochs} further",
                "experts of a trajectory-matching method",
                "raise 'train_expert.epochs', or lower 'start_epochs' or 'expert_epochs'",
            )
