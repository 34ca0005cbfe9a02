"""Soft labels on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from fd2.artifacts.soft_labels import (
    AUGMENTATION,
    LOGITS,
    epoch_logits,
    read_soft_labels,
    write_soft_labels,
)
from fd2.artifacts.tensors import read_tensors, write_tensors
from fd2.errors import FD2Error


@pytest.fixture
def copied(labels: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(labels, tmp_path / "labels"))


def test_round_trip(labels: Path, tmp_path: Path) -> None:
    read = read_soft_labels(labels)
    write_soft_labels(tmp_path, read.augmentation, np.array(read.logits), read.metadata)
    for name in (LOGITS, AUGMENTATION):
        assert (tmp_path / name).read_bytes() == (labels / name).read_bytes()
    assert read.metadata["stage"] == "relabel"


def test_an_epoch_is_read_by_image_id(labels: Path) -> None:
    read = read_soft_labels(labels)
    logits = epoch_logits(read, 1, torch.device("cpu"))
    assert logits.dtype == torch.float32 and logits.shape == (9, 3)
    assert np.array_equal(logits.numpy(), read.logits[1].astype(np.float32))


@pytest.mark.parametrize(
    "logits", [np.zeros((2, 9, 3), np.float32), np.zeros((2, 8, 3), np.float16)]
)
def test_other_logits_are_not_written(labels: Path, tmp_path: Path, logits: np.ndarray) -> None:
    read = read_soft_labels(labels)
    with pytest.raises(ValueError, match="float16"):
        write_soft_labels(tmp_path, read.augmentation, logits, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "logits",
    [
        np.zeros((2, 8, 3), np.float16),
        np.zeros((1, 9, 3), np.float16),
        np.zeros((2, 9, 3), np.float32),
        np.zeros((2, 9, 3), ">f2"),
    ],
)
def test_logits_that_do_not_fit_are_refused(copied: Path, logits: np.ndarray) -> None:
    np.save(copied / LOGITS, logits)
    with pytest.raises(FD2Error, match="damaged file") as refused:
        read_soft_labels(copied)
    assert refused.value.where == str(copied / LOGITS)


def test_augmentation_that_does_not_fit_is_refused(copied: Path) -> None:
    tensors, metadata = read_tensors(copied / AUGMENTATION)
    spoilt = {**tensors, "half_sizes": torch.tensor([2, 3, 2])}
    write_tensors(copied / AUGMENTATION, spoilt, metadata)
    with pytest.raises(FD2Error, match="do not cover the images"):
        read_soft_labels(copied)
    tensors.pop("flips")
    write_tensors(copied / AUGMENTATION, tensors, metadata)
    with pytest.raises(FD2Error, match=r"damaged file.*flips"):
        read_soft_labels(copied)


@pytest.mark.parametrize("name", [LOGITS, AUGMENTATION])
def test_missing_and_truncated_files_are_refused(copied: Path, name: str) -> None:
    content = (copied / name).read_bytes()
    (copied / name).write_bytes(content[:-1])
    with pytest.raises(FD2Error, match="damaged file"):
        read_soft_labels(copied)
    (copied / name).unlink()
    with pytest.raises(FD2Error, match="file not found"):
        read_soft_labels(copied)
