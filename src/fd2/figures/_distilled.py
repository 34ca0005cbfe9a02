"""Distilled sets for showing: by class and slot, with the manifest that names their classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fd2.artifacts.images import read_distilled
from fd2.artifacts.prepared import Manifest, read_manifest
from fd2.artifacts.provenance import same_manifest


def open_sets(paths: Sequence[Path], manifest: Path) -> tuple[Manifest, list[np.ndarray]]:
    """Read distilled sets of one dataset.

    Args:
        paths: distilled sets.
        manifest: the dataset's ``manifest.json``.

    Returns:
        The manifest, and for each set uint8 ``[C, n, H, W, 3]``.

    Raises:
        FD2Error: if a file is missing or damaged, or was made from other data.
    """
    described = read_manifest(manifest)
    sets = [read_distilled(path) for path in paths]
    digests = {str(path): one.metadata["manifest"] for path, one in zip(paths, sets, strict=True)}
    same_manifest({str(manifest): described.digest(), **digests})
    arrays = [
        one.images.unflatten(0, (len(described.classes), one.images_per_class))
        .permute(0, 1, 3, 4, 2)
        .numpy()
        for one in sets
    ]
    return described, arrays
