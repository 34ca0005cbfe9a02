"""What is known of a file before it is fetched, and of one that lies here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Archive:
    """A file of a dataset and where it can be had.

    Attributes:
        name: file name, also the last part of its URL on a user's mirror.
        urls: mirrors in the order they are tried.
        sizes: bytes of the known versions; empty where they are not known.
        sha256: of the known versions, in hexadecimal.
        md5: likewise; a file passes by either. Without any digest the size is all that is checked
            here, and the dataset checks its structure later.
        label_column: of a parquet file, the column that holds the classes.
    """

    name: str
    urls: tuple[str, ...]
    sizes: tuple[int, ...] = ()
    sha256: tuple[str, ...] = ()
    md5: tuple[str, ...] = ()
    label_column: str = "label"

    @classmethod
    def in_folders(cls, name: str, *folders: str, **known: Any) -> Archive:
        """The file in folders of servers; ``known`` are the other attributes."""
        return cls(name, tuple(f"{folder.rstrip('/')}/{name}" for folder in folders), **known)

    @property
    def identified(self) -> bool:
        """Whether a digest is known to check a copy by."""
        return bool(self.sha256 or self.md5)

    @property
    def stem(self) -> str:
        """The name without its suffix: the folder of the content once it is unpacked."""
        return PurePath(self.name.removesuffix(".gz")).stem


@dataclass(frozen=True)
class Identity:
    """What a file is: its size in bytes, and its digests in hexadecimal."""

    size: int
    sha256: str
    md5: str

    def fault(self, archive: Archive) -> str | None:
        """Why this is none of the archive's known versions; None if it is one."""
        if archive.sizes and self.size not in archive.sizes:
            return f"{self.size} bytes, not {_either(archive.sizes)}"
        if not archive.identified or self.sha256 in archive.sha256 or self.md5 in archive.md5:
            return None
        if archive.sha256:
            return f"sha256 {self.sha256}, not {_either(archive.sha256)}"
        return f"md5 {self.md5}, not {_either(archive.md5)}"


def identify(path: Path) -> Identity:
    """Size and digests, in one pass over the file."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            size += len(block)
            sha256.update(block)
            md5.update(block)
    return Identity(size, sha256.hexdigest(), md5.hexdigest())


def _either(known: tuple[object, ...]) -> str:
    return " or ".join(str(value) for value in known)
