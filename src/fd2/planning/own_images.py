"""What a user's folder of images holds, before there is a config: each picture is decoded once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fd2.artifacts.manifests import SPLITS
from fd2.artifacts.remarks import Remark
from fd2.datasets import imagefolder
from fd2.datasets._decode import picture_remarks, read_images
from fd2.datasets._folder_layout import has_splits
from fd2.datasets._folder_walk import FolderWalk
from fd2.datasets._groups import SHARED, remarks_on_copies
from fd2.datasets._shares import with_test_share
from fd2.errors import FD2Error, listing
from fd2.image_counts import require_training_images

#: Of each class, where the folder has no test images.
TEST_FRACTION = 0.25
#: Height and width in pixels at which copies are told.
_LOOKED_AT = 64


@dataclass(frozen=True)
class OwnImages:
    """A folder's pictures.

    Attributes:
        folder: the absolute path.
        test_fraction: share of each class to test on; None where folders make the split.
        counts: images of each class by its name, by split, without those that give no picture.
        sizes: width and height of each picture, upright.
        broken: files that give no picture, with the reason.
        told: what else a reader of results must know.
        shared: what is wrong with test images of which training has a copy; None if there are none.
    """

    folder: Path
    test_fraction: float | None
    counts: Mapping[str, Mapping[str, int]]
    sizes: tuple[tuple[int, int], ...]
    broken: Mapping[Path, str]
    told: tuple[Remark, ...]
    shared: Remark | None

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        return list(self.counts["train"])

    @property
    def shorter_side(self) -> int:
        """The median over pictures of their shorter side in pixels."""
        return sorted(map(min, self.sizes))[len(self.sizes) // 2]


def look_at(folder: Path, workers: int) -> OwnImages:
    """List a folder and decode each of its pictures with so many threads; nothing is written.

    What preparation refuses later, broken files and test images that are copies of training images,
    is told all the same, so that a user sees all of it at once.

    Raises:
        FD2Error: as `imagefolder.source`, for a folder whose classes cannot be told; or if a class
            has fewer than two training images that give a picture, or none to test on.
    """
    where = str(folder)
    splits = has_splits(FolderWalk(folder).folders(folder))
    fraction = None if splits else TEST_FRACTION
    options = {"path": str(folder), "test_fraction": fraction, "allow_leakage": True}
    source = imagefolder.source(options, where)
    decoded = read_images(source, source.images, _LOOKED_AT, workers, folder.name)
    read = [at for at in range(len(source.images)) if at not in decoded.faults]
    images = tuple(source.images[at] for at in read)
    if fraction is not None:
        together = [replace(image, split="train") for image in images]
        fix = "add pictures, or take the class out"
        images = with_test_share(together, source.classes, fraction, "test", where, fix)
    kept = {split: Counter(i.class_id for i in images if i.split == split) for split in SPLITS}
    counts = {
        split: {name: kept[split][class_id] for class_id, name in enumerate(source.classes)}
        for split in SPLITS
    }
    require_training_images(counts["train"], where)
    if untested := [repr(name) for name, count in counts["test"].items() if not count]:
        what = f"{len(untested)} class(es) without a test image that gives a picture"
        raise FD2Error(f"{what}: {listing(untested)}", where, "add some, or take the classes out")
    copies = remarks_on_copies(source, images, [decoded.pixels[at] for at in read], where)
    told = [*source.remarks, *picture_remarks({"": source.images}, {"": decoded}, None), *copies]
    return OwnImages(
        folder=folder,
        test_fraction=fraction,
        counts=counts,
        sizes=tuple(decoded.sizes[at] for at in read),
        broken={source.images[at].path: fault.reason for at, fault in decoded.faults.items()},
        told=tuple(remark for remark in told if remark.what != SHARED),
        shared=next((remark for remark in told if remark.what == SHARED), None),
    )
