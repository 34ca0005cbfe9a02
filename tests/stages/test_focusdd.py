"""FocusDD: which images, which windows, and the pixels of every cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fd2.artifacts.images import DistilledSet, read_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.records import read_json
from fd2.config.settings import WholeSetSettings, build
from fd2.config.transformers import TransformerShape
from fd2.errors import FD2Error
from fd2.matching.class_attention import WindowScores
from fd2.matching.coresets import herding
from fd2.methods import focusdd
from fd2.networks.stored_teacher import read_teacher
from fd2.networks.vision_transformer import VisionTransformerNetwork
from fd2.stages.pretrain import pretrain
from fd2.stages.select_images import select_images

if TYPE_CHECKING:
    from tests.conftest import Chain

#: Eight patches along and across 32 pixels, which the transformer sees as 16.
SHAPE = TransformerShape(resolution=16, patch_size=2, width=16, depth=2, heads=2)
GRID, SIDE, CLASSES, PER_CLASS = 8, 6, 3, 12
OWN: dict[str, Any] = {
    **{"teachers": ["test_vit"], "cells": 4, "key_cells": 3, "score": "attention"},
    **{"balance": 30, "window": "highest", "side_ratio": 0.8, "layers": "last"},
    **{"normalised": True, "reduce": "mean", "cell_order": "drawn", "image_codec": "png"},
}
Made = Callable[..., tuple[DistilledSet, dict[str, Any]]]


@pytest.fixture(scope="module")
def transformer(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("transformer") / "plain.safetensors"
    settings = chain.pretrain_settings(
        "plain", backbone="test_vit", transformer=SHAPE, epochs=3, optimiser="adamw"
    )
    pretrain(settings, chain.data, path, path.with_suffix(".json"), chain.job)
    return path


@pytest.fixture
def made(chain: Chain, transformer: Path, tmp_path: Path) -> Made:
    """The set of so many images per class, and what its record says it is made of."""

    def make(count: int, seed: int = 0, **own: Any) -> tuple[DistilledSet, dict[str, Any]]:
        settings = chain.select_settings("focusdd", count, **{**OWN, **own})
        settings = build(WholeSetSettings, {**vars(settings), "seed": seed})
        output, record = tmp_path / "set.safetensors", tmp_path / "set.json"
        select_images(settings, chain.data, None, [transformer], output, record, chain.job)
        return read_distilled(output), read_json(record)["chosen"]

    return make


@pytest.fixture(scope="module")
def looked(chain: Chain, transformer: Path) -> tuple[Tensor, Tensor]:
    """Confidence ``[N]`` and the last layer's mean map ``[N, n, n]`` of sum 1, of each image."""
    teacher = read_teacher(transformer, torch.device("cpu"))
    network = cast(VisionTransformerNetwork, teacher.network.backbone)
    train = open_prepared(chain.data).train
    images = teacher.normaliser.normalise(train.all_images(torch.device("cpu")))
    with torch.no_grad():
        tokens, attention = network.attend(images)
        shares = network.classify(tokens).double().softmax(1)
    maps = attention[:, -1].double().mean(1)
    maps = maps / maps.sum((1, 2), keepdim=True)
    return shares[torch.arange(len(images)), train.labels], maps


def cells(chosen: dict[str, Any], what: str, label: int) -> list[Any]:
    """What every cell of a class's images is made of."""
    return [cell[label] for image in chosen[what] for cell in image]


def keys(chosen: dict[str, Any], label: int) -> dict[int, list[int]]:
    """Key images of a class with their windows."""
    pairs = zip(cells(chosen, "images", label), cells(chosen, "windows", label), strict=True)
    return {image: window for image, window in pairs if window != [-1, -1]}


def slow_windows(maps: Tensor) -> list[dict[tuple[int, int], float]]:
    """Mean attention of every window of every image, by its first row and column."""
    starts = range(GRID - SIDE + 1)
    return [
        {
            (i, j): sum(float(each[i + u, j + v]) for u in range(SIDE) for v in range(SIDE))
            / SIDE**2
            for i in starts
            for j in starts
        }
        for each in maps
    ]


@pytest.mark.parametrize("balance", [0, 30, 1e9])
def test_keys_are_the_best_by_confidence_and_the_attention_of_their_best_window(
    made: Made, chain: Chain, looked: tuple[Tensor, Tensor], balance: float
) -> None:
    confidence, maps = looked
    windows, labels = slow_windows(maps), open_prepared(chain.data).train.labels.tolist()
    _, chosen = made(2, balance=balance)
    assert (chosen["grid"], chosen["side"]) == (GRID, SIDE)
    for label in range(CLASSES):
        members = [n for n, own in enumerate(labels) if own == label]
        score = {n: float(confidence[n]) + balance * max(windows[n].values()) for n in members}
        best = sorted(members, key=lambda n: -score[n])[:6]
        found = keys(chosen, label)
        assert sorted(found) == sorted(best)
        for image, corner in found.items():
            assert tuple(corner) == max(windows[image], key=lambda at: windows[image][at])
    # Large balances leave the order to attention alone, 0 to confidence: both tell images apart.
    assert len({max(one.values()) for one in windows}) == len(windows)


@pytest.mark.parametrize(
    ("cells_of", "key_cells"), [(4, 3), (4, 0), (4, 4), (4, 2), (9, 5), (1, 1)]
)
def test_each_real_image_is_in_one_cell_and_windows_lie_inside(
    made: Made, cells_of: int, key_cells: int
) -> None:
    count = PER_CLASS // cells_of
    _, chosen = made(count, cells=cells_of, key_cells=key_cells)
    for label in range(CLASSES):
        used = cells(chosen, "images", label)
        assert len(used) == len(set(used)) == count * cells_of
        found = keys(chosen, label)
        assert len(found) == count * key_cells
        assert all(0 <= at <= GRID - SIDE for corner in found.values() for at in corner)
        of_each = [sum(cell[label] != [-1, -1] for cell in image) for image in chosen["windows"]]
        assert of_each == [key_cells] * count


def test_pixels_are_crops_of_the_real_images(made: Made, chain: Chain) -> None:
    found, chosen = made(3)
    train = open_prepared(chain.data).train
    real = train.all_images(torch.device("cpu")).double()
    images = found.images.unflatten(0, (CLASSES, 3)).double()
    whole = 0
    for label in range(CLASSES):
        for number in range(3):
            for cell in range(4):
                source = chosen["images"][number][cell][label]
                assert int(train.labels[source]) == label
                top, left = chosen["windows"][number][cell][label]
                step = 32 // GRID
                crop = real[source][:, top * step :, left * step :][:, : SIDE * step, : SIDE * step]
                if top < 0:
                    crop, whole = real[source], whole + 1
                wanted = functional.interpolate(
                    crop[None], (16, 16), mode="bilinear", antialias=True
                )[0]
                row, column = divmod(cell, 2)
                seen = images[label, number, :, 16 * row :, 16 * column :][:, :16, :16]
                assert (seen - wanted).abs().max() <= 0.51
    assert whole == 3 * CLASSES


def test_a_seed_decides_all_draws_and_each_budget_has_a_set_of_its_own(made: Made) -> None:
    one, first = made(2)
    again, _ = made(2)
    assert torch.equal(one.images, again.images)
    _, other = made(2, seed=1)
    # The best images are the same, dealt otherwise, with other whole ones.
    assert first["images"] != other["images"]
    for label in range(CLASSES):
        assert keys(first, label) == keys(other, label)
        assert set(keys(made(1)[1], label)) < set(keys(first, label))
    in_order, _ = made(2, cell_order="keys_first")
    assert not torch.equal(in_order.images, one.images)
    _, ordered = made(2, cell_order="keys_first")
    assert all(image[3][label] == [-1, -1] for image in ordered["windows"] for label in range(3))


def test_windows_of_other_kinds_are_cut_from_the_same_images(
    made: Made, looked: tuple[Tensor, Tensor]
) -> None:
    windows = slow_windows(looked[1])
    (_, best), (_, worst), (_, drawn) = (made(2, window=w) for w in ("highest", "lowest", "random"))
    for label in range(CLASSES):
        found = keys(worst, label)
        assert set(found) == set(keys(best, label)) == set(keys(drawn, label))
        for image, corner in found.items():
            assert tuple(corner) == min(windows[image], key=lambda at: windows[image][at])
    assert drawn["windows"] != best["windows"]


@pytest.mark.parametrize("window", ["highest", "lowest", "random"])
def test_the_record_tells_what_was_cut_and_why(
    made: Made, looked: tuple[Tensor, Tensor], window: str
) -> None:
    """The attention of the window that was cut, and the score by the best one."""
    confidence, windows = looked[0], slow_windows(looked[1])
    _, chosen = made(2, window=window)
    whole = 0
    for label in range(CLASSES):
        told = [
            cells(chosen, key, label)
            for key in ("images", "windows", "boxes", "confidences", "attention", "scores")
        ]
        for image, corner, box, share, attention, score in zip(*told, strict=True):
            assert share == pytest.approx(float(confidence[image]))
            best = max(windows[image].values())
            assert score == pytest.approx(share + 30 * best)
            if corner == [-1, -1]:
                whole += 1
                assert attention is None and box == [0, 0, 1, 1]
            else:
                assert attention == pytest.approx(windows[image][tuple(corner)])
                assert box == pytest.approx([*(at / GRID for at in corner), *[SIDE / GRID] * 2])
    assert whole == 2 * CLASSES
    assert "scores" not in made(2, score="herding")[1]
    by_confidence = made(2, score="confidence")[1]
    assert by_confidence["scores"] == by_confidence["confidences"]


@pytest.mark.parametrize("score", ["random", "herding", "kmeans", "confidence"])
def test_other_scores_choose_other_images(
    made: Made, chain: Chain, transformer: Path, looked: tuple[Tensor, Tensor], score: str
) -> None:
    _, chosen = made(2, score=score)
    found = [sorted(keys(chosen, label)) for label in range(CLASSES)]
    assert all(len(own) == 6 for own in found)
    train = open_prepared(chain.data).train
    members = [(train.labels == label).nonzero().flatten() for label in range(CLASSES)]
    if score == "confidence":
        wanted = [own[looked[0][own].argsort(descending=True)[:6]] for own in members]
    elif score == "herding":
        teacher = read_teacher(transformer, torch.device("cpu"))
        images = teacher.normaliser.normalise(train.all_images(torch.device("cpu")))
        backbone = teacher.network.backbone
        with torch.no_grad():
            features = backbone.embedding(backbone.features(images))
        wanted = [own[herding(features[own], 6)] for own in members]
    else:
        best = [sorted(keys(made(2)[1], label)) for label in range(CLASSES)]
        assert found != best
        return
    assert found == [sorted(own.tolist()) for own in wanted]


def test_whole_images_are_drawn_in_proportion_to_confidence() -> None:
    shares = torch.tensor([0.5, 0.3, 0.15, 0.05, 1e-320], dtype=torch.float64)
    scores = WindowScores(GRID, SIDE, shares.log(), torch.zeros(5, 3, 3, dtype=torch.float64))
    own = {**OWN, "key_cells": 0, "cells": 1}
    draws = torch.Generator().manual_seed(0)
    first = torch.zeros(5)
    for _ in range(4000):
        _, others = focusdd._chosen(torch.arange(5), scores, None, 2, own, draws)
        assert len(set(others.tolist())) == 2
        first[others[0]] += 1
    # Three standard errors of the largest share are 0.024.
    assert (first / 4000 - shares.float()).abs().max() < 0.025


def test_too_few_images_are_refused(made: Made, tmp_path: Path) -> None:
    with pytest.raises(FD2Error, match="12 training images, 16 are wanted, 4 for each") as refused:
        made(4)
    assert "at most 3 images per class" in refused.value.fix
    assert not list(tmp_path.iterdir())


def test_a_teacher_without_class_token_is_refused(chain: Chain, tmp_path: Path) -> None:
    settings = chain.select_settings("focusdd", 1, **OWN)
    with pytest.raises(FD2Error, match="'resnet10t' has no class token"):
        output = tmp_path / "set.safetensors"
        select_images(settings, chain.data, None, [chain.plain], output, output, chain.job)
    for wrong, message in (
        ({"teachers": ["resnet18"]}, "'resnet18' has no class token"),
        ({"teachers": ["swin_tiny_patch4_window7_224"]}, "has no class token"),
        ({"key_cells": 5}, "5 key patches in 4 cells"),
    ):
        with pytest.raises(FD2Error, match=message):
            focusdd.check({**OWN, **wrong})
