"""A group of slots: optimised one after the other, so that each can keep away from the earlier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fd2.artifacts.images import SlotImages, read_slots
from fd2.artifacts.manifests import Manifest, read_manifest
from fd2.artifacts.provenance import same_manifest
from fd2.augment.normalise import Normaliser
from fd2.config import plugins
from fd2.config.settings import DistillSettings
from fd2.engine.terms import TeacherTerms
from fd2.engine.views import independent_views
from fd2.errors import FD2Error
from fd2.methods._interface import Recipe
from fd2.networks.stored_teacher import LoadedTeacher, read_teacher
from fd2.regularisers._interface import EarlierAttention
from fd2.runtime.seeds import numpy_generator

_ATTENTION_BATCH = 100


@dataclass(frozen=True)
class Group:
    """What all slots of a group share.

    Attributes:
        recipe: the method's.
        terms: one a teacher.
        normaliser: of the dataset.
        class_names: by class id.
        names: seed everything random, together with the slot's number.
        device: where to compute.
        after_step: called after each iteration, e.g. by a clock; None calls nothing.
    """

    recipe: Recipe
    terms: Sequence[TeacherTerms]
    normaliser: Normaliser
    class_names: Sequence[str]
    names: tuple[object, ...]
    device: torch.device
    after_step: Callable[[], None] | None = None

    @property
    def compares_slots(self) -> bool:
        """Whether any term looks at earlier slots."""
        return any(terms.earlier_attention for terms in self.terms)

    def slot(
        self, number: int, classes: Tensor, patches: Tensor, earlier: Sequence[Tensor]
    ) -> Slot:
        """One slot for one chunk of classes, class ids ``[B]``, ready to be optimised.

        Patches, the initial images, and ``earlier``, the finished images of the group's earlier
        slots as they were stored, are uint8 ``[B, K, H, W]`` each.
        """
        names = (*self.names, "slot", number)
        class_names = [self.class_names[c] for c in classes.tolist()]
        return Slot(
            self,
            names,
            class_names,
            f"slot {number}, classes {int(classes[0])} to {int(classes[-1])}",
            classes.to(self.device),
            self.normaliser.normalise(patches.to(self.device)),
            [self._earlier_attention(terms, names, class_names, earlier) for terms in self.terms],
        )

    @torch.no_grad()
    def _earlier_attention(
        self,
        terms: TeacherTerms,
        names: tuple[object, ...],
        class_names: Sequence[str],
        earlier: Sequence[Tensor],
    ) -> dict[EarlierAttention, Tensor]:
        """Maps ``[K, B, M, h, w]`` of K earlier slots; they do not change within a slot."""
        maps: dict[EarlierAttention, Tensor] = {}
        for form in terms.earlier_attention:
            of_slots = []
            for number, stored in enumerate(earlier):
                images = self.normaliser.normalise(stored.to(self.device))
                if form == "crops":
                    size = images.shape[-1]
                    crop_names = (*names, "earlier", number)
                    views = independent_views(self.recipe, size, class_names, crop_names)
                    images = views.to(self.device).apply(images, size)
                chunks = images.split(_ATTENTION_BATCH)
                of_slots.append(torch.cat([terms.teacher.network(c).attention for c in chunks]))
            nothing = torch.empty(0, device=self.device)
            maps[form] = torch.stack(of_slots) if of_slots else nothing
        return maps


@dataclass(frozen=True)
class Slot:
    """One image of each class of a chunk, which are optimised together.

    Attributes:
        group: what it shares with the other slots.
        names: seed its random views.
        class_names: of each image.
        title: names the slot in progress and errors.
        labels: class ids ``[B]`` on the device.
        patches: initial images, normalised floating ``[B, K, H, W]`` on the device.
        earlier_attention: one a teacher, see `fd2.regularisers._interface.Step`.
    """

    group: Group
    names: tuple[object, ...]
    class_names: Sequence[str]
    title: str
    labels: Tensor
    patches: Tensor
    earlier_attention: Sequence[Mapping[EarlierAttention, Tensor]]


def open_group(
    settings: DistillSettings,
    manifest_file: Path,
    patches_file: Path,
    teacher_files: Sequence[Path],
    device: torch.device,
) -> tuple[Manifest, SlotImages, Group]:
    """The group of a stage's input files, with the manifest and the initial images.

    Raises:
        FD2Error: if a file is missing or damaged, or was made from other data; as `build_group`.
    """
    manifest, patches = read_manifest(manifest_file), read_slots(patches_file)
    teachers = [read_teacher(path, device, settings.memory_format) for path in teacher_files]
    same_manifest(
        {str(manifest_file): manifest.digest(), str(patches_file): patches.metadata["manifest"]}
        | {str(p): t.metadata["manifest"] for p, t in zip(teacher_files, teachers, strict=True)}
    )
    return manifest, patches, build_group(settings, manifest, teachers, device)


def build_group(
    settings: DistillSettings,
    manifest: Manifest,
    teachers: Sequence[LoadedTeacher],
    device: torch.device,
) -> Group:
    """The group that the settings of stage distill describe.

    Teachers are in the order of the method's, on ``device``.

    Raises:
        FD2Error: if the method's phases do not fit the resolution, a teacher lacks the attention
            head that a term needs, or it cannot be compiled.
    """
    method = plugins.load("methods", settings.method)
    recipe: Recipe = method.recipe(settings.method_settings, manifest.resolution)
    regularisers = {
        name: plugins.load("regularisers", name).build(values)
        for name, values in settings.regularisers.items()
    }
    terms = [
        TeacherTerms(
            teacher,
            index,
            settings.cal_ratio,
            recipe.batch_norm_weight,
            recipe.first_batch_norm_multiplier,
            regularisers,
            settings.compile,
        )
        for index, teacher in enumerate(teachers)
    ]
    names = ("distill", settings.seed, settings.dataset)
    return Group(recipe, terms, teachers[0].normaliser, manifest.classes, names, device)


def initial_patches(
    patches: SlotImages,
    slot: int,
    rule: str,
    class_names: Sequence[str],
    names: tuple[object, ...],
    where: str,
) -> Tensor:
    """The initial images of a slot, one a class: uint8 ``[C, K, H, W]``.

    The rule ``by_slot`` takes patch k for slot k; ``random`` draws a patch of the class for each
    slot anew, with replacement, as the release does. ``names`` and the class's name seed the draw,
    so that the order of classes cannot matter.

    Raises:
        FD2Error: if there is no patch for the slot.
    """
    if rule == "random":
        rows = [
            int(numpy_generator(*names, "patch", slot, name).integers(len(patches.slots)))
            for name in class_names
        ]
        return patches.images[torch.tensor(rows), torch.arange(len(rows))]
    if slot not in patches.slots:
        raise FD2Error(
            f"no patch for slot {slot}", where, "make patches for at least 'distill.slots' slots"
        )
    return patches.images[patches.slots.index(slot)]
