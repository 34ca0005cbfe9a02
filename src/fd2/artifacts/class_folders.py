"""Folder names for classes: safe on every system, and in the order of the class indices."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

#: Marks that are safe in a file name on every system, beside letters and digits.
_SAFE_MARKS = "-_.+() "
_NAME_BYTES = 100
_UNNAMED = "class"


def folder_names(classes: Sequence[str]) -> list[str]:
    """``{index}_{name}`` of each class, the index with at least three digits.

    Their order as text is that of the indices. The index keeps names apart that become the same,
    and no name can leave the folder or be hidden.
    """
    digits = max(3, len(str(len(classes) - 1)))
    return [f"{index:0{digits}d}_{safe_name(name)}" for index, name in enumerate(classes)]


def safe_name(name: str) -> str:
    """A name without what a path cannot hold everywhere.

    Letters, marks and digits of any script and ``-_.+()`` and blanks stay, all else becomes ``_``;
    no dots or blanks at either end; at most 100 bytes of UTF-8; never empty.
    """
    text = unicodedata.normalize("NFC", name)
    kept = "".join(
        c if unicodedata.category(c)[0] in "LMN" or c in _SAFE_MARKS else "_" for c in text
    )
    cut = kept.strip(". ").encode()[:_NAME_BYTES].decode(errors="ignore")
    return cut.strip(". ") or _UNNAMED
