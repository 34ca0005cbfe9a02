"""Draws a text in a typeface: size, position, slant, colours, background, blur and noise vary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

#: The letters are drawn at this many times the resolution, then averaged down.
SUPERSAMPLING = 4
#: Width of the text as a share of the image; a text of this height at most.
WIDTH = (0.75, 0.95)
HEIGHT = 0.85
#: Channels of the light and of the dark side, in [0, 255]; the gap between them keeps the letters
#: readable.
LIGHT = (150, 255)
DARK = (0, 105)
#: Largest deviation of the background's soft spots, and how many a side.
SPOT = 20
SPOTS = 4
_REFERENCE_SIZE = 100


@dataclass(frozen=True)
class Look:
    """How hard the images are to tell apart.

    Attributes:
        slant: largest shear either way, in degrees.
        blur: least and largest standard deviation of the Gaussian blur, in pixels of an image of
            64 x 64; it grows with the resolution.
        noise: least and largest standard deviation of the noise, in steps of 8 bits.
    """

    slant: float
    blur: tuple[float, float]
    noise: tuple[float, float]


def draw(
    text: str, font: Path, resolution: int, look: Look, generator: np.random.Generator
) -> np.ndarray:
    """One image, uint8 ``[R, R, 3]``; all that varies is drawn from ``generator``.

    Raises:
        OSError: if the font cannot be read.
    """
    letters = _letters(text, font, resolution, math.radians(look.slant), generator)[..., None]
    dark_on_light = generator.random() < 0.5
    paper, ink = (LIGHT, DARK) if dark_on_light else (DARK, LIGHT)
    pixels = _background(resolution, paper, generator) * (1 - letters)
    pixels += generator.uniform(*ink, size=3) * letters
    blurred = Image.fromarray(_to_bytes(pixels)).filter(
        ImageFilter.GaussianBlur(generator.uniform(*look.blur) * resolution / 64)
    )
    noise = generator.standard_normal(pixels.shape) * generator.uniform(*look.noise)
    return _to_bytes(np.asarray(blurred) + noise)


def _letters(
    text: str, path: Path, resolution: int, slant: float, generator: np.random.Generator
) -> np.ndarray:
    """How much of each pixel is covered by ink: float ``[R, R]`` in [0, 1]."""
    side = SUPERSAMPLING * resolution
    # The plain layout engine: what Raqm would do depends on libraries of the machine.
    font = ImageFont.truetype(path, _REFERENCE_SIZE, layout_engine=ImageFont.Layout.BASIC)
    left, top, right, bottom = font.getbbox(text)
    fit = min(generator.uniform(*WIDTH) / (right - left), HEIGHT / (bottom - top))
    font = font.font_variant(size=max(int(_REFERENCE_SIZE * fit * side), 1))
    left, top, right, bottom = font.getbbox(text)
    room = np.array([side - (right - left), side - (bottom - top)])
    x, y = room * generator.uniform(0.25, 0.75, size=2) - (left, top)
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).text((round(x), round(y)), text, fill=255, font=font)
    shear = math.tan(generator.uniform(-slant, slant))
    middle = y + (top + bottom) / 2
    slanted = mask.transform(
        mask.size,
        Image.Transform.AFFINE,
        (1, shear, -shear * middle, 0, 1, 0),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(slanted.reduce(SUPERSAMPLING), dtype=np.float64) / 255


def _background(
    resolution: int, channels: tuple[int, int], generator: np.random.Generator
) -> np.ndarray:
    """A gradient between two colours, with soft spots: float ``[R, R, 3]``."""
    first, second = generator.uniform(*channels, size=(2, 3))
    angle = generator.uniform(0, 2 * math.pi)
    steps = np.linspace(-1, 1, resolution)
    along = steps * math.cos(angle) + steps[:, None] * math.sin(angle)
    share = ((along / math.sqrt(2) + 1) / 2)[..., None]
    spots = Image.fromarray(generator.uniform(-SPOT, SPOT, (SPOTS, SPOTS)).astype(np.float32))
    soft = np.asarray(spots.resize((resolution, resolution), Image.Resampling.BICUBIC))
    return np.asarray(first * (1 - share) + second * share + soft[..., None])


def _to_bytes(pixels: np.ndarray) -> np.ndarray:
    return np.rint(pixels.clip(0, 255)).astype(np.uint8)
