"""Texts of the rendered dataset: pronounceable syllables and short runs of letters."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from fd2.datasets._source import SplitName
from fd2.runtime.seeds import numpy_generator

if TYPE_CHECKING:
    import numpy as np

LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOWELS = "aeiouy"
CONSONANTS = "".join(letter for letter in LETTERS if letter not in VOWELS)
#: What a text is made of: ``c`` a consonant, ``v`` a vowel, ``l`` any letter. Most
#: rude words of this length are a vowel between consonants, so there is no such pattern.
PATTERNS = ("ll", "vcv", "lll", "cvcv")
SHARE_OF_TEST = 0.5


def texts(seed: int, split: SplitName, count: int) -> tuple[str, ...]:
    """Different texts of one split, a few thousand at most; more of them begin with the same ones.

    They have 2 to 4 letters a-z, in small letters, in capitals, or with one capital first. None
    occurs in another split, in any spelling, whatever seed or count.
    """
    generator = numpy_generator("typefaces", "texts", seed, split)
    spellings: dict[str, str] = {}
    while len(spellings) < count:
        text = _text(generator)
        spelling = (text, text.capitalize(), text.upper())[generator.integers(3)]
        if split_of(text) == split:
            spellings.setdefault(text, spelling)
    return tuple(spellings.values())


def split_of(text: str) -> SplitName:
    """The split that a text belongs to: decided by its own hash, so that splits are disjoint."""
    first = hashlib.sha256(text.lower().encode()).digest()[0]
    return "test" if first < 256 * SHARE_OF_TEST else "train"


def _text(generator: np.random.Generator) -> str:
    alphabets = {"c": CONSONANTS, "v": VOWELS, "l": LETTERS}
    pattern = PATTERNS[generator.integers(len(PATTERNS))]
    return "".join(alphabets[kind][generator.integers(len(alphabets[kind]))] for kind in pattern)
