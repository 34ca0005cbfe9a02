"""Labels in fewer bytes against the logits they were made of, label by label in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fd2.artifacts.files import read_array, write_array
from fd2.artifacts.label_format import LabelFormat
from fd2.artifacts.soft_labels import LOGITS, epoch_logits, read_soft_labels, write_soft_labels
from fd2.errors import FD2Error
from fd2.replay.plan import plan_augmentation

CPU = torch.device("cpu")
EPOCHS, IMAGES = 2, 6
FORMATS = [LabelFormat(7, k, bits) for k in (None, 1, 3, 7) for bits in (8, 16, 32)]


def answers(classes: int = 7, scale: float = 5.0) -> np.ndarray:
    """Logits of each epoch; of the last image all are equal."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, scale, (EPOCHS, IMAGES, classes)).astype(np.float32)
    logits[:, -1] = 1.5
    return logits


def stored(folder: Path, form: LabelFormat, logits: np.ndarray) -> list[Tensor]:
    """Each epoch's logits as a student has them, after they lay on the disk."""
    plan = plan_augmentation(
        *(("t",), IMAGES, EPOCHS, 8), batch_size=8, crop_scale=(0.5, 1.0), cutmix_alpha=1.0
    )
    storage = {"top_k": form.top_k, "bits": form.bits, "stored_epochs": None}
    facts = {"settings": {"storage": storage, "epochs": EPOCHS}, "classes": form.classes}
    write_soft_labels(folder, plan, np.stack([form.pack(epoch) for epoch in logits]), facts)
    read = read_soft_labels(folder)
    assert read.form == form and isinstance(read.logits, np.memmap)
    return [epoch_logits(read, epoch, CPU) for epoch in range(EPOCHS)]


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_a_label_is_as_near_as_its_bits_allow(tmp_path: Path, form: LabelFormat) -> None:
    """Only differences between logits count: a softmax does not see what they share."""
    logits = answers()
    for given, found in zip(logits, stored(tmp_path, form, logits), strict=True):
        for label, got in zip(given.astype(np.float64), found.double().numpy(), strict=True):
            kept = sorted(range(7), key=lambda c: (-label[c], c))[: form.kept]
            assert (got[[c for c in range(7) if c not in kept]] == -np.inf).all()
            span = label[kept].max() - label[kept].min()
            # A step is span / 255 rounded up to float16, and an error half of one.
            limit = {8: span / 255 * (1 + 2**-10) / 2, 16: np.abs(label).max() * 2**-11, 32: 0}
            below = got[kept] - (got[kept].max() if form.bits == 8 else 0)
            wanted = label[kept] - (label[kept].max() if form.bits == 8 else 0)
            assert np.abs(below - wanted).max() <= limit[form.bits] + 1e-6


@pytest.mark.parametrize("temperature", [1.0, 20.0])
def test_the_kept_classes_share_all_probability(tmp_path: Path, temperature: float) -> None:
    logits = answers()
    for given, found in zip(logits, stored(tmp_path, LabelFormat(7, 3, 32), logits), strict=True):
        shares = (found.double() / temperature).softmax(1).numpy()
        for label, got in zip(given.astype(np.float64), shares, strict=True):
            kept = sorted(range(7), key=lambda c: (-label[c], c))[:3]
            whole = np.exp(label / temperature) / np.exp(label / temperature).sum()
            expected = {c: whole[c] / whole[kept].sum() for c in kept}
            np.testing.assert_allclose(got, [expected.get(c, 0) for c in range(7)], atol=1e-7)


def test_more_classes_than_a_byte_tells_apart(tmp_path: Path) -> None:
    logits = answers(classes=300)
    form = LabelFormat(300, 2, 8)
    found = stored(tmp_path, form, logits)[0]
    best = torch.from_numpy(logits[0]).topk(2).indices.sort().values
    assert torch.equal(found.isfinite().nonzero()[:, 1].view(-1, 2)[:-1], best[:-1])
    assert form.label_bytes == 2 + 2 * 2 + 2


@pytest.mark.parametrize("scale", [1e-7, 1e4])
def test_steps_reach_labels_of_any_range(tmp_path: Path, scale: float) -> None:
    logits = answers(scale=scale)
    for given, found in zip(logits, stored(tmp_path, LabelFormat(7, None, 8), logits), strict=True):
        exact = torch.from_numpy(given - given.max(1, keepdims=True))
        # The least step that float16 holds is 2^-24.
        step = torch.clamp(-exact.amin(1, keepdim=True) / 255 * (1 + 2**-10), min=2.0**-24)
        assert ((found - exact).abs() <= step / 2 * (1 + 1e-5)).all()


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_bytes_are_as_told(tmp_path: Path, form: LabelFormat) -> None:
    packed = np.stack([form.pack(epoch) for epoch in answers()])
    write_array(tmp_path / LOGITS, packed)
    assert packed.shape == form.shape(EPOCHS, IMAGES)
    assert (tmp_path / LOGITS).stat().st_size == form.file_bytes(EPOCHS, IMAGES)
    assert packed.nbytes == EPOCHS * IMAGES * form.label_bytes
    assert read_array(tmp_path / LOGITS).dtype == form.dtype


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_what_the_format_cannot_hold_is_found(form: LabelFormat, wrong: float) -> None:
    logits = answers()[0]
    logits[2, 4] = wrong
    # NaN is last in the order of logits, so that it is seen only where all are kept.
    seen = form.kept == 7 or not np.isnan(wrong)
    # A label of one class has no range, and 32 bits hold large numbers.
    held = wrong == 1e30 and (form.bits == 32 or (form.kept, form.bits) == (1, 8))
    assert (form.fault(form.pack(logits)) is not None) == (seen and not held)


def test_classes_that_cannot_be_are_refused(tmp_path: Path) -> None:
    form = LabelFormat(7, 3, 16)
    for wrong in (7, "twice"):
        packed = np.stack([form.pack(epoch) for epoch in answers()])
        packed["classes"][1, 2, 0] = packed["classes"][1, 2, 1] if wrong == "twice" else wrong
        plan = plan_augmentation(
            *(("t",), IMAGES, EPOCHS, 8), batch_size=8, crop_scale=(0.5, 1.0), cutmix_alpha=1.0
        )
        storage = {"top_k": 3, "bits": 16, "stored_epochs": None}
        facts = {"settings": {"storage": storage}, "classes": 7}
        with pytest.raises(FD2Error, match="epoch 1 are not of 3 of 7 classes"):
            write_soft_labels(tmp_path, plan, packed, facts)
