"""Images to one uint8 array: files decoded once, entire frames warped; or drawn by a program."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from fd2.datasets._source import ImageSource, SourceImage
from fd2.runtime.progress import Progress

#: Decoders that an image file may reach: a PostScript file named ``.jpg`` must not start the one
#: that runs programs. MPO, the cameras' JPEG with several pictures, counts as JPEG.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
#: What Pillow's decoders raise on bad bytes.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class Decoded:
    """Decoded or rendered images, in the order they were asked for.

    Attributes:
        images: uint8 ``[N, R, R, 3]``; a broken image's row is undefined.
        digests: sha256 of each file's bytes, or of a rendered image's pixels, in hexadecimal;
            empty for a broken one.
        broken: what was wrong, by position.
        sums: int64 ``[2, 3]``: per channel the sum and the sum of squares over all pixels.
    """

    images: np.ndarray
    digests: list[str]
    broken: dict[int, str]
    sums: np.ndarray


def read_images(
    source: ImageSource, images: Sequence[SourceImage], resolution: int, workers: int, what: str
) -> Decoded:
    """Decode or render images at ``resolution`` pixels a side with several threads.

    The result does not depend on their number: Pillow decodes and resizes without the interpreter's
    lock. The progress bar is labelled ``what``.
    """
    pixels = np.empty((len(images), resolution, resolution, 3), dtype=np.uint8)
    sums = np.zeros((len(images), 2, 3), dtype=np.int64)
    digests = [""] * len(images)
    broken: dict[int, str] = {}

    def read(position: int) -> None:
        image, row = images[position], pixels[position]
        try:
            if source.render is not None:
                row[...] = source.render(image, resolution)
                digests[position] = hashlib.sha256(row.data).hexdigest()
            else:
                digests[position] = _decode_into(row, image.path, source.crop_bottom)
        except _BROKEN as error:
            broken[position] = getattr(error, "strerror", None) or str(error) or repr(error)
            return
        wide = row.astype(np.int64)
        sums[position] = wide.sum(axis=(0, 1)), np.einsum("hwc,hwc->c", wide, wide)

    verb = "decode" if source.render is None else "render"
    with ThreadPool(max(workers, 1)) as pool:
        results = pool.imap(read, range(len(images)))
        for _ in Progress(len(images), f"{verb} {what}", unit="image"):
            next(results)
    return Decoded(pixels, digests, dict(sorted(broken.items())), sums.sum(axis=0))


def _decode_into(row: np.ndarray, path: Path, crop_bottom: int) -> str:
    """Fill ``row`` ``[R, R, 3]`` and return the sha256 of the very bytes that were decoded."""
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            image.load()
            rgb = to_rgb(image)
    except UnidentifiedImageError:
        start = content[:12].decode("ascii", "backslashreplace")
        raise ValueError(f"not an image; it begins with {start!r}, {len(content)} bytes") from None
    if crop_bottom:
        if rgb.height <= crop_bottom:
            raise ValueError(f"{rgb.height} rows, of which {crop_bottom} are to be cut off")
        rgb = rgb.crop((0, 0, rgb.width, rgb.height - crop_bottom))
    row[...] = rgb.resize(row.shape[1::-1], Image.Resampling.BICUBIC, reducing_gap=None)
    return hashlib.sha256(content).hexdigest()


def to_rgb(image: Image.Image) -> Image.Image:
    """An image of any mode as 8-bit RGB. The alpha channel is dropped, EXIF rotation not applied.

    Raises:
        ValueError: for 32-bit pixels, whose range no file states.
    """
    if image.mode.startswith("I;16"):
        # Pillow would clip at 255, which turns all but the darkest pixels white.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise ValueError(f"32-bit pixels (mode {image.mode}) have no known range; save 8 or 16 bit")
    elif image.mode == "P":
        # By way of RGBA, because Pillow warns where a palette has transparent entries.
        image = image.convert("RGBA")
    return image.convert("RGB")


def channel_statistics(
    sums: np.ndarray, pixels: int
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and population standard deviation of each channel, in [0, 1], pooled over pixels.

    ``sums`` is int64 ``[2, 3]``: per channel the sum and the sum of squares of uint8 values.
    """
    # Python's whole numbers up to the last step: nothing cancels, and no order of sums matters.
    means, deviations = [], []
    for total, squares in zip(sums[0].tolist(), sums[1].tolist(), strict=True):
        means.append(total / (255 * pixels))
        deviations.append(sqrt((pixels * squares - total * total) / (255 * pixels) ** 2))
    return (means[0], means[1], means[2]), (deviations[0], deviations[1], deviations[2])
