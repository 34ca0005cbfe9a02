"""Rendered, not photographed: short texts in the 21 Latin typefaces that matplotlib ships.

A controlled fine-grained dataset without a download: balanced, as large as wanted, the same on each
run. All classes show the same texts, and no text of the test images occurs in training.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.datasets._source import ImageSource, SourceImage, SplitName
from fd2.errors import FD2Error
from fd2.runtime.seeds import numpy_generator

if TYPE_CHECKING:
    import numpy as np


def _range(description: str, maximum: float) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"type": "number", "minimum": 0, "maximum": maximum},
        "minItems": 2,
        "maxItems": 2,
        "ordered": True,
        "description": f"typefaces: least and largest {description}",
    }


SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["seed", "train_per_class", "test_per_class", "slant", "blur", "noise"],
    "properties": {
        "seed": {
            "type": "integer",
            "minimum": 0,
            "description": "typefaces: of the texts and of all that varies between images",
        },
        "train_per_class": {
            "type": "integer",
            "minimum": 2,
            "maximum": 5000,
            "description": "typefaces: training images of each of the 21 classes; more of them "
            "begin with the same ones",
        },
        "test_per_class": {
            "type": "integer",
            "minimum": 1,
            "maximum": 5000,
            "description": "typefaces: test images of each class, likewise",
        },
        "slant": {
            "type": "number",
            "minimum": 0,
            "maximum": 30,
            "description": "typefaces: largest shear of a text either way, in degrees; the oblique "
            "typefaces are sheared by 11",
        },
        "blur": _range("Gaussian blur, in pixels of an image of 64 x 64", 8),
        "noise": _range("standard deviation of the noise, in steps of 8 bits", 128),
    },
}

#: Of the fonts that matplotlib ships, those with all Latin letters as text, without symbols and
#: brackets (STIXNonUni*, STIXSiz*, *Display, cmex10, cmsy10), boxes (the last-resort font) and
#: formulas (cmmi10).
CLASSES = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSansMono", "DejaVuSansMono-Bold"),
    *("DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmb10", "cmr10", "cmss10", "cmti10", "cmtt10"),
)
FONTS = Path("mpl-data", "fonts", "ttf")
_FACTS = {
    "split_rule": "a text belongs to one split by the sha256 of its letters; equal for all classes",
    "licence": "rendered images; the fonts are shipped with matplotlib: DejaVu (Bitstream Vera "
    "licence, changes in the public domain), STIX (STIX Font License), Computer Modern (see "
    "matplotlib)",
    "attribution": "rendered by fd2 with the fonts of matplotlib, https://matplotlib.org",
}

LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOWELS = "aeiouy"
CONSONANTS = "".join(letter for letter in LETTERS if letter not in VOWELS)
#: ``c`` a consonant, ``v`` a vowel, ``l`` any letter. Most rude words of this length are a vowel
#: between consonants, so there is no such pattern.
PATTERNS = ("ll", "vcv", "lll", "cvcv")
SHARE_OF_TEST = 0.5


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List the images; they are rendered at the resolution that is asked for.

    Raises:
        FD2Error: if matplotlib or one of its fonts is missing.
    """
    from PIL import __version__ as pillow_version
    from PIL import features

    from fd2.datasets._typefaces_draw import Look, draw

    fonts = {name: _font(name, where) for name in CLASSES}
    images, text_of = [], {}
    splits: tuple[SplitName, ...] = ("train", "test")
    for split in splits:
        chosen = texts(settings["seed"], split, settings[f"{split}_per_class"])
        for class_id, font in enumerate(CLASSES):
            for number, text in enumerate(chosen):
                name = f"rendered/{split}/{font}/{number:04d}_{text}"
                # All classes show the same texts: a text must not stand on both sides of a split.
                images.append(SourceImage(fonts[font], name, class_id, split, text.lower()))
                text_of[name] = text
    facts = {
        "rendered": "short texts drawn by a program; no photographs",
        "options": {key: settings[key] for key in SETTINGS_SCHEMA["required"]},
        "matplotlib": version("matplotlib"),
        "pillow": pillow_version,
        "freetype": features.version("freetype2"),
        "fonts_sha256": {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in fonts.values()
        },
        **_FACTS,
    }
    look = Look(settings["slant"], tuple(settings["blur"]), tuple(settings["noise"]))

    def render(image: SourceImage, resolution: int) -> np.ndarray:
        # The name holds split, class, number and text: no image depends on another one.
        generator = numpy_generator("typefaces", settings["seed"], image.name)
        return draw(text_of[image.name], image.path, resolution, look, generator)

    return ImageSource(CLASSES, tuple(images), facts, render)


def _font(name: str, where: str) -> Path:
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise FD2Error("matplotlib is not installed", where, "pip install 'matplotlib>=3.9,<4'")
    path = Path(spec.origin).parent / FONTS / f"{name}.ttf"
    if not path.is_file():
        raise FD2Error(
            f"matplotlib has no font {path.name}",
            str(path.parent),
            "pip install --force-reinstall matplotlib; other packagers may leave fonts out",
        )
    return path


def texts(seed: int, split: SplitName, count: int) -> tuple[str, ...]:
    """Different texts of one split, a few thousand at most; more of them begin with the same ones.

    They have 2 to 4 letters a-z in any case. None occurs in another split, whatever seed or count.
    """
    generator = numpy_generator("typefaces", "texts", seed, split)
    alphabets = {"c": CONSONANTS, "v": VOWELS, "l": LETTERS}
    spellings: dict[str, str] = {}
    while len(spellings) < count:
        letters = [alphabets[kind] for kind in PATTERNS[generator.integers(len(PATTERNS))]]
        text = "".join(some[generator.integers(len(some))] for some in letters)
        spelling = (text, text.capitalize(), text.upper())[generator.integers(3)]
        if split_of(text) == split:
            spellings.setdefault(text, spelling)
    return tuple(spellings.values())


def split_of(text: str) -> SplitName:
    """The split that a text belongs to: decided by its own hash, so that splits are disjoint."""
    first = hashlib.sha256(text.lower().encode()).digest()[0]
    return "test" if first < 256 * SHARE_OF_TEST else "train"
