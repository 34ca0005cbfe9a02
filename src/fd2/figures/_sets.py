"""Sets of images for figures: distilled ones, and sets as a network sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.figures._rows import row_files

if TYPE_CHECKING:
    import numpy as np

    from fd2.artifacts.images import DistilledSet
    from fd2.artifacts.manifests import Manifest


def open_sets(paths: Sequence[Path], manifest: Path) -> tuple[Manifest, list[DistilledSet]]:
    """The manifest of a dataset, and each of its distilled sets.

    Raises:
        FD2Error: if a file is missing or damaged, or was made from other data.
    """
    from fd2.artifacts.images import read_distilled
    from fd2.artifacts.manifests import read_manifest
    from fd2.artifacts.provenance import same_manifest

    described = read_manifest(manifest)
    sets = [read_distilled(path) for path in paths]
    digests = {str(path): one.metadata["manifest"] for path, one in zip(paths, sets, strict=True)}
    same_manifest({str(manifest): described.digest(), **digests})
    return described, sets


def pictures_by_class(images: DistilledSet, *, stretched: bool = False) -> np.ndarray:
    """Pictures uint8 ``[C, n, H, W, K]`` of a set; K is 3 for RGB, 1 for grey.

    ``stretched`` is that of `DistilledSet.pictures`.
    """
    pictures = images.pictures(stretched=stretched).unflatten(0, (-1, images.images_per_class))
    array: np.ndarray = pictures.permute(0, 1, 3, 4, 2).numpy()
    return array


def open_diagnosed(
    spec: Mapping[str, Any], files: Mapping[str, list[Path]]
) -> tuple[Manifest, list[tuple[str, dict[str, np.ndarray]]]]:
    """The manifest, and of each row its label and the arrays that `fd2.stages.diagnose` writes.

    Files are those of `fd2.figures._rows.diagnosis_inputs`, by the same roles.

    Raises:
        FD2Error: if a file is missing or damaged, or was made from other data.
    """
    from fd2.artifacts.manifests import read_manifest
    from fd2.artifacts.provenance import same_manifest
    from fd2.artifacts.tensors import read_tensors

    names = ("features", "labels", "ids", "nearest_distances", "nearest_classes")
    path = files["manifest"][0]
    manifest = read_manifest(path)
    digests, sets = {str(path): manifest.digest()}, []
    for label, (file,) in row_files(spec, files):
        tensors, metadata = read_tensors(file, names)
        digests[str(file)] = metadata["manifest"]
        sets.append((label, {name: tensor.numpy() for name, tensor in tensors.items()}))
    same_manifest(digests)
    return manifest, sets


def diagnosis_title(spec: Mapping[str, Any], shown: str) -> str:
    """Above a figure of diagnosed sets: data, what is shown, and the network that looks."""
    network = f"{spec['backbone']} ({spec['training']})"
    return f"{spec['dataset']}, IPC {spec['ipc']}: {shown}, {network}"
