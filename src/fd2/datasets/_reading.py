"""How files become pictures: the formats that are read, and the settings where people differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: Formats that files are read as, with their suffixes. No other one is opened: a PostScript file
#: named ``.jpg`` must not start the decoder that runs programs. MPO, a JPEG of several pictures,
#: counts as JPEG.
FORMATS: Mapping[str, tuple[str, ...]] = {
    "AVIF": (".avif",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "JPEG": (".jfif", ".jpe", ".jpeg", ".jpg", ".mpo"),
    "JPEG2000": (".j2k", ".jp2", ".jpx"),
    "PCX": (".pcx",),
    "PNG": (".apng", ".png"),
    "PPM": (".pbm", ".pgm", ".pnm", ".ppm"),
    "QOI": (".qoi",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
SUFFIXES = tuple(sorted(suffix for suffixes in FORMATS.values() for suffix in suffixes))
MAX_PIXELS = 178_956_970
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Reading:
    """How a picture file becomes 8-bit RGB. The defaults do what the papers' code does.

    Attributes:
        apply_exif: turn a picture as its EXIF orientation says, as viewers do.
        background: colour that transparent pictures are laid over; None drops the alpha channel,
            so that the colours show that a file holds beneath it.
        bit_depth: bits that hold a value where a file has 16 a channel; the upper 8 of them are
            read. None for all that the file has.
        max_pixels: larger pictures are refused before they are decoded.
    """

    apply_exif: bool = False
    background: tuple[int, int, int] | None = None
    bit_depth: int | None = None
    max_pixels: int = MAX_PIXELS

    def facts(self) -> dict[str, Any]:
        """What shapes pixels, for the manifest."""
        return {key: value for key, value in asdict(self).items() if key != "max_pixels"}


#: As the papers' code reads.
PLAIN = Reading()


def exif_property(kind: str, *, default: bool) -> dict[str, dict[str, Any]]:
    """The setting ``apply_exif`` of a kind: on for a user's files, off for those of papers."""
    return {
        "apply_exif": {
            "type": "boolean",
            "default": default,
            "description": f"{kind}: turn each picture as its EXIF orientation says, as viewers "
            f"do; {str(default).lower()} without the key. false matches the pixels of papers' code",
        }
    }


def reading_properties(kind: str) -> dict[str, dict[str, Any]]:
    """Properties of the ``SETTINGS_SCHEMA`` of a kind that reads files of a user."""
    return {
        **exif_property(kind, default=True),
        "background": {
            "type": ["array", "null"],
            "items": {"type": "integer", "minimum": 0, "maximum": 255},
            "minItems": 3,
            "maxItems": 3,
            "default": list(WHITE),
            "description": f"{kind}: red, green and blue of the colour that transparent pictures "
            "are laid over; white without the key, null drops the alpha channel",
        },
        "bit_depth": {
            "type": ["integer", "null"],
            "minimum": 8,
            "maximum": 16,
            "default": None,
            "description": f"{kind}: bits that hold a value in files with 16 bits a channel, such "
            "as 12; the upper 8 of them are read. null: 16",
        },
        "max_pixels": {
            "type": "integer",
            "minimum": 1,
            "default": MAX_PIXELS,
            "description": f"{kind}: pictures of more pixels are refused; {MAX_PIXELS:,} without "
            "the key. Decoding takes some 4 bytes a pixel, for each thread",
        },
    }


def reading_of(settings: Mapping[str, Any]) -> Reading:
    """The reading that settings of `reading_properties` ask for."""
    background = settings.get("background", WHITE)
    return Reading(
        apply_exif=settings.get("apply_exif", True),
        background=None if background is None else tuple(background),
        bit_depth=settings.get("bit_depth"),
        max_pixels=settings.get("max_pixels", MAX_PIXELS),
    )
