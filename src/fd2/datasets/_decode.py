"""Images to uint8 squares, of three channels or one: decoded or drawn once, frames warped."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from multiprocessing.pool import ThreadPool
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops

from fd2.artifacts.remarks import Remark
from fd2.datasets._picture import (
    BROKEN,
    GREYED,
    NotThereError,
    Picture,
    TooLargeError,
    own_pixel_limit,
    read_picture,
)
from fd2.datasets._source import ImageSource, SourceImage
from fd2.errors import FD2Error, listing
from fd2.runtime.progress import Progress

#: Why files give no picture, and what to do about it; None: as the source says.
_REMEDIES: dict[str, str | None] = {
    "image(s) not there": None,
    "image(s) that may not be read": "make them readable (chmod)",
    "too large image(s)": "raise max_pixels in the dataset's entry, or save them smaller",
    "broken image(s)": None,
}


class Fault(NamedTuple):
    """Why a file gives no picture: one of `_REMEDIES`, and what was found."""

    kind: str
    reason: str


@dataclass(frozen=True)
class Decoded:
    """What is known of decoded or rendered images, in the order they were asked for.

    Attributes:
        digests: sha256 of each file's bytes, or of the pixels of an image that is no file, in
            hexadecimal; empty for a faulty one.
        pixels: sha256 of the pixels of each square, likewise.
        faults: by position.
        sums: int64 ``[2, channels]``: per channel the sum and the sum of squares over all pixels.
        notes: what is to be told of each; see `fd2.datasets._picture`.
        largest: the largest value of each where it has 16 bits a channel.
        sizes: width and height of each picture as it was read, upright; (0, 0) of a faulty one.
    """

    digests: list[str]
    pixels: list[str]
    faults: dict[int, Fault]
    sums: np.ndarray
    notes: list[list[str]]
    largest: list[int | None]
    sizes: list[tuple[int, int]]


def read_images(
    source: ImageSource,
    images: Sequence[SourceImage],
    resolution: int,
    workers: int,
    what: str,
    channels: int = 3,
    *,
    centre_crop: bool = False,
    keep: Callable[[int, np.ndarray], object] | None = None,
) -> Decoded:
    """Decode or render images at ``resolution`` pixels a side, in RGB or in grey.

    Grey images are repeated in three ``channels``. Pictures are warped, or with ``centre_crop`` as
    in `centre_cropped`. ``workers`` are threads, whose number changes nothing; ``what`` labels the
    progress bar. ``keep`` takes the position of each image that gave a picture and its pixels,
    uint8 ``[R, R, channels]``, in any order and from all threads; None drops them.
    """
    count = len(images)
    sums = np.zeros((count, 2, channels), dtype=np.int64)
    digests, pixels = [""] * count, [""] * count
    faults: dict[int, Fault] = {}
    notes: list[list[str]] = [[] for _ in images]
    largest: list[int | None] = [None] * count
    sizes = [(0, 0)] * count

    def read(position: int) -> None:
        image = images[position]
        try:
            picture = _picture(source, image, resolution)
            row = _square(picture.rgb, resolution, channels, source.crop_bottom, centre_crop)
        except BROKEN as error:
            faults[position] = _fault(error)
            return
        if channels == 1 and _coloured(picture.rgb):
            picture.notes.append(GREYED)
        digests[position] = picture.sha256
        notes[position], largest[position] = picture.notes, picture.largest
        sizes[position] = picture.rgb.size
        pixels[position] = hashlib.sha256(row.data).hexdigest()
        wide = row.astype(np.int64)
        sums[position] = wide.sum(axis=(0, 1)), np.einsum("hwc,hwc->c", wide, wide)
        if keep is not None:
            keep(position, row)

    verb = "decode" if source.render is None else "render"
    with own_pixel_limit(), ThreadPool(max(workers, 1)) as pool:
        results = pool.imap(read, range(count))
        for _ in Progress(count, f"{verb} {what}", unit="image"):
            next(results)
    in_order = dict(sorted(faults.items()))
    return Decoded(digests, pixels, in_order, sums.sum(axis=0), notes, largest, sizes)


def _picture(source: ImageSource, image: SourceImage, resolution: int) -> Picture:
    """A picture of any size, and the sha256 of the very bytes that it is made of."""
    if source.render is not None:
        pixels = source.render(image, resolution)
    elif source.pixels is not None:
        pixels = source.pixels(image)
    else:
        return read_picture(image.path, source.reading)
    pixels = np.ascontiguousarray(pixels)
    rgb = Image.fromarray(pixels).convert("RGB")
    return Picture(rgb, hashlib.sha256(pixels.data).hexdigest())


def _coloured(picture: Image.Image) -> bool:
    """Whether any pixel of an RGB picture is not grey."""
    red, green, blue = picture.split()
    return any(ImageChops.difference(red, other).getbbox() for other in (green, blue))


def _square(
    picture: Image.Image, side: int, channels: int, crop_bottom: int, centre_crop: bool
) -> np.ndarray:
    """The whole frame or the centre of an RGB picture, uint8 ``[side, side, channels]``."""
    if channels == 1:
        picture = picture.convert("L")
    if crop_bottom:
        if picture.height <= crop_bottom:
            raise ValueError(f"{picture.height} rows, of which {crop_bottom} are to be cut off")
        picture = picture.crop((0, 0, picture.width, picture.height - crop_bottom))
    if centre_crop:
        square = centre_cropped(picture, side)
    else:
        square = picture.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=None)
    return np.asarray(square).reshape(side, side, channels)


def centre_cropped(picture: Image.Image, size: int) -> Image.Image:
    """The centre of a picture, as FADRM and RDED test.

    torchvision's ``Resize(size // 7 * 8)``, bilinear, and ``CenterCrop(size)``.
    """
    shorter, target = min(picture.size), max(size // 7 * 8, size)
    width, height = (side * target // shorter for side in picture.size)
    resized = picture.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return resized.crop((left, top, left + size, top + size))


def _fault(error: BaseException) -> Fault:
    absent, denied, large, broken = _REMEDIES
    kinds = {
        FileNotFoundError: absent,
        NotThereError: absent,
        PermissionError: denied,
        TooLargeError: large,
    }
    kind = next((name for of, name in kinds.items() if isinstance(error, of)), broken)
    return Fault(kind, getattr(error, "strerror", None) or str(error) or repr(error))


def require_pictures(
    files: Mapping[str, Sequence[SourceImage]],
    decoded: Mapping[str, Decoded],
    remedy: str,
    where: str,
) -> None:
    """Refuse files that give no picture, after all of both splits were tried.

    Raises:
        FD2Error: with how many are faulty, the first by name, and what to do for each kind, which
            is ``remedy`` for what is broken or not there.
    """
    faulty = [
        (fault, files[split][position].path)
        for split, found in decoded.items()
        for position, fault in found.faults.items()
    ]
    if not faulty:
        return
    kinds = [kind for kind in _REMEDIES if any(fault.kind == kind for fault, _ in faulty)]
    counts = [f"{sum(f.kind == kind for f, _ in faulty)} {kind}" for kind in kinds]
    lines = [f"{path}: {fault.reason}" for fault, path in faulty]
    remedies = dict.fromkeys(_REMEDIES[kind] or remedy for kind in kinds)
    raise FD2Error(
        ", ".join(counts) + ":\n    " + listing(lines, "\n    "),
        where,
        "; ".join(remedies) + "; then run again",
    )


def picture_remarks(
    files: Mapping[str, Sequence[SourceImage]], decoded: Mapping[str, Decoded], depth: int | None
) -> list[Remark]:
    """What is to be told of the pictures of both splits; ``depth`` is `Reading.bit_depth`."""
    named: dict[str, list[str]] = defaultdict(list)
    deep: list[str] = []
    largest = 0
    for split, found in decoded.items():
        for image, notes, value in zip(files[split], found.notes, found.largest, strict=True):
            for note in notes:
                named[note].append(image.name)
            if value is not None:
                deep.append(image.name)
                largest = max(largest, value)
    remarks = [Remark.of(what, names) for what, names in sorted(named.items())]
    if deep:
        depth, bits = depth or 16, max(largest.bit_length(), 8)
        what = f"pictures with 16 bits a channel, of whose {depth} bits the upper 8 are read"
        if bits < depth:
            what += (
                f"; the largest value, {largest}, needs {bits} bits alone, so that "
                f"{largest >> (depth - 8)} is the lightest of 255: set bit_depth to {bits}"
            )
        remarks.append(Remark.of(what, deep))
    return remarks


def channel_statistics(
    sums: np.ndarray, pixels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and population standard deviation of each channel, in [0, 1], pooled over pixels.

    ``sums`` is int64 ``[2, channels]``: per channel the sum and the sum of squares of uint8 values.
    """
    # Python's whole numbers up to the last step: nothing cancels, and no order of sums matters.
    means, deviations = [], []
    for total, squares in zip(sums[0].tolist(), sums[1].tolist(), strict=True):
        means.append(total / (255 * pixels))
        deviations.append(sqrt((pixels * squares - total * total) / (255 * pixels) ** 2))
    return tuple(means), tuple(deviations)
