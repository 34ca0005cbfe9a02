"""Soft labels against a teacher asked about each half batch of images built one by one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from fd2.artifacts.images import read_distilled
from fd2.artifacts.records import read_content
from fd2.artifacts.soft_labels import (
    AUGMENTATION,
    LOGITS,
    SoftLabels,
    epoch_logits,
    read_soft_labels,
)
from fd2.artifacts.tensors import read_tensors, write_tensors
from fd2.augment.normalise import Normaliser
from fd2.config.label_storage import LabelStorage
from fd2.errors import FD2Error
from fd2.networks.stored_teacher import build_teacher, read_teacher
from fd2.stages.relabel import relabel, set_label_mode

if TYPE_CHECKING:
    from tests.conftest import Chain


def labelled(chain: Chain, nine: Path, folder: Path, *teachers: Path, **changes: Any) -> SoftLabels:
    settings = chain.relabel_settings(**changes)
    relabel(settings, nine, list(teachers) or [chain.cal], folder, chain.job)
    return read_soft_labels(folder)


def view(pixels: Tensor, box: Tensor, flip: bool) -> Tensor:
    """Crop, resize and flip of one image, as slices and an interpolation."""
    top, left, height, width = (round(float(v) * pixels.shape[-1]) for v in box)
    piece = pixels[None, :, top : top + height, left : left + width]
    seen = interpolate(piece, size=pixels.shape[-2:], mode="bilinear", align_corners=False)[0]
    return seen.flip(2) if flip else seen


def augmented(nine: Path, labels: SoftLabels, epoch: int) -> Tensor:
    """All nine images of an epoch by image id, in float64."""
    stored, images = labels.augmentation, read_distilled(nine)
    normaliser = Normaliser(images.metadata["mean"], images.metadata["std"])
    pixels = normaliser.normalise(images.images.double() / 255)
    seen = [view(pixels[i], stored.boxes[epoch, i], bool(stored.flips[epoch, i])) for i in range(9)]
    mixed = [image.clone() for image in seen]
    for i in range(9):
        y0, y1, x0, x1 = stored.mix_boxes[epoch, i].tolist()
        mixed[i][:, y0:y1, x0:x1] = seen[stored.partners[epoch, i]][:, y0:y1, x0:x1]
    return torch.stack(mixed)


@pytest.mark.parametrize("head", ["backbone", "cal"])
def test_each_label_belongs_to_its_image_and_half_batch(
    chain: Chain, nine: Path, tmp_path: Path, head: str
) -> None:
    labels = labelled(chain, nine, tmp_path / "labels", head=head)
    assert labels.augmentation.half_sizes.tolist() == [2, 3, 2, 2]
    assert labels.logits.shape == (2, 9, 3) and labels.logits.dtype == np.float16
    for epoch in range(2):
        images = augmented(nine, labels, epoch).float()
        assert sorted(labels.augmentation.order[epoch].tolist()) == list(range(9))
        for ids in labels.augmentation.order[epoch].split([2, 3, 2, 2]):
            network = read_teacher(chain.cal, chain.job.device).network.train()
            output = network(images[ids])
            expected = output.backbone_logits if head == "backbone" else output.cal_logits
            stored = torch.from_numpy(labels.logits[epoch][ids.numpy()]).float()
            torch.testing.assert_close(stored, expected.detach(), rtol=5e-3, atol=5e-3)


def test_labels_differ_between_images_and_epochs(labels: Path) -> None:
    logits = np.array(read_soft_labels(labels).logits, dtype=np.float64)
    assert np.abs(logits[0] - logits[1]).max() > 0.05
    assert len({row.tobytes() for row in logits.reshape(18, 3)}) == 18


def test_same_seed_same_bytes(chain: Chain, nine: Path, labels: Path, tmp_path: Path) -> None:
    labelled(chain, nine, tmp_path / "again")
    other = labelled(chain, nine, tmp_path / "other", seed=43)
    for name in (LOGITS, AUGMENTATION):
        assert (tmp_path / "again" / name).read_bytes() == (labels / name).read_bytes()
    assert not torch.equal(other.augmentation.boxes, read_soft_labels(labels).augmentation.boxes)


def test_fewer_epochs_are_a_prefix(chain: Chain, nine: Path, labels: Path, tmp_path: Path) -> None:
    one, two = labelled(chain, nine, tmp_path / "one", epochs=1), read_soft_labels(labels)
    assert np.array_equal(one.logits[0], two.logits[0])
    assert torch.equal(one.augmentation.order[0], two.augmentation.order[0])


def test_several_teachers_are_averaged(chain: Chain, nine: Path, tmp_path: Path) -> None:
    alone = [
        np.array(labelled(chain, nine, tmp_path / path.stem, path).logits, dtype=np.float64)
        for path in (chain.plain, chain.cal)
    ]
    both = labelled(chain, nine, tmp_path / "both", chain.plain, chain.cal).logits
    np.testing.assert_allclose(both, sum(alone) / 2, atol=5e-3)


def test_modes_differ(chain: Chain, nine: Path, labels: Path, tmp_path: Path) -> None:
    """Statistics of the half batch against those of the training set, on the same pixels."""
    running = labelled(chain, nine, tmp_path / "eval", teacher_mode="eval")
    train = read_soft_labels(labels)
    assert torch.equal(running.augmentation.boxes, train.augmentation.boxes)
    assert np.abs(running.logits.astype(float) - train.logits).max() > 0.05
    network = read_teacher(chain.cal, chain.job.device).network
    expected = network(augmented(nine, running, 0).float()).backbone_logits
    stored = torch.from_numpy(np.array(running.logits[0])).float()
    torch.testing.assert_close(stored, expected, rtol=5e-3, atol=5e-3)


@pytest.mark.parametrize(
    ("mode", "dropout", "batch_norm_trains", "dropout_trains"),
    [
        ("train_halves", False, True, False),
        ("train_halves", True, True, True),
        ("eval", False, False, False),
        ("eval", True, False, False),
    ],
)
def test_dropout_is_off_unless_asked_for(
    mode: str, dropout: bool, batch_norm_trains: bool, dropout_trains: bool
) -> None:
    teacher = build_teacher("mobilenet_v2", 3, None, initialisation="scratch", seed=0).freeze()
    set_label_mode(teacher, mode, dropout)
    kinds = {nn.BatchNorm2d: batch_norm_trains, nn.Dropout: dropout_trains}
    for kind, trains in kinds.items():
        flags = {m.training for m in teacher.modules() if isinstance(m, kind)}
        assert flags == {trains}
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    features = teacher.backbone.features(images)
    twice = [teacher.backbone.classify(features) for _ in range(2)]
    assert torch.equal(*twice) == (not dropout_trains)


def test_fewer_bytes_are_of_the_same_labels(labels: Path, packed_labels: Path) -> None:
    """The stored epochs are the first ones, seen through the same crops."""
    whole, packed = read_soft_labels(labels), read_soft_labels(packed_labels)
    assert (whole.epochs, packed.epochs, len(packed.logits)) == (2, 2, 1)
    assert [packed.stored_epoch(epoch) for epoch in range(3)] == [0, 0, 0]
    assert torch.equal(packed.augmentation.boxes, whole.augmentation.boxes[:1])
    assert packed.logits.nbytes == 9 * (2 + 2 + 2)
    exact = torch.from_numpy(np.array(whole.logits[0])).double()
    kept, classes = exact.topk(2)
    found = epoch_logits(packed, 0, torch.device("cpu")).double()
    assert (found.isfinite().sum(1) == 2).all()
    # Both are rounded to 16 bits, of the label or of its steps.
    gap = found.gather(1, classes) - (kept - kept[:, :1])
    assert gap.abs().max() <= (kept[:, 0] - kept[:, 1]).max() / 255 + 4e-3


def test_files_of_labels_as_ever_say_nothing_of_storage(labels: Path, packed_labels: Path) -> None:
    told = [read_content(each / "record.json") for each in (labels, packed_labels)]
    assert "storage" not in told[0]["settings"] and "classes" not in told[0]
    assert told[1]["settings"]["storage"] == {"top_k": 2, "bits": 8, "stored_epochs": 1}
    assert told[1]["classes"] == 3


def test_more_classes_than_there_are_cannot_be_kept(
    chain: Chain, nine: Path, tmp_path: Path
) -> None:
    with pytest.raises(FD2Error, match="top_k' is 4, the dataset has 3 classes"):
        labelled(chain, nine, tmp_path / "labels", storage=LabelStorage(4, 16, None))
    assert not (tmp_path / "labels").exists()


def test_a_plain_teacher_has_no_cal_head(chain: Chain, nine: Path, tmp_path: Path) -> None:
    with pytest.raises(FD2Error, match="no CAL head") as refused:
        labelled(chain, nine, tmp_path / "labels", chain.cal, chain.plain, head="cal")
    assert refused.value.where == str(chain.plain)
    assert "relabel.head" in refused.value.fix
    assert not (tmp_path / "labels").exists()


def test_a_teacher_of_other_data_is_refused(chain: Chain, nine: Path, tmp_path: Path) -> None:
    tensors, metadata = read_tensors(chain.cal)
    other = tmp_path / "other.safetensors"
    write_tensors(other, tensors, {**metadata, "manifest": "0" * 64})
    with pytest.raises(FD2Error, match="different manifests"):
        labelled(chain, nine, tmp_path / "labels", other)


def test_labels_beyond_float16_are_refused(chain: Chain, nine: Path, tmp_path: Path) -> None:
    tensors, metadata = read_tensors(chain.cal)
    tensors["backbone.head.bias"] += 1e6
    wild = tmp_path / "wild.safetensors"
    write_tensors(wild, tensors, metadata)
    with pytest.raises(FD2Error, match="not finite in float16"):
        labelled(chain, nine, tmp_path / "labels", wild)
