"""The manifest of prepared data, which identifies it; to be read without torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fd2.artifacts.files import json_digest, read_json, write_json
from fd2.artifacts.identity import artefact_name, require_name
from fd2.artifacts.remarks import REMARKS, Remark, sentences
from fd2.config.datasets import TEST_IMAGES, TESTED_ON, ZCA
from fd2.errors import FD2Error

MANIFEST = "manifest.json"
SPLITS = ("train", "test")
#: The digest of each split's pixels, among the facts of ``source``.
PIXELS = "pixels_sha256"


@dataclass(frozen=True)
class Manifest:
    """What the arrays hold, in one digest.

    Attributes:
        dataset: the config's name for it.
        resolution: height and width in pixels.
        classes: names; a class's id is its position.
        files: per split, one ``{"path", "class", "sha256"}`` an image, in array order.
        mean, std: per channel over the training images, in [0, 1].
        source: free facts: package version, split rule, resize filter, licence.
    """

    dataset: str
    resolution: int
    classes: tuple[str, ...]
    files: dict[str, list[dict[str, Any]]]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: dict[str, Any]

    @property
    def channels(self) -> int:
        """3 for RGB, 1 for grey."""
        return len(self.mean)

    @property
    def statistics(self) -> dict[str, Any]:
        """What images are normalised with, for the metadata of what is made from them.

        ``mean`` and ``std``, and ``zca`` where the data has a whitening in their place.
        """
        whitened = {ZCA: self.source[ZCA]} if ZCA in self.source else {}
        return {"mean": list(self.mean), "std": list(self.std), **whitened}

    @property
    def tested_on(self) -> str:
        """What the split ``test`` holds: test images, or training images that were held out."""
        return str(self.source.get(TESTED_ON, TEST_IMAGES))

    @property
    def remarks(self) -> list[str]:
        """What a reader must know of the pictures, a sentence each."""
        return sentences(map(Remark.parse, self.source.get(REMARKS, ())))

    def digest(self) -> str:
        """sha256 of the manifest in canonical JSON."""
        return json_digest(asdict(self))


def write_manifest(path: str | Path, manifest: Manifest) -> None:
    """Write a manifest with its digest."""
    write_json(path, {**asdict(manifest), "digest": manifest.digest()})


def read_manifest(path: str | Path) -> Manifest:
    """Read and verify a manifest.

    Raises:
        FD2Error: if it is missing, its digest does not fit its content, or it is another
            dataset's than its path says.
    """
    content = read_json(path)
    remake = "delete the folder and prepare the dataset again"
    try:
        digest = content.pop("digest")
        tuples = {key: tuple(content[key]) for key in ("classes", "mean", "std")}
        manifest = Manifest(**{**content, **tuples})
        complete = manifest.files.keys() == manifest.source[PIXELS].keys() == set(SPLITS)
    except (KeyError, TypeError, AttributeError) as error:
        raise FD2Error(f"not a manifest: {error}", str(path), remake) from error
    if manifest.digest() != digest:
        what = "the manifest was changed by hand: its digest does not fit"
        raise FD2Error(what, str(path), remake)
    if not complete:
        raise FD2Error("the manifest holds no digests of the pixels", str(path), remake)
    if artefact_name(path) is not None:
        require_name(path, f"data/{manifest.dataset}/{Path(path).name}")
    return manifest
