"""Folders whose names say which split they hold: train, Testing, val-set."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["train", "test", "validation"]
_ROLES: dict[str, Role] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("test", "testing", "tests", "tst"), "test"),
    **dict.fromkeys(("eval", "evaluation", "holdout", "heldout"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "validate"), "validation"),
    **dict.fromkeys(("dev", "devel", "development"), "validation"),
}
#: Words that a split's name goes with.
_FILLING = r"(set|data|dataset|split|folder|images?|imgs?|pictures?|photos?)"


def role_of(name: str) -> Role | None:
    """The split that a folder's name means, in any case; None for other names."""
    word = unicodedata.normalize("NFKC", name).casefold()
    words = [part for part in re.split(r"[\W_]+", word) if part]
    kept = "".join(part for part in words if not re.fullmatch(_FILLING, part))
    return _ROLES.get(kept) or _ROLES.get(re.sub(_FILLING + r"$|(19|20)\d\d$", "", kept))


def hints_at_split(name: str) -> bool:
    """Whether one of a name's words is a split's, as in ``01_train`` or ``test_v2``."""
    word = unicodedata.normalize("NFKC", name).casefold()
    return any(part in _ROLES for part in re.split(r"[\W_]+", word))


@dataclass(frozen=True)
class SplitFolders:
    """Folders by the split that their names mean, and the others."""

    train: tuple[Path, ...]
    test: tuple[Path, ...]
    validation: tuple[Path, ...]
    others: tuple[Path, ...]

    @property
    def tested(self) -> tuple[Path, ...]:
        """The test folders, or where there is none, the validation folders."""
        return self.test or self.validation

    @property
    def complete(self) -> bool:
        """Whether there is one to train on and one to test on."""
        return bool(self.train and self.tested)


def split_folders(folders: Sequence[Path]) -> SplitFolders:
    """Sort folders by their roles."""

    def of(role: Role | None) -> tuple[Path, ...]:
        return tuple(folder for folder in folders if role_of(folder.name) == role)

    return SplitFolders(of("train"), of("test"), of("validation"), of(None))
