"""What a regulariser plug-in is and what it may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from fd2.augment.views import Views
    from fd2.networks.teacher import TeacherOutput


@dataclass(frozen=True)
class SlotContext:
    """What stays fixed while one slot of images, one per class, is optimised.

    Attributes:
        labels: [B] long.
        prototypes: one [C, P] per teacher.
        earlier_attention: one [K, B, M, h, w] per teacher: attention maps of earlier slots of the
            same group, of whole images or of independent crops; K may be 0.
    """

    labels: Tensor
    prototypes: list[Tensor]
    earlier_attention: list[Tensor]


class Regulariser(Protocol):
    """A term that any optimising method adds to its loss, ``weight`` times.

    Attributes:
        name: the plug-in's file name.
        weight: factor of the term, >= 0.
    """

    @property
    def name(self) -> str:
        """The plug-in's file name."""
        ...

    @property
    def weight(self) -> float:
        """Factor of the term, >= 0."""
        ...

    def loss(
        self, output: TeacherOutput, teacher_index: int, context: SlotContext, views: Views
    ) -> Tensor:
        """The unweighted scalar term.

        Args:
            output: of the teacher for the images seen through ``views``.
            teacher_index: position of the teacher in the context's lists.
            context: see `SlotContext`.
            views: the crop, flip and roll of this step; one for the batch, or one per image.

        Raises:
            FD2Error: if the teacher lacks what the term needs.
        """
        ...
