"""Prepared data: arrays at the working resolution, as their manifest describes them."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fd2.artifacts.files import atomic_write, damaged, read_array, write_array
from fd2.artifacts.manifests import (
    MANIFEST,
    PIXELS,
    SPLITS,
    Manifest,
    read_manifest,
    write_manifest,
)
from fd2.errors import FD2Error


@dataclass(frozen=True)
class Split:
    """Images uint8 ``[N, H, W, channels]``, mapped from ``file``, and labels int64 ``[N]``.

    The manifest's digest is of all pixels.
    """

    images: np.ndarray
    labels: Tensor
    file: Path
    pixels_sha256: str

    @cached_property
    def verified(self) -> np.ndarray:
        """The images, after all of them were read and their digest was compared once.

        Raises:
            FD2Error: if a pixel is not what the manifest says.
        """
        if hashlib.sha256(self.images.data).hexdigest() != self.pixels_sha256:
            raise damaged(self.file, "the digest of its pixels is not the manifest's")
        return self.images

    def batch(self, indices: Tensor, device: torch.device) -> Tensor:
        """Images of ``indices`` (on the CPU) as uint8 ``[B, channels, H, W]`` on ``device``."""
        chosen = torch.from_numpy(np.ascontiguousarray(self.verified[indices.numpy()]))
        return chosen.permute(0, 3, 1, 2).to(device, non_blocking=True)

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels of all images that have a label here."""
        return len(self.labels) * int(np.prod(self.images.shape[1:]))

    def all_images(self, device: torch.device) -> Tensor:
        """All images as uint8 ``[N, channels, H, W]`` on ``device``."""
        return self.batch(torch.arange(len(self.labels)), device)


@dataclass(frozen=True)
class PreparedDataset:
    """A manifest and its two splits."""

    manifest: Manifest
    train: Split
    test: Split

    @property
    def num_classes(self) -> int:
        """Number of classes C."""
        return len(self.manifest.classes)

    def class_indices(self, split: Split) -> list[Tensor]:
        """For each class the positions of its images, in array order."""
        return [(split.labels == c).nonzero().flatten() for c in range(self.num_classes)]


def write_prepared(
    folder: str | Path, manifest: Manifest, images: Mapping[str, np.ndarray]
) -> Manifest:
    """Write images, uint8 ``[N, H, W, channels]`` for each split, and seal them; see `seal`."""
    for split in SPLITS:
        write_array(Path(folder) / f"{split}.npy", images[split])
    return seal(folder, manifest)


@contextlib.contextmanager
def image_file(
    folder: str | Path, split: str, shape: tuple[int, int, int, int]
) -> Iterator[Callable[[int, np.ndarray], None]]:
    """Write a split's images one by one, so that no more than these need be in memory.

    Yields:
        What puts an image, uint8 ``shape[1:]``, at a position below ``shape[0]``: in any order, and
        from several threads. What has no image stays black. The file is there when all went well.

    Raises:
        FD2Error: if the folder cannot be written or the disk is full.
    """
    path = Path(folder) / f"{split}.npy"
    with (
        _no_empty_folder(path.parent),
        atomic_write(path) as temporary,
        temporary.open("wb") as stream,
    ):
        facts = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, facts)
        stream.flush()
        start, size = stream.tell(), int(np.prod(shape[1:]))
        stream.truncate(start + shape[0] * size)

        def put(position: int, image: np.ndarray) -> None:
            rest = np.ascontiguousarray(image).reshape(-1).data
            at = start + position * size
            while len(rest):
                written = os.pwrite(stream.fileno(), rest, at)
                rest, at = rest[written:], at + written

        yield put


@contextlib.contextmanager
def _no_empty_folder(folder: Path) -> Iterator[None]:
    """Of what fails, no folder is left that was not there before."""
    there = folder.exists()
    try:
        yield
    except BaseException:
        if not there:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def seal(folder: str | Path, manifest: Manifest) -> Manifest:
    """Write labels, then the manifest, for images that are there in the order of its files.

    The manifest comes last, so that it vouches for all.

    Returns:
        The manifest with the digests of the pixels: two versions of a decoder may read one file
        differently.
    """
    root = Path(folder)
    arrays = {split: read_array(root / f"{split}.npy") for split in SPLITS}
    pixels = {split: hashlib.sha256(arrays[split].data).hexdigest() for split in SPLITS}
    manifest = replace(manifest, source={**manifest.source, PIXELS: pixels})
    for split in SPLITS:
        labels = np.asarray([entry["class"] for entry in manifest.files[split]], dtype=np.int64)
        if arrays[split].shape[0] != len(labels):
            raise ValueError(f"{split}: {arrays[split].shape[0]} images, {len(labels)} labels")
        write_array(root / f"{split}_labels.npy", labels)
    write_manifest(root / MANIFEST, manifest)
    return manifest


def open_prepared(folder: str | Path) -> PreparedDataset:
    """Map the arrays of a prepared dataset; pixels are verified when they are first used.

    Raises:
        FD2Error: if a file is missing or damaged, or does not fit the manifest.
    """
    root = Path(folder)
    manifest = read_manifest(root / MANIFEST)
    return PreparedDataset(manifest, *(open_split(root, manifest, split) for split in SPLITS))


def open_verified(folder: str | Path) -> PreparedDataset:
    """As `open_prepared`, after all pixels were read and compared with the manifest's digests.

    Raises:
        FD2Error: if a file is missing, or differs from the manifest.
    """
    dataset = open_prepared(folder)
    for split in (dataset.train, dataset.test):
        _ = split.verified
    return dataset


def open_split(root: Path, manifest: Manifest, split: str) -> Split:
    """One split of a folder; see `open_prepared`."""
    images = read_array(root / f"{split}.npy")
    labels = np.array(read_array(root / f"{split}_labels.npy"))
    size = (manifest.resolution, manifest.resolution, manifest.channels)
    expected = (len(manifest.files[split]), *size)
    fits = images.shape == expected and labels.shape == expected[:1]
    if not fits or images.dtype != np.uint8 or labels.dtype != np.int64:
        raise FD2Error(
            f"{split}.npy holds {images.dtype} {images.shape}, the manifest says {expected}",
            str(root),
            "delete the folder and prepare the dataset again",
        )
    if labels.tolist() != [entry["class"] for entry in manifest.files[split]]:
        raise damaged(root / f"{split}_labels.npy", "its labels are not the manifest's")
    pixels = manifest.source[PIXELS][split]
    return Split(images, torch.from_numpy(labels), root / f"{split}.npy", pixels)
