"""One file as an 8-bit RGB picture, and what a viewer would show otherwise."""

from __future__ import annotations

import hashlib
import io
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from fd2.datasets._reading import FORMATS, Reading

#: What Pillow's decoders raise on bad bytes.
BROKEN = (
    *(RuntimeError, ArithmeticError, OSError, SyntaxError, ValueError, TypeError),
    *(LookupError, EOFError, struct.error, zlib.error),
)

TURNED = "pictures turned as their EXIF orientation says (apply_exif)"
NOT_TURNED = "pictures not turned as their EXIF orientation says, which viewers do (apply_exif)"
FRAMES = "pictures of several pages or frames, of which the first alone is used"
OVER_COLOUR = "transparent pictures, laid over the colour of background"
NO_ALPHA = "transparent pictures, shown without their alpha channel (background)"
CMYK = "CMYK pictures, converted to RGB without their colour profile"
PROFILE = (
    "pictures with a colour profile or gamma of their own, which viewers apply and fd2 does not"
)
GREYED = "coloured pictures, of which the lightness alone is used (channels)"
OTHER_FORMAT = "pictures of another format than their suffix says"

_ORIENTATION = ExifTags.Base.Orientation
_SRGB_GAMMA = 1 / 2.2
#: By how a file begins, what left it in place of a picture, and the command that fetches that.
_POINTERS = {
    b"version https://git-lfs": ("Git LFS", "git lfs pull"),
    b"/annex/objects/": ("git-annex", "git annex get"),
}
_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_LOW_BYTES = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}


class NotThereError(OSError):
    """In place of a picture lies what would fetch it."""


class TooLargeError(ValueError):
    """A picture has more pixels than are allowed."""


@dataclass
class Picture:
    """A picture that was read.

    Attributes:
        rgb: 8 bits a channel.
        sha256: of the very bytes that were decoded, in hexadecimal.
        notes: what is to be told of it, each one of this module's sentences.
        largest: the largest value where a channel has 16 bits, of which a file does not say how
            many are used; else None.
    """

    rgb: Image.Image
    sha256: str
    notes: list[str] = field(default_factory=list)
    largest: int | None = None


@contextmanager
def own_pixel_limit() -> Iterator[None]:
    """Switch off Pillow's limit, which is one for the whole process, for `Reading.max_pixels`."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def read_picture(path: Path, reading: Reading) -> Picture:
    """Decode the first picture of a file; raises as `decode_picture`, and errors of the system."""
    return decode_picture(path.read_bytes(), path.suffix.lower(), reading)


def decode_picture(content: bytes, suffix: str, reading: Reading) -> Picture:
    """Decode the first picture of a file's content; ``suffix`` is that of its name.

    Raises:
        NotThereError: where the file is a pointer to its content.
        TooLargeError: before a picture above ``reading.max_pixels`` is decoded.
        ValueError: if it is of no known format, or its pixels have no known range.
        Exception: others of `BROKEN`, from the decoders.
    """
    for start, (tool, fetch) in _POINTERS.items():
        if content.startswith(start):
            raise NotThereError(f"a pointer of {tool}, whose content was not fetched: {fetch}")
    if not content:
        raise ValueError("an empty file")
    try:
        image = _open(content)
    except UnidentifiedImageError:
        if content[4:8] == b"ftyp" and content[8:12] in _HEIC:
            raise ValueError("HEIC, which Pillow does not read: save it as JPEG or PNG") from None
        shown = content[:12].decode("ascii", "backslashreplace")
        what = f"not an image; it begins with {shown!r}, {len(content)} bytes"
        raise ValueError(what) from None
    with image:
        return _read(image, content, suffix, reading)


def _open(content: bytes) -> ImageFile.ImageFile:
    Image.init()
    # AVIF came to Pillow late.
    formats = [name for name in FORMATS if name in Image.OPEN]
    return Image.open(io.BytesIO(content), formats=formats)


def _read(image: Image.Image, content: bytes, suffix: str, reading: Reading) -> Picture:
    width, height = image.size
    if width * height > reading.max_pixels:
        raise TooLargeError(
            f"{width} x {height} pixels, {width * height / 1e6:.1f} megapixels; "
            f"max_pixels is {reading.max_pixels}"
        )
    kind, raw, notes = image.format or "", _raw_mode(image), []
    if getattr(image, "n_frames", 1) > 1:
        notes.append(FRAMES)
    if suffix not in FORMATS["JPEG" if kind == "MPO" else kind]:
        notes.append(OTHER_FORMAT)
    orientation = image.getexif().get(_ORIENTATION, 1)
    image.load()
    if _foreign_colours(image):
        notes.append(PROFILE)
    if orientation in range(2, 9):
        # Pillow turns TIFF by itself.
        notes.append(TURNED if reading.apply_exif or kind == "TIFF" else NOT_TURNED)
        if reading.apply_exif:
            image = ImageOps.exif_transpose(image)
    reduced, largest = _eight_bits(image, raw, kind, content, reading)
    rgb = _opaque(reduced, reading, notes)
    return Picture(rgb, hashlib.sha256(content).hexdigest(), notes, largest)


def _raw_mode(image: Image.Image) -> str:
    """How the file stores a pixel, e.g. ``RGB;16B``; empty where a decoder does not say."""
    for tile in getattr(image, "tile", ()):
        arguments = tile.args if isinstance(tile.args, tuple | list) else (tile.args,)
        return str(arguments[0]) if arguments else ""
    return ""


def _foreign_colours(image: Image.Image) -> bool:
    """Whether colours are meant otherwise than as sRGB; CMYK is told by itself."""
    profile = image.info.get("icc_profile")
    if profile and image.mode != "CMYK":
        return b"sRGB" not in profile and "sRGB".encode("utf-16-be") not in profile
    gamma = image.info.get("gamma")
    return gamma is not None and "srgb" not in image.info and abs(gamma - _SRGB_GAMMA) > 0.01


def _eight_bits(
    image: Image.Image, raw: str, kind: str, content: bytes, reading: Reading
) -> tuple[Image.Image, int | None]:
    """The picture with the upper 8 bits of each channel, and the largest value where it had 16."""
    grey = image.mode.startswith("I;16")
    if grey or (image.mode == "I" and (kind == "PPM" or reading.bit_depth is not None)):
        values = np.asarray(image)
        declared = 12 if raw == "I;12" else None
        largest = int(values.max())
        if values.min() < 0:
            raise ValueError(f"a value is {values.min()}; save 8 or 16 bit without a sign")
        depth = reading.bit_depth or declared or 16
        return Image.fromarray(_upper_byte(values, depth)), None if declared else largest
    if image.mode in ("I", "F"):
        raise ValueError(
            f"32-bit pixels (mode {image.mode}) have no known range; save 8 or 16 bit, or set "
            "bit_depth for whole numbers"
        )
    if ";16" not in raw:
        return image, None
    # Pillow reads the upper byte of each channel alone.
    upper = np.asarray(image)
    if reading.bit_depth in (None, 16):
        return image, int(upper[..., :3].max()) * 256 + 255
    lower = _lower_bytes(content, raw, reading)
    if lower.shape != upper.shape:
        raise ValueError(f"16 bits a channel in mode {raw} cannot be read with bit_depth")
    colours = upper[..., :3].astype(np.uint16) << 8 | lower[..., :3]
    reduced = upper.copy()
    reduced[..., :3] = _upper_byte(colours, reading.bit_depth)
    return Image.fromarray(reduced, image.mode), int(colours.max())


def _upper_byte(values: np.ndarray, depth: int) -> np.ndarray:
    """The upper 8 of ``depth`` bits."""
    if int(values.max()) >> depth:
        raise ValueError(f"a value is {values.max()}, more than {depth} bits hold (bit_depth)")
    return (values >> (depth - 8)).astype(np.uint8)


def _lower_bytes(content: bytes, raw: str, reading: Reading) -> np.ndarray:
    """The lower byte of each 16-bit channel: the upper one, read in the other order of bytes."""
    layout, _, order = raw.partition(";")
    if layout not in ("RGB", "RGBA"):
        return np.empty(0)
    swapped = f"{layout};{_LOW_BYTES[order]}"
    with _open(content) as image:
        tiles = []
        for tile in image.tile:
            rest = () if isinstance(tile.args, str | None) else tuple(tile.args[1:])
            tiles.append(tile._replace(args=(swapped, *rest) if rest else swapped))
        image.tile = tiles
        image.load()
        return np.asarray(ImageOps.exif_transpose(image) if reading.apply_exif else image)


def _opaque(image: Image.Image, reading: Reading, notes: list[str]) -> Image.Image:
    """8-bit RGB of an image of any mode with 8 bits a channel."""
    if image.mode == "CMYK":
        notes.append(CMYK)
    if not image.has_transparency_data:
        return image.convert("RGB")
    # Pillow warns where a palette with transparent entries is converted straight away.
    rgba = image.convert("RGBA")
    if rgba.getchannel("A").getextrema()[0] == 255:
        return rgba.convert("RGB")
    if reading.background is None:
        notes.append(NO_ALPHA)
        return rgba.convert("RGB")
    notes.append(OVER_COLOUR)
    ground = Image.new("RGBA", rgba.size, (*reading.background, 255))
    return Image.alpha_composite(ground, rgba).convert("RGB")
