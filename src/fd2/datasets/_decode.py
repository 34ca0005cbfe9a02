"""Images to one uint8 array, of three channels or one: decoded or drawn once, frames warped."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from multiprocessing.pool import ThreadPool

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
        images: uint8 ``[N, R, R, channels]``; a broken image's row is undefined.
        digests: sha256 of each file's bytes, or of the pixels of an image that is no file, in
            hexadecimal; empty for a broken one.
        broken: what was wrong, by position.
        sums: int64 ``[2, channels]``: per channel the sum and the sum of squares over all pixels.
    """

    images: np.ndarray
    digests: list[str]
    broken: dict[int, str]
    sums: np.ndarray


def read_images(
    source: ImageSource,
    images: Sequence[SourceImage],
    resolution: int,
    workers: int,
    what: str,
    channels: int = 3,
) -> Decoded:
    """Decode or render images at ``resolution`` pixels a side with several threads.

    Three ``channels`` are RGB, and grey images are repeated in each; one is grey.

    The result does not depend on their number: Pillow decodes and resizes without the interpreter's
    lock. The progress bar is labelled ``what``.
    """
    pixels = np.empty((len(images), resolution, resolution, channels), dtype=np.uint8)
    sums = np.zeros((len(images), 2, channels), dtype=np.int64)
    digests = [""] * len(images)
    broken: dict[int, str] = {}

    def read(position: int) -> None:
        image, row = images[position], pixels[position]
        try:
            picture, digest = _picture(source, image, resolution)
            _warp_into(row, picture, source.crop_bottom)
            digests[position] = digest
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


def _picture(source: ImageSource, image: SourceImage, resolution: int) -> tuple[Image.Image, str]:
    """A picture of any size and mode, and the sha256 of the very bytes that it is made of."""
    if source.render is not None:
        pixels = source.render(image, resolution)
    elif source.pixels is not None:
        pixels = source.pixels(image)
    else:
        return _decoded(image.path.read_bytes())
    pixels = np.ascontiguousarray(pixels)
    return Image.fromarray(pixels), hashlib.sha256(pixels.data).hexdigest()


def _decoded(content: bytes) -> tuple[Image.Image, str]:
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            image.load()
            return image, hashlib.sha256(content).hexdigest()
    except UnidentifiedImageError:
        start = content[:12].decode("ascii", "backslashreplace")
        raise ValueError(f"not an image; it begins with {start!r}, {len(content)} bytes") from None


def _warp_into(row: np.ndarray, picture: Image.Image, crop_bottom: int) -> None:
    """Fill ``row`` ``[R, R, channels]`` with the whole frame of a picture."""
    plain = to_rgb(picture)
    if row.shape[2] == 1:
        plain = plain.convert("L")
    if crop_bottom:
        if plain.height <= crop_bottom:
            raise ValueError(f"{plain.height} rows, of which {crop_bottom} are to be cut off")
        plain = plain.crop((0, 0, plain.width, plain.height - crop_bottom))
    warped = plain.resize(row.shape[1::-1], Image.Resampling.BICUBIC, reducing_gap=None)
    row[...] = np.asarray(warped).reshape(row.shape)


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
