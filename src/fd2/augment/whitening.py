"""ZCA whitening, which takes the place of normalisation where a dataset asks for it.

Source: ``ZCAWhitening`` of the library kornia, as the public code of MTT and DATM uses it: fitted
to the training images in [0, 1], without normalisation before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from fd2.artifacts.files import damaged
from fd2.artifacts.manifests import Manifest
from fd2.artifacts.prepared import PreparedDataset, Split
from fd2.artifacts.tensors import read_tensors, write_tensors
from fd2.augment.normalise import Normaliser
from fd2.config.datasets import ZCA
from fd2.errors import FD2Error

#: Beside the arrays of whitened data.
FILE = "zca.safetensors"
_TENSORS = ("centre", "transform", "inverse")
_CHUNK = 4096


def zca(split: Split, epsilon: float) -> dict[str, Tensor]:
    """The whitening of a split's images x in [0, 1], of D values each: (x - centre) @ transform.

    With the eigenvectors U and eigenvalues S of their covariance (divisor N - 1), the transform is
    U (S + epsilon)^-1/2 Uᵀ. Computed in float64.

    Returns:
        float32 ``centre`` ``[D]``, ``transform`` and its ``inverse`` ``[D, D]``; an image's values
        are in the order channels, rows, columns.
    """
    cpu, positions = torch.device("cpu"), torch.arange(len(split.labels))
    chunks = [split.batch(some, cpu).flatten(1) for some in positions.split(_CHUNK)]
    mean = torch.stack([some.double().sum(0) for some in chunks]).sum(0) / 255 / len(positions)
    covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for some in chunks:
        centred = some.double() / 255 - mean
        covariance.addmm_(centred.T, centred)
    values, vectors = torch.linalg.eigh(covariance / (len(positions) - 1))
    # Rounding may leave the smallest, which are 0 with fewer images than values, below it.
    scale = (values.clamp(min=0) + epsilon).sqrt()
    transform, inverse = (vectors * scales @ vectors.T for scales in (1 / scale, scale))
    return {
        "centre": mean.float(),
        "transform": transform.float(),
        "inverse": inverse.float(),
    }


def write_whitening(folder: Path, manifest: Manifest, split: Split) -> None:
    """Write the whitening that a manifest asks for, by the training images, into its folder."""
    epsilon = manifest.source[ZCA]["epsilon"]
    write_tensors(folder / FILE, zca(split, epsilon), {"manifest": manifest.digest()})


@dataclass(frozen=True, eq=False)
class Whitener(Normaliser):
    """A `Normaliser` that whitens; ``whitening`` has the tensors of `zca`."""

    whitening: Mapping[str, Tensor]

    def normalise(self, images: Tensor) -> Tensor:
        """Whiten ``[..., K, H, W]`` images; see `Normaliser.normalise`."""
        shares = self._shares(images)
        centre, transform = (self._placed(name, shares) for name in ("centre", "transform"))
        return ((shares.flatten(-3) - centre) @ transform).reshape(shares.shape)

    def denormalise(self, images: Tensor) -> Tensor:
        """Undo `normalise`; does not clip."""
        centre, inverse = (self._placed(name, images) for name in ("centre", "inverse"))
        return (images.flatten(-3) @ inverse + centre).reshape(images.shape)

    def bounds(self) -> tuple[Tensor, Tensor]:
        """There are none.

        Raises:
            FD2Error: always.
        """
        what = "a whitened pixel depends on all others, so that black and white have no value"
        raise FD2Error(what, "augment.whitening.Whitener", "take data without 'zca'")

    @cached_property
    def _copies(self) -> dict[tuple[str, torch.device, torch.dtype], Tensor]:
        return {}

    def _placed(self, name: str, images: Tensor) -> Tensor:
        """A tensor of the whitening as the images are, copied to each device once."""
        key = (name, images.device, images.dtype)
        if key not in self._copies:
            # Copies made in inference mode could not be used in a later backward pass.
            with torch.inference_mode(False):
                self._copies[key] = self.whitening[name].to(images.device, images.dtype)
        return self._copies[key]


def normaliser_of(dataset: PreparedDataset) -> Normaliser:
    """What a dataset's images are normalised by: its statistics, or its whitening.

    Raises:
        FD2Error: see `normaliser_in`.
    """
    return normaliser_in(dataset.train.file.parent, dataset.manifest)


def normaliser_in(folder: Path, manifest: Manifest) -> Normaliser:
    """As `normaliser_of`, from the folder of the prepared data and its manifest.

    Raises:
        FD2Error: if the whitening is missing or damaged, or of other data.
    """
    if ZCA not in manifest.source:
        return Normaliser(manifest.mean, manifest.std)
    tensors, metadata = read_tensors(folder / FILE, _TENSORS)
    size = manifest.channels * manifest.resolution**2
    shapes = [tuple(tensors[name].shape) for name in _TENSORS]
    if metadata.get("manifest") != manifest.digest() or shapes != [(size,), *[(size, size)] * 2]:
        raise damaged(folder / FILE, "it is the whitening of other data")
    return Whitener(manifest.mean, manifest.std, tensors)
