"""Selecting methods of whole images and patches: IPC n is a prefix of IPC m, all is real."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from fd2.artifacts.images import DistilledSet, read_distilled, read_slots
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.records import read_json
from fd2.errors import FD2Error
from fd2.matching.coresets import herding, k_center
from fd2.networks.stored_teacher import read_teacher
from fd2.stages.select_images import select_images

if TYPE_CHECKING:
    from tests.conftest import Chain

RECIPES: dict[str, dict[str, object]] = {
    "random": {},
    "rded": {"patches": {"tiling": "1x1"}},
    "herding": {"teachers": ["resnet10t"], "order": "running_mean"},
    "kcenter": {"teachers": ["resnet10t"], "start": "random"},
}


def chosen(chain: Chain, folder: Path, method: str, count: int) -> DistilledSet:
    settings = chain.select_settings(method, count, **RECIPES[method])
    patches = chain.patches if method == "rded" else None
    teachers = [chain.plain] if "teachers" in RECIPES[method] else []
    output, record = folder / f"{method}{count}.safetensors", folder / "record.json"
    select_images(settings, chain.data, patches, teachers, output, record, chain.job)
    return read_distilled(output)


@pytest.mark.parametrize("method", RECIPES)
def test_ipc_n_is_a_prefix_of_ipc_m(chain: Chain, tmp_path: Path, method: str) -> None:
    whole = chosen(chain, tmp_path, method, 4)
    parts = whole.images.unflatten(0, (3, 4))
    for count in (1, 3):
        fewer = chosen(chain, tmp_path, method, count)
        assert torch.equal(fewer.images.unflatten(0, (3, count)), parts[:, :count])
    again = tmp_path / "again"
    again.mkdir()
    chosen(chain, again, method, 4)
    name = f"{method}4.safetensors"
    assert (again / name).read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("method", ["random", "herding", "kcenter"])
def test_whole_images_are_different_photographs_of_their_class(
    chain: Chain, tmp_path: Path, method: str
) -> None:
    picked = chosen(chain, tmp_path, method, 12)
    train = open_prepared(chain.data).train
    originals = train.all_images(torch.device("cpu"))
    for label in range(3):
        mine = {image.numpy().tobytes() for image in picked.images[picked.labels == label]}
        theirs = {image.numpy().tobytes() for image in originals[train.labels == label]}
        assert mine == theirs


@pytest.mark.parametrize("method", ["herding", "kcenter"])
def test_coresets_see_what_the_teachers_classifier_sees(
    chain: Chain, tmp_path: Path, method: str
) -> None:
    train = open_prepared(chain.data).train
    teacher = read_teacher(chain.plain, torch.device("cpu"))
    images = train.all_images(torch.device("cpu"))
    with torch.no_grad():
        maps = teacher.network.backbone.features(teacher.normaliser.normalise(images))
    features = maps.mean(dim=(2, 3))
    picked = chosen(chain, tmp_path, method, 3).images.unflatten(0, (3, 3))
    for label, own in enumerate(picked):
        members = (train.labels == label).nonzero().flatten()
        (start,) = [i for i, one in enumerate(images[members]) if torch.equal(one, own[0])]
        order = herding(features[members], 3)
        if method == "kcenter":
            order = k_center(features[members], 3, start)
        assert torch.equal(own, images[members[order]])


def test_rded_takes_patches_in_rank_order(chain: Chain, tmp_path: Path) -> None:
    patches = read_slots(chain.patches)
    picked = chosen(chain, tmp_path, "rded", 4).images.unflatten(0, (3, 4))
    assert torch.equal(picked.transpose(0, 1), patches.images)
    chosen(chain, tmp_path, "rded", 3)
    told = read_json(tmp_path / "record.json")["chosen"]
    assert told == {key: cells[:3].tolist() for key, cells in patches.chosen.items()}
    assert sorted(told) == ["boxes", "images", "losses"]


@pytest.mark.parametrize(("method", "count"), [("random", 13), ("rded", 5)])
def test_too_many_images_per_class_are_refused(
    chain: Chain, tmp_path: Path, method: str, count: int
) -> None:
    with pytest.raises(FD2Error, match=f"{count} (images per class )?are wanted"):
        chosen(chain, tmp_path, method, count)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("method", ["dm", "dsa"])
def test_matched_sets_are_read_as_any_set(chain: Chain, tmp_path: Path, method: str) -> None:
    """Floating pixels: a start from real images, moved, by class, and the same bytes again."""
    from fd2.stages.match import match

    own = {
        **{"network": "convnet", "iterations": 2, "images_momentum": 0.5, "batch_real": 4},
        **{"images_learning_rate": 0.5, "initial_images": "real", "augmentation": ["crop"]},
        "class_by_class": False,
    }
    if method == "dsa":
        own |= {"outer_loops": None, "inner_epochs": 1, "network_learning_rate": 0.01}
        own |= {"batch_synthetic": 4}
    settings = chain.select_settings(method, 2, **own)
    for name in ("one", "two"):
        output = tmp_path / f"{name}.safetensors"
        match(settings, chain.data, output, tmp_path / f"{name}.json", chain.job)
    made = read_distilled(tmp_path / "one.safetensors")
    again = read_distilled(tmp_path / "two.safetensors")
    assert made.images.dtype == torch.float32 and made.images_per_class == 2
    unmoved = chain.select_settings(method, 2, **{**own, "iterations": 0})
    match(unmoved, chain.data, tmp_path / "start", tmp_path / "start.json", chain.job)
    far = (made.images - read_distilled(tmp_path / "start").images).abs().mean() * 255
    assert made.metadata["moved"] == pytest.approx(float(far), rel=1e-4) and far > 0.01
    assert torch.equal(made.images, again.images)
    assert made.labels.tolist() == [0, 0, 1, 1, 2, 2]
    shown = made.pictures()
    assert shown.dtype == torch.uint8
    torch.testing.assert_close(shown / 255, made.images.clamp(0, 1), atol=0.5 / 255 + 1e-6, rtol=0)
    train = open_prepared(chain.data).train
    real = train.all_images(torch.device("cpu")) / 255
    own_class = [
        (real[train.labels == c] - x).abs().mean((1, 2, 3)).min()
        for x, c in zip(made.images, made.labels.tolist(), strict=True)
    ]
    # It started from a photograph of its class, and has left it.
    assert all(1e-4 < float(gap) < 0.2 for gap in own_class)
