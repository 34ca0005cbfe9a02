"""Groups of slots: order of classes, zero weights, prefixes, views, and refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from fd2.artifacts.images import read_distilled, read_slots, write_slots
from fd2.artifacts.manifests import read_manifest, write_manifest
from fd2.artifacts.tensors import read_tensors, write_tensors
from fd2.augment.views import Views
from fd2.errors import FD2Error
from fd2.stages.assemble import assemble
from fd2.stages.distill import distill

if TYPE_CHECKING:
    from tests.conftest import Chain

PERMUTATION = [2, 0, 1]
OFF = {
    "characteristic": {"weight": 0.0, "alpha": 0.5, "prototypes": "normalised"},
    "similarity": {"weight": 0.0, "crop": "shared"},
    "total_variation": {"weight": 0.0},
}


def images(path: Path) -> Tensor:
    return read_slots(path).images


def test_same_seed_same_bytes_other_seed_other_images(
    chain: Chain, group: Path, tmp_path: Path
) -> None:
    again = chain.group(tmp_path / "again.safetensors")
    assert again.read_bytes() == group.read_bytes()
    other = chain.group(tmp_path / "other.safetensors", chain.distill_settings(seed=1))
    assert not torch.equal(images(other), images(group))


def test_slots_differ_from_their_patches_and_each_other(chain: Chain, group: Path) -> None:
    made, patches = images(group), images(chain.patches)
    assert made.shape == (3, 3, 3, 32, 32)
    for slot in range(3):
        assert not torch.equal(made[slot], patches[slot])
        assert not torch.equal(made[slot], made[(slot + 1) % 3])


def test_a_slot_does_not_depend_on_how_many_follow(
    chain: Chain, group: Path, tmp_path: Path
) -> None:
    """IPC 1 costs one slot and is the first image of IPC 3."""
    for slots in ((0,), (0, 1)):
        settings = chain.distill_settings(slots=slots)
        fewer = images(chain.group(tmp_path / f"{len(slots)}.safetensors", settings))
        assert torch.equal(fewer, images(group)[: len(slots)])


def test_groups_are_independent(chain: Chain, group: Path, tmp_path: Path) -> None:
    """The similarity constraint keeps apart within a group only."""
    alone = chain.group(tmp_path / "alone.safetensors", chain.distill_settings(slots=(2,)))
    assert not torch.equal(images(alone)[0], images(group)[2])
    settings = chain.distill_settings(slots=(2,), regularisers={**OFF})
    without = images(chain.group(tmp_path / "without.safetensors", settings))
    settings = chain.distill_settings(slots=(1, 2), regularisers={**OFF})
    assert torch.equal(images(chain.group(tmp_path / "both.safetensors", settings))[1], without[0])


def test_ipc_n_is_a_prefix_of_ipc_m(chain: Chain, group: Path, tmp_path: Path) -> None:
    last = chain.group(tmp_path / "last.safetensors", chain.distill_settings(slots=(3,)))
    sets = []
    for count in (1, 2, 4):
        path = tmp_path / f"ipc{count}.safetensors"
        assemble(count, [group, last], path, tmp_path / "record.json", chain.job)
        sets.append(read_distilled(path))
    whole = sets[-1].images.unflatten(0, (3, 4))
    start = images(chain.patches).transpose(0, 1)
    assert torch.equal(whole[:, :3], images(group).transpose(0, 1))
    assert torch.equal(whole[:, 3], images(last)[0])
    for one in sets:
        count = one.images_per_class
        assert torch.equal(one.images.unflatten(0, (3, count)), whole[:, :count])
        assert one.labels.tolist() == [c for c in range(3) for _ in range(count)]
        far = (whole[:, :count].double() - start[:, :count].double()).abs().mean()
        assert one.metadata["moved"] == pytest.approx(float(far)) and far > 0.1
        assert one.metadata["mean"] == list(read_manifest(chain.data / "manifest.json").mean)


def test_too_few_or_unordered_slots_are_refused(chain: Chain, group: Path, tmp_path: Path) -> None:
    last = chain.group(tmp_path / "last.safetensors", chain.distill_settings(slots=(3,)))
    for count, groups in ((4, [group]), (2, [last, group])):
        with pytest.raises(FD2Error, match=f"{count} images per class are wanted") as refused:
            assemble(count, groups, tmp_path / "n", tmp_path / "record.json", chain.job)
        assert "distill.slots" in refused.value.fix
        assert not (tmp_path / "n").exists()


def permuted(chain: Chain, folder: Path) -> dict[str, Path]:
    """The chain with class ids in another order: names, labels, heads, prototypes, patches."""
    manifest = read_manifest(chain.data / "manifest.json")
    inverse = [PERMUTATION.index(c) for c in range(3)]
    files = {
        split: [{**entry, "class": inverse[entry["class"]]} for entry in entries]
        for split, entries in manifest.files.items()
    }
    classes = tuple(manifest.classes[c] for c in PERMUTATION)
    other = replace(manifest, classes=classes, files=files)
    write_manifest(folder / "manifest.json", other)
    tensors, metadata = read_tensors(chain.cal)
    for name in ("backbone.head.weight", "backbone.head.bias", "cal.fc.weight", "prototypes"):
        tensors[name] = tensors[name][PERMUTATION]
    facts = {"manifest": other.digest()}
    write_tensors(folder / "cal.safetensors", tensors, {**metadata, **facts})
    patches = read_slots(chain.patches)
    moved = patches.images[:, PERMUTATION]
    write_slots(folder / "p.safetensors", moved, patches.slots, {**patches.metadata, **facts})
    return {
        "manifest_file": folder / "manifest.json",
        "patches_file": folder / "p.safetensors",
        "output": folder / "group.safetensors",
        "record_file": folder / "record.json",
    }


@pytest.mark.parametrize("rule", ["by_slot", "random"])
def test_permuting_the_classes_permutes_the_images(chain: Chain, tmp_path: Path, rule: str) -> None:
    """Sums over classes in another order round differently: a level here and there."""
    settings = chain.distill_settings(slots=(0, 1), initial_patch=rule)
    paths = permuted(chain, tmp_path)
    teacher = [tmp_path / "cal.safetensors"]
    distill(settings=settings, teacher_files=teacher, job=chain.job, **paths)
    base = images(chain.group(tmp_path / "base.safetensors", settings))
    gaps = (images(paths["output"]).int() - base[:, PERMUTATION].int()).abs()
    assert (gaps <= 1).double().mean() > 0.999
    assert (gaps == 0).double().mean() > 0.98
    assert not torch.equal(base, base[:, PERMUTATION])


def test_zero_weights_are_the_plain_method_to_the_bit(chain: Chain, tmp_path: Path) -> None:
    plain = {"fd2": "plain", "cal_ratio": 0.0, "regularisers": {}}
    zero = {"fd2": "fd2", "cal_ratio": 0.0, "regularisers": OFF}
    made = [
        images(chain.group(tmp_path / f"{c['fd2']}.safetensors", chain.distill_settings(**c)))
        for c in (plain, zero)
    ]
    assert torch.equal(*made)


@pytest.mark.parametrize(
    ("changes", "from_slot"),
    [
        ({"cal_ratio": 0.5}, 0),
        ({"regularisers": {"characteristic": {**OFF["characteristic"], "weight": 20.0}}}, 0),
        ({"regularisers": {"similarity": {**OFF["similarity"], "weight": 20.0}}}, 1),
        ({"regularisers": {"total_variation": {"weight": 20.0}}}, 0),
    ],
    ids=["cal_ratio", "characteristic", "similarity", "total_variation"],
)
def test_a_positive_weight_changes_the_images(
    chain: Chain, tmp_path: Path, changes: dict[str, Any], from_slot: int
) -> None:
    """Similarity from the second slot on: the first has nothing to keep away from."""
    base = {"slots": (0, 1), "cal_ratio": 0.0, "regularisers": {}}
    before, after = (
        images(chain.group(tmp_path / f"{i}.safetensors", chain.distill_settings(**c)))
        for i, c in enumerate((base, {**base, **changes}))
    )
    for slot in range(2):
        assert torch.equal(before[slot], after[slot]) == (slot < from_slot)


def test_plain_and_fd2_see_the_same_crops(
    chain: Chain, tmp_path: Path, looked_at: list[tuple[Views, Tensor]]
) -> None:
    """With images that do not move, the two runs show the same pixels in every iteration."""
    still = {"learning_rate": 0.0}
    plain = chain.distill_settings(still, slots=(0, 1), fd2="plain", cal_ratio=0.0, regularisers={})
    shown = []
    for name, settings, teacher in (
        ("plain", plain, chain.plain),
        ("fd2", chain.distill_settings(still, slots=(0, 1)), chain.cal),
    ):
        looked_at.clear()
        chain.group(tmp_path / f"{name}.safetensors", settings, teachers=[teacher])
        shown.append([pixels for _, pixels in looked_at if pixels.shape[1] == 3])
    assert len(shown[0]) == len(shown[1]) == 2 * settings.method_settings["iterations"]
    assert all(torch.equal(a, b) for a, b in zip(*shown, strict=True))
    assert not torch.equal(shown[0][0], shown[0][1])


def test_earlier_images_are_compared_whole_or_through_crops(
    chain: Chain, tmp_path: Path, looked_at: list[tuple[Views, Tensor]]
) -> None:
    made = {}
    for crop in ("shared", "independent"):
        looked_at.clear()
        regularisers = {**OFF, "similarity": {"weight": 5.0, "crop": crop}}
        settings = chain.distill_settings(slots=(0, 1), regularisers=regularisers)
        made[crop] = images(chain.group(tmp_path / f"{crop}.safetensors", settings))
        per_image = [views for views, _ in looked_at if len(views) == 3]
        assert len(per_image) == (0 if crop == "shared" else 1)
    assert torch.equal(made["shared"][0], made["independent"][0])


def test_a_plain_teacher_cannot_carry_fd2(chain: Chain, tmp_path: Path) -> None:
    with pytest.raises(FD2Error, match="without attention head"):
        chain.group(tmp_path / "no.safetensors", teachers=[chain.plain])
    assert not (tmp_path / "no.safetensors").exists()


def test_a_teacher_of_other_data_is_refused(chain: Chain, tmp_path: Path) -> None:
    tensors, metadata = read_tensors(chain.cal)
    other = tmp_path / "other.safetensors"
    write_tensors(other, tensors, {**metadata, "manifest": "0" * 64})
    with pytest.raises(FD2Error, match="different manifests") as refused:
        chain.group(tmp_path / "no.safetensors", teachers=[other])
    assert str(other) in refused.value.where
