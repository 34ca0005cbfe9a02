"""What a slot keeps away from: every earlier image of its group, as it was stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from fd2.artifacts.images import read_slots
from fd2.artifacts.manifests import read_manifest
from fd2.augment.codec import encode
from fd2.engine.group import Group, build_group
from fd2.engine.optimise import optimise
from fd2.networks.stored_teacher import LoadedTeacher, read_teacher

if TYPE_CHECKING:
    from tests.conftest import Chain

CLASSES = torch.arange(3)


@pytest.fixture(scope="module")
def teacher(chain: Chain) -> LoadedTeacher:
    return read_teacher(chain.cal, chain.job.device)


@pytest.fixture
def group(chain: Chain, teacher: LoadedTeacher) -> Group:
    similarity = {"similarity": {"weight": 20.0, "crop": "shared"}}
    settings = chain.distill_settings(cal_ratio=0.0, regularisers=similarity)
    manifest = read_manifest(chain.data / "manifest.json")
    return build_group(settings, manifest, [teacher], chain.job.device)


def distilled(
    group: Group, number: int, classes: Tensor, patches: Tensor, earlier: list[Tensor]
) -> Tensor:
    images = optimise(group.slot(number, classes, patches, earlier))
    return encode(images, group.normaliser, "png")


@pytest.fixture(scope="module")
def patches(chain: Chain) -> Tensor:
    return read_slots(chain.patches).images


def test_every_earlier_slot_counts(group: Group, patches: Tensor) -> None:
    choices: list[list[Tensor]] = [
        [patches[0], patches[1]],
        [patches[0]],
        [patches[1]],
        [patches[0], patches[2]],
        [],
    ]
    made = [distilled(group, 2, CLASSES, patches[3], earlier) for earlier in choices]
    assert len({images.numpy().tobytes() for images in made}) == len(choices)


def test_only_images_of_the_same_class_count(group: Group, patches: Tensor) -> None:
    """An earlier image that changes in one class changes the next image of that class first."""
    other = patches[0].clone()
    other[1] = patches[2, 1]
    made = [distilled(group, 1, CLASSES, patches[3], [earlier]) for earlier in (patches[0], other)]
    changed = [not torch.equal(made[0][c], made[1][c]) for c in range(3)]
    assert changed[1]
    # Batch-norm statistics couple the classes: the others feel it, but less.
    gaps = (made[0].int() - made[1].int()).abs().double().mean((1, 2, 3))
    assert gaps[1] == gaps.max()


def test_images_are_finished_pixels(group: Group, patches: Tensor) -> None:
    images = distilled(group, 0, CLASSES[:2], patches[0, :2], [])
    assert images.shape == (2, 3, 32, 32) and images.dtype == torch.uint8


@pytest.mark.parametrize(
    ("weights", "runs"),
    [
        ({"characteristic": 20.0, "similarity": 0.0}, 0),
        ({"characteristic": 0.0, "similarity": 20.0}, 2),
        ({"total_variation": 20.0}, 0),
    ],
    ids=["characteristic", "similarity", "total_variation"],
)
def test_only_a_term_that_compares_looks_at_earlier_slots(
    chain: Chain, teacher: LoadedTeacher, patches: Tensor, weights: dict[str, float], runs: int
) -> None:
    """One forward pass for each of two earlier slots, or none."""
    settings = chain.distill_settings().regularisers | {"total_variation": {}}
    regularisers = {name: {**settings[name], "weight": weight} for name, weight in weights.items()}
    manifest = read_manifest(chain.data / "manifest.json")
    settings = chain.distill_settings(regularisers=regularisers)
    group = build_group(settings, manifest, [teacher], chain.job.device)
    seen: list[object] = []
    extractor = teacher.network.backbone.extractor
    hook = extractor.register_forward_hook(lambda *_: seen.append(None))
    group.slot(2, CLASSES, patches[3], [patches[0], patches[1]])
    hook.remove()
    assert len(seen) == runs
    assert group.compares_slots == (runs > 0)
