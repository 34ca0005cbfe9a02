"""The members of an archive: safe names, each once, and no more of them than its size explains."""

from __future__ import annotations

import unicodedata
from pathlib import Path, PurePosixPath
from typing import IO

from fd2.errors import FD2Error

#: What an archive may unpack to: pictures hardly compress, lists and headers do.
_BYTES, _BYTES_PER_BYTE = 64 << 20, 10
_MEMBERS, _BYTES_PER_MEMBER = 100_000, 32
_LONGEST_PART, _LONGEST = 255, 1024
_SHOWN = 80
BLOCK = 1 << 20


class Members:
    """Writes the members of one archive into a folder of its own.

    Attributes:
        folder: where they are written.
        limit: bytes that all of them may take.
        files: names of those that were written.
    """

    def __init__(self, archive: Path, folder: Path) -> None:
        self._archive, self.folder = archive, folder
        size = archive.stat().st_size
        self.limit = _BYTES + _BYTES_PER_BYTE * size
        self._most = _MEMBERS + size // _BYTES_PER_MEMBER
        self._spellings: dict[str, str] = {}
        self._bytes = 0
        self.files: set[str] = set()

    def add_folder(self, name: str) -> None:
        """Make a folder; one may be named several times.

        Raises:
            FD2Error: for a name that is not safe, or is another member's.
        """
        path = self.path(name)
        if str(path) in self.files:
            raise self.refusal(name, "stands twice")
        (self.folder / path).mkdir(parents=True, exist_ok=True)

    def add_file(self, name: str, content: IO[bytes]) -> None:
        """Write a file, and the folders above it.

        Raises:
            FD2Error: for a name that is not safe, or is another member's, or if the archive
                unpacks to more than its size explains.
            OSError: if it cannot be written.
        """
        path = self.path(name)
        target = self.folder / path
        if target.exists():
            raise self.refusal(name, "stands twice")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as stream:
            while block := content.read(BLOCK):
                self._bytes += len(block)
                self.require_size(self._bytes)
                stream.write(block)
        self.files.add(str(path))

    def copy_file(self, source: str, name: str) -> None:
        """Write a file that the archive has as a link to another, see `add_file`."""
        with (self.folder / source).open("rb") as content:
            self.add_file(name, content)

    def path(self, name: str) -> PurePosixPath:
        """A member's path below the folder.

        Raises:
            FD2Error: for a name that is empty, too long, leads out of the folder, holds what no
                file name should, or differs in case alone from another.
        """
        if not name:
            raise self.refusal(name, "has no name")
        if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
            raise self.refusal(name, "has a name with control characters, or not in UTF-8")
        path = PurePosixPath(name)
        # A backslash divides folders on some systems.
        if path.is_absolute() or ".." in path.parts or "\\" in name or name[1:2] == ":":
            raise self.refusal(name, "would be written outside its folder")
        longest = max((len(part.encode()) for part in path.parts), default=0)
        if longest > _LONGEST_PART or len(name) > _LONGEST:
            raise self.refusal(name, "has too long a name")
        for above in (*reversed(path.parents), path):
            self._claim(str(above), name)
        return path

    def _claim(self, path: str, name: str) -> None:
        """Note a path, so that no other one is the same to a system that knows no case."""
        key = unicodedata.normalize("NFC", path).casefold()
        first = self._spellings.setdefault(key, path)
        if first != path:
            raise self.refusal(name, f"differs from {first[:_SHOWN]!r} in case or accents alone")
        if path in self.files and path != str(PurePosixPath(name)):
            raise self.refusal(name, "lies below a file")
        if len(self._spellings) > self._most:
            self._too_large(f"more than {self._most} members")

    def require_size(self, count: int) -> None:
        """Refuse so many bytes in all.

        Raises:
            FD2Error: if they are beyond the limit.
        """
        if count > self.limit:
            self._too_large(f"more than {self.limit} bytes")

    def _too_large(self, what: str) -> None:
        raise FD2Error(
            f"unpacks to {what}, which its size does not explain",
            str(self._archive),
            "if you trust it, unpack it yourself and set 'local_path' to the folder",
        )

    def refusal(self, name: str, reason: str) -> FD2Error:
        """The error for one member."""
        shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
        return FD2Error(
            f"member {shown!r} {reason}",
            str(self._archive),
            "do not use this archive; fetch it from another source",
        )
