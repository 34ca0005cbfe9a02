"""What a regulariser hands to the engine, and what its term may look at.

A regulariser's file defines ``SETTINGS_SCHEMA`` (a closed JSON schema with a ``weight``) and
``build(settings)``, which returns a `Regulariser`. It imports torch inside functions only, because
the plan of a grid reads every regulariser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from fd2.augment.views import Views
    from fd2.networks.teacher import TeacherOutput

#: Attention maps of earlier images: of the whole images, or of one random crop of each.
EarlierAttention = Literal["whole", "crops"]


@dataclass(frozen=True)
class Step:
    """One step of the optimiser as one teacher sees it. The gradient flows back to the pixels.

    Attributes:
        images: normalised ``[B, K, H, W]``, as seen through ``views``.
        views: crop, flip and roll; one for the batch, or one per image.
        labels: class ids ``[B]``.
        output: of the teacher for ``images``; what the attention head adds is None where nothing
            needs the head.
        teacher_index: position of the teacher among the method's.
        prototypes: of the teacher, ``[C, P]``; None without attention head.
        earlier_attention: of the teacher, for each form that a term declares: ``[K, B, M, h, w]``
            of the K earlier slots of the group, class by class; K may be 0.
    """

    images: Tensor
    views: Views
    labels: Tensor
    output: TeacherOutput
    teacher_index: int
    prototypes: Tensor | None
    earlier_attention: Mapping[EarlierAttention, Tensor]


@dataclass(frozen=True)
class Regulariser:
    """A term that any optimising method adds to its loss, ``weight`` times.

    Attributes:
        weight: at least 0; with 0 the term is left out, and numbers are those without it.
        loss: the unweighted scalar.
        needs_head: whether it looks at logits, feature or maps of the attention head.
        earlier_attention: which maps of earlier images it compares with, which needs the head too;
            where no term compares, no teacher is run on earlier images.
    """

    weight: float
    loss: Callable[[Step], Tensor]
    needs_head: bool = False
    earlier_attention: EarlierAttention | None = None
