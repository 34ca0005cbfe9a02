"""Scored crops: which images, which order, which pixels."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate, pad
from torchvision.transforms.v2.functional import resized_crop

from fd2.artifacts.images import read_slots
from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.augment.sampling import sample_crops
from fd2.config.transformers import TransformerShape
from fd2.errors import FD2Error
from fd2.image_counts import scored_images
from fd2.networks.stored_teacher import LoadedTeacher, read_teacher
from fd2.runtime.seeds import numpy_generator
from fd2.stages.patches import ScoredCrops, choose_images, make_patches, score_crops
from fd2.stages.prepare import PrepareSettings, prepare
from fd2.stages.pretrain import pretrain

if TYPE_CHECKING:
    from tests.conftest import Chain


def made(chain: Chain, folder: Path, **changes: Any) -> tuple[Tensor, list[dict[str, Any]]]:
    """Images ``[S, C, 3, H, W]`` and, per slot, chosen images and losses ``[ranks][C]``."""
    settings = chain.patch_settings(**changes)
    output, record = folder / "patches.safetensors", folder / "patches.json"
    make_patches(settings, chain.data, chain.plain, output, record, chain.job)
    return read_slots(output).images, json.loads(record.read_text())["chosen"]


def scored(chain: Chain, **changes: Any) -> tuple[ScoredCrops, PreparedDataset, LoadedTeacher]:
    dataset, teacher = open_prepared(chain.data), read_teacher(chain.plain, chain.job.device)
    settings = chain.patch_settings(**changes)
    members = dataset.class_indices(dataset.train)
    return score_crops(dataset, teacher, settings, members, 0, chain.job), dataset, teacher


def cut(dataset: PreparedDataset, index: int, box: Tensor, size: int) -> Tensor:
    """One crop ``[3, size, size]`` in [0, 1], image by image."""
    pixels = dataset.train.batch(torch.tensor([index]), torch.device("cpu")).double() / 255
    top, left, height, width = (round(float(v) * pixels.shape[-1]) for v in box)
    piece = pixels[:, :, top : top + height, left : left + width]
    shown = interpolate(piece, size=(size, size), mode="bilinear", antialias=True)
    return shown[0].clamp(0, 1)


def test_same_seed_same_bytes(chain: Chain, tmp_path: Path) -> None:
    images, _ = made(chain, tmp_path)
    assert (tmp_path / "patches.safetensors").read_bytes() == chain.patches.read_bytes()
    other, _ = made(chain, tmp_path, seed=1)
    assert not torch.equal(images, other)


@pytest.fixture(scope="module")
def transformer(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It sees eight patches along and across images of half the size."""
    path = tmp_path_factory.mktemp("transformer") / "plain.safetensors"
    shape = TransformerShape(resolution=16, patch_size=2, width=16, depth=2, heads=2)
    settings = chain.pretrain_settings("plain", backbone="test_vit", transformer=shape)
    pretrain(settings, chain.data, path, path.with_suffix(".json"), chain.job)
    return path


@pytest.mark.parametrize("tiles", [1, 2])
@pytest.mark.parametrize("backbone", ["resnet10t", "test_vit"])
def test_every_image_of_a_class_is_scored(
    chain: Chain, transformer: Path, backbone: str, tiles: int
) -> None:
    """And the score is the cross-entropy of its best crop, as it appears among the tiles."""
    if backbone == "test_vit":
        chain = replace(chain, plain=transformer)
    crops, dataset, teacher = scored(chain, scorer=backbone, tiles=tiles)
    assert teacher.metadata["backbone"] == backbone
    assert sorted(crops.indices.tolist()) == list(range(36))
    for row in (0, 17, 35):
        index = int(crops.indices[row])
        side = 32 // tiles
        shown = cut(dataset, index, crops.boxes[row], side).float()
        margin = (32 - side) // 2
        canvas = pad(teacher.normaliser.normalise(shown), (margin,) * 4)
        logits = teacher.network.backbone(canvas[None])[0].double()
        loss = logits.exp().sum().log() - logits[dataset.train.labels[index]]
        torch.testing.assert_close(crops.losses[row].double(), loss, rtol=1e-4, atol=1e-4)


def test_distinct_slots_hold_different_images_by_rising_loss(chain: Chain, tmp_path: Path) -> None:
    _, chosen = made(chain, tmp_path)
    labels = open_prepared(chain.data).train.labels
    crops, _, _ = scored(chain)
    for c in range(3):
        picked = [index for slot in chosen for index in (row[c] for row in slot["images"])]
        losses = [loss for slot in chosen for loss in (row[c] for row in slot["losses"])]
        assert len(set(picked)) == 4 and set(labels[picked].tolist()) == {c}
        assert losses == sorted(losses)
        mine = crops.losses[labels[crops.indices] == c]
        assert losses == pytest.approx(mine.sort().values[:4].tolist())


def test_tiles_lie_in_reading_order_by_rising_loss(chain: Chain, tmp_path: Path) -> None:
    changes = {"kind": "2x2", "tiles": 2, "slots": 3}
    images, chosen = made(chain, tmp_path, **changes)
    crops, dataset, _ = scored(chain, **changes)
    corners = ((0, 0), (0, 16), (16, 0), (16, 16))
    for slot in range(3):
        for c in range(3):
            losses = [row[c] for row in chosen[slot]["losses"]]
            assert losses == sorted(losses)
            for (top, left), row in zip(corners, chosen[slot]["images"], strict=True):
                box = crops.boxes[crops.indices == row[c]][0]
                expected = (255 * cut(dataset, row[c], box, 16)).round()
                tile = images[slot, c, :, top : top + 16, left : left + 16].double()
                assert (tile - expected).abs().max() <= 1
    # The file tells the same of every cell.
    told = read_slots(tmp_path / "patches.safetensors").chosen
    assert told["boxes"].shape == (3, 4, 3, 4)
    for slot in range(3):
        assert told["images"][slot].tolist() == chosen[slot]["images"]
        assert told["losses"][slot].tolist() == chosen[slot]["losses"]
        for index, box in zip(
            told["images"][slot].flatten(), told["boxes"][slot].flatten(0, 1), strict=True
        ):
            assert torch.equal(box, crops.boxes[crops.indices == index][0].float())


def test_repeated_slots_take_the_best_of_fresh_crops(chain: Chain, tmp_path: Path) -> None:
    images, chosen = made(chain, tmp_path, slot_patches="repeated", slots=8, images_scored=2)
    members = open_prepared(chain.data).class_indices(open_prepared(chain.data).train)
    for c in range(3):
        picked = {slot["images"][0][c] for slot in chosen}
        assert picked <= set(members[c][:2].tolist())
    assert not torch.equal(images[0], images[1])


@pytest.mark.parametrize(
    ("changes", "numbers"),
    [
        ({"slots": 13}, ("12 images", "13 slots", "need 13")),
        ({"kind": "2x2", "tiles": 2, "slots": 4}, ("12 images", "4 slots", "need 16")),
        ({"images_scored": 3}, ("3 images", "4 slots", "need 4")),
    ],
)
def test_a_class_with_too_few_images_is_named(
    chain: Chain, tmp_path: Path, changes: dict[str, Any], numbers: tuple[str, ...]
) -> None:
    with pytest.raises(FD2Error, match="class 'mono_000'") as refused:
        made(chain, tmp_path, **changes)
    assert all(number in refused.value.what for number in numbers)
    assert "distill.slots" in refused.value.fix
    assert not list(tmp_path.iterdir())


#: RDED's crops as the presets have them, of fewer images.
RDED = {
    **{"kind": "rded", "tiles": 2, "slots": 2, "crops_per_image": 3, "crop_scale": [0.08, 1.0]},
    **{"images_scored": 9, "images_chosen": "random", "slot_patches": "distinct"},
}


def slow_rded(chain: Chain, codec: str) -> Tensor:
    """RDED one image at a time, with torchvision and Pillow: ``[2, C, 3, H, W]``."""
    dataset, teacher = open_prepared(chain.data), read_teacher(chain.plain, chain.job.device)
    settings = chain.patch_settings(**RDED)
    scored = choose_images(dataset, dataset.class_indices(dataset.train), settings)
    rng = numpy_generator("patches", 0, "cells", 2, "draw", 0)
    boxes = sample_crops(rng, 3 * 9 * 3, 32, (0.08, 1.0), ratio=(1.0, 1.0))
    whole = [(32 * box).round().int().tolist() for box in boxes]
    mosaics = []
    for label, members in enumerate(scored):
        ranking = []
        for index in members.tolist():
            pixels = dataset.train.batch(torch.tensor([index]), torch.device("cpu"))[0] / 255
            crops = []
            for _ in range(3):
                crop = resized_crop(pixels, *whole.pop(0), size=[16, 16], antialias=True)
                shown = pad(teacher.normaliser.normalise(crop), (8, 8, 8, 8))
                logits = teacher.network.backbone(shown[None])[0]
                crops.append((float(logits.logsumexp(0) - logits[label]), crop))
            ranking.append(min(crops, key=lambda scored_crop: scored_crop[0]))
        best = [crop for _, crop in sorted(ranking, key=lambda scored_crop: scored_crop[0])[:8]]
        rows = [torch.cat(best[n : n + 2], dim=2) for n in range(0, 8, 2)]
        mosaics.append(torch.stack([torch.cat(rows[n : n + 2], dim=1) for n in (0, 2)]))
    images = torch.stack(mosaics, dim=1)
    if codec == "png":
        return (255 * images).round()
    return torch.stack([torch.stack([jpeg75(image) for image in slot]) for slot in images])


def jpeg75(image: Tensor) -> Tensor:
    stream = io.BytesIO()
    pixels = (255 * image).floor().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(stream, "JPEG", quality=75)
    stream.seek(0)
    return torch.from_numpy(np.asarray(Image.open(stream)).copy()).permute(2, 0, 1).float()


@pytest.mark.parametrize("codec", ["png", "jpeg75"])
def test_rded_equals_the_slow_formula(chain: Chain, tmp_path: Path, codec: str) -> None:
    """As preset paper has it, lossless, and as preset release has it, through JPEG."""
    images, chosen = made(chain, tmp_path, **RDED, image_codec=codec)
    gaps = (images.float() - slow_rded(chain, codec)).abs()
    # Rounding may go either way at half a level, and JPEG carries that through a block.
    assert gaps.max() <= (1 if codec == "png" else 8) and gaps.mean() < 0.1
    for c in range(3):
        kept = [index for slot in chosen for row in slot["images"] for index in row[c : c + 1]]
        assert len(set(kept)) == 8, "the best crop of each of 8 images"


def test_fewer_images_of_rded_are_a_part_of_more(chain: Chain, tmp_path: Path) -> None:
    more, _ = made(chain, tmp_path, **RDED)
    fewer, _ = made(chain, tmp_path, **{**RDED, "slots": 1})
    assert torch.equal(fewer[0], more[0])


def test_rded_of_few_images_is_what_the_others_start_from(chain: Chain, tmp_path: Path) -> None:
    """Where no class has more images than it scores, as in the README's picture."""
    own, _ = made(chain, tmp_path, **{**RDED, "images_scored": 300})
    shared = {**RDED, "kind": "2x2", "images_scored": None, "images_chosen": "first"}
    assert torch.equal(own, made(chain, tmp_path, **shared)[0])


def test_images_are_chosen_at_random_by_seed_and_class(chain: Chain) -> None:
    dataset = open_prepared(chain.data)
    members = dataset.class_indices(dataset.train)

    def chosen(**changes: Any) -> list[list[int]]:
        settings = chain.patch_settings(**{**RDED, **changes})
        found = choose_images(dataset, members, settings)
        return [
            [of_class.tolist().index(i) for i in indices.tolist()]
            for of_class, indices in zip(members, found, strict=True)
        ]

    drawn = chosen()
    assert all(len(set(p)) == 9 and p == sorted(p) for p in drawn)
    assert drawn == chosen() and drawn != chosen(seed=1)
    assert len({tuple(p) for p in drawn}) == 3, "classes do not share their positions"
    assert chosen(images_chosen="first") == [list(range(9))] * 3
    for all_of_them in (300, None):
        assert chosen(images_scored=all_of_them) == [list(range(12))] * 3


def test_as_many_as_the_smallest_class_has() -> None:
    """29 in CUB-200-2011; a dataset of other classes has its own number."""
    assert scored_images("smallest_class", [30, 29, 30]) == [29, 29, 29]
    assert scored_images("smallest_class", [67, 66, 68]) == [66, 66, 66]
    assert scored_images(300, [12, 700]) == [12, 300]
    assert scored_images(None, [12, 700]) == [12, 700]


def test_codecs(chain: Chain, tmp_path: Path) -> None:
    """png keeps the pixels; jpeg75 changes them, but not beyond recognition."""
    lossless, _ = made(chain, tmp_path)
    lossy, _ = made(chain, tmp_path, image_codec="jpeg75")
    gaps = (lossless.int() - lossy.int()).abs().double()
    assert 0.1 < gaps.mean() < 20


def test_an_odd_resolution_leaves_no_line(chain: Chain, tmp_path: Path) -> None:
    options = {"path": str(chain.images)}
    prepare(PrepareSettings("cells", "imagefolder", 33, options), tmp_path / "data", chain.job)
    teacher = tmp_path / "plain.safetensors"
    settings = chain.pretrain_settings("plain", batch_size=36)
    pretrain(settings, tmp_path / "data", teacher, tmp_path / "metrics.json", chain.job)
    output = tmp_path / "patches.safetensors"
    settings = chain.patch_settings(kind="2x2", tiles=2, slots=2, image_codec="png")
    make_patches(settings, tmp_path / "data", teacher, output, tmp_path / "r.json", chain.job)
    images = read_slots(output).images.flatten(0, 1)
    for line in (15, 16, 17, 32):
        assert (images[:, :, line].double().std(-1) > 0).all()
        assert (images[:, :, :, line].double().std(-1) > 0).all()
