"""Stage prepare_scenes: real images with boxes, looked at once before anything is computed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image

from fd2.artifacts.files import file_digest, json_digest
from fd2.artifacts.provenance import record, shaped_by
from fd2.artifacts.records import write_record
from fd2.config.detection import ScenesSettings
from fd2.detection.annotated_images import AnnotatedImages
from fd2.detection.coco_layout import read_coco
from fd2.detection.scenes import write_split
from fd2.errors import FD2Error, listing
from fd2.runtime.job import Job


def prepare_scenes(
    settings: ScenesSettings,
    train: Path,
    val: Path,
    record_file: Path,
    job: Job,
    check: Callable[[Sequence[str]], None] | None = None,
) -> None:
    """Check the annotation files and every image that they name, and write both splits.

    Args:
        settings: of the scenes.
        train: output; without training images it holds none.
        val: output.
        record_file: JSON with what was found.
        job: the running job.
        check: refuses categories that do not fit what else the config has; it shapes no output.

    Raises:
        FD2Error: if a file is missing or damaged, an image has another size than its annotation
            says, the splits differ in their categories, or as ``check`` or `parse_coco`.
    """
    found: dict[str, tuple[Path, AnnotatedImages]] = {}
    digests: dict[str, str] = {}
    for split, name in (("val", settings.val), ("train", settings.train)):
        if name is not None:
            folder, file = settings.files(name)
            annotated = read_coco(file)
            if check is not None and split == "val":
                check([category for _, category in annotated.categories])
            found[split] = folder, annotated
            digests[split] = file_digest(file)
            digests[f"{split}_images"] = _images(folder, annotated, str(file), job.threads)
    categories = found["val"][1].categories
    if "train" not in found:
        found["train"] = found["val"][0], _no_images(categories)
    elif found["train"][1].categories != categories:
        raise FD2Error(
            "training images and those to test on have other categories",
            f"scenes '{settings.scenes}', {settings.train} and {settings.val}",
            "give annotation files with one list of categories, in the same order",
        )
    shaped = shaped_by("prepare_scenes", settings, json_digest(digests), {})
    for path, split in ((train, "train"), (val, "val")):
        write_split(path, *found[split], shaped)
    told = {
        "categories": [name for _, name in categories],
        **{split: _counts(annotated) for split, (_, annotated) in found.items()},
    }
    facts = {"scenes": told, "annotation_bytes": settings.annotation_bytes()}
    write_record(record_file, {**facts, **record(shaped, job.facts())})


def _images(folder: Path, annotated: AnnotatedImages, file: str, threads: int) -> str:
    """One digest of all image files, after each was found to have its size."""
    missing = [name for name in annotated.names if not (folder / name).is_file()]
    if missing:
        raise FD2Error(
            f"{len(missing)} of {len(annotated.names)} images are not there: {listing(missing)}",
            f"{folder}, named in {file}",
            "put them there, or take them out of the annotation file",
        )
    whole = hashlib.sha256()
    sizes = annotated.sizes.tolist()
    with ThreadPoolExecutor(threads) as readers:
        looked = readers.map(lambda name: _looked_at(folder / name), annotated.names)
        for name, size, (digest, real) in zip(annotated.names, sizes, looked, strict=True):
            if real != size:
                raise FD2Error(
                    f"image '{name}' has {real[0]} × {real[1]} pixels, not {size[0]} × {size[1]}",
                    f"{folder}, named in {file}",
                    "give the image that was annotated; its boxes are in its pixels",
                )
            whole.update(digest.encode())
    return whole.hexdigest()


def _looked_at(path: Path) -> tuple[str, list[int]]:
    """Digest, width and height of an image file."""
    try:
        with Image.open(path) as picture:
            return file_digest(path), list(picture.size)
    except (OSError, SyntaxError) as error:
        fix = "replace the file, or take the image out of the annotation file"
        raise FD2Error(f"no image: {error}", str(path), fix) from error


def _no_images(categories: tuple[tuple[int, str], ...]) -> AnnotatedImages:
    none, numbers = torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.float64)
    return AnnotatedImages(
        *(categories, (), none.reshape(0, 2), none, none),
        *(numbers.reshape(0, 4), numbers, none.bool()),
    )


def _counts(annotated: AnnotatedImages) -> dict[str, int]:
    crowds = int(annotated.crowd.sum())
    flat = int((~annotated.crowd & (annotated.boxes[:, 2:] <= 0).any(1)).sum())
    return {
        "images": len(annotated.names),
        "boxes": len(annotated.crowd) - crowds,
        "crowds": crowds,
        "boxes_without_area": flat,
    }
