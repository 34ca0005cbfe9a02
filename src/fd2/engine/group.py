"""A group of slots: optimised one after the other, so that each can keep away from the earlier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fd2.augment.normalise import Normaliser
from fd2.augment.views import Views
from fd2.engine.codec import encode
from fd2.engine.optimise import optimise_slot
from fd2.engine.terms import TeacherTerms
from fd2.engine.views_plan import independent_views
from fd2.losses.regulariser import SlotContext
from fd2.methods._interface import Recipe
from fd2.networks.stored_teacher import LoadedTeacher
from fd2.runtime.state import NO_STATE, LoopState

_ATTENTION_BATCH = 100


@dataclass(frozen=True)
class GroupPlan:
    """What all slots and chunks of a group share.

    Attributes:
        recipe: the method's.
        teachers: loaded and frozen.
        terms: one a teacher.
        normaliser: of the dataset.
        image_codec: see `fd2.engine.codec.encode`.
        shared_crop: earlier attention maps are of whole images; otherwise of independent crops.
        class_names: by class id.
        needs_attention: whether any regulariser compares attention maps.
        names: seed everything random, together with the slot's number.
        device: where to compute.
        after_step: called after each iteration; None calls nothing.
    """

    recipe: Recipe
    teachers: Sequence[LoadedTeacher]
    terms: Sequence[TeacherTerms]
    normaliser: Normaliser
    image_codec: str
    shared_crop: bool
    needs_attention: bool
    class_names: Sequence[str]
    names: tuple[object, ...]
    device: torch.device
    after_step: Callable[[], None] | None = None


def distill_slot(
    plan: GroupPlan,
    slot: int,
    classes: Tensor,
    patches: Tensor,
    earlier: Sequence[Tensor],
    state: LoopState = NO_STATE,
) -> Tensor:
    """Optimise the images of one slot for one chunk of classes.

    Args:
        plan: of the group.
        slot: its number.
        classes: class ids ``[B]`` of the chunk.
        patches: initial images uint8 ``[B, 3, H, W]``.
        earlier: finished images of the group's earlier slots, each uint8 ``[B, 3, H, W]``, as they
            were stored.
        state: see `fd2.engine.optimise.optimise_slot`.

    Returns:
        Finished images uint8 ``[B, 3, H, W]`` on the CPU.
    """
    context = SlotContext(
        labels=classes.to(plan.device),
        prototypes=[t.network.prototypes for t in plan.teachers if t.network.cal is not None],
        earlier_attention=[
            _earlier_attention(plan, index, slot, classes, earlier)
            for index in range(len(plan.teachers))
        ]
        if plan.needs_attention
        else [],
    )
    images = optimise_slot(
        plan.recipe,
        plan.terms,
        plan.normaliser.normalise(patches.to(plan.device)),
        context,
        plan.normaliser,
        (*plan.names, "slot", slot),
        f"slot {slot}, classes {int(classes[0])} to {int(classes[-1])}",
        after_step=plan.after_step,
        class_names=[plan.class_names[c] for c in classes.tolist()],
        state=state,
    )
    return encode(images, plan.normaliser, plan.image_codec)


@torch.no_grad()
def _earlier_attention(
    plan: GroupPlan, teacher: int, slot: int, classes: Tensor, earlier: Sequence[Tensor]
) -> Tensor:
    """Attention maps ``[K, B, M, h, w]`` of K earlier slots; computed once, then kept."""
    network = plan.teachers[teacher].network
    maps = []
    for number, stored in enumerate(earlier):
        images = plan.normaliser.normalise(stored.to(plan.device))
        if not plan.shared_crop:
            size = images.shape[-1]
            names = (*plan.names, "slot", slot, "earlier", number)
            class_names = [plan.class_names[c] for c in classes.tolist()]
            views: Views = independent_views(plan.recipe, size, class_names, names)
            images = views.to(plan.device).apply(images, size)
        maps.append(
            torch.cat([network(chunk).attention for chunk in images.split(_ATTENTION_BATCH)])
        )
    if not maps:
        return torch.empty(0, device=plan.device)
    return torch.stack(maps)
