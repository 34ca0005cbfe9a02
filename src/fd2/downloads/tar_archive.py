"""Files out of a tar, read once from its start to its end mark, without trusting its numbers."""

from __future__ import annotations

import gzip
import tarfile
from io import BufferedReader
from pathlib import Path, PurePosixPath

from fd2.downloads.members import BLOCK, Members

GZIP = b"\x1f\x8b"


class _Forwards:
    """The content of a tar as `tarfile` reads it: forwards, in small pieces, up to a limit."""

    def __init__(self, stream: gzip.GzipFile | BufferedReader, members: Members) -> None:
        self._stream, self._members = stream, members
        self._position = 0
        #: What was read last.
        self.last = b""

    def tell(self) -> int:
        """Bytes from the start."""
        return self._position

    def seek(self, position: int) -> None:
        """Pass over what is in between."""
        # A negative size of a member would have the same one read for ever.
        if position < self._position:
            raise tarfile.ReadError("it leads backwards")
        while self._position < position:
            if not self.read(min(BLOCK, position - self._position)):
                raise tarfile.ReadError("unexpected end of data")

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; none at the end."""
        # Headers are read as a whole, however large they say they are.
        if not 0 <= size <= BLOCK:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._stream.read(size)
        self._position += len(self.last)
        self._members.require_size(self._position)
        return self.last


def extract_tar(path: Path, members: Members) -> None:
    """Write the files of a tar, compressed by gzip or not; a link becomes a copy of its file.

    Raises:
        FD2Error: for a member that is no file, a sparse one, or one that `Members` refuses.
        TarError, BadGzipFile, EOFError, ValueError: for damage, also behind the last member.
        OSError: where a file cannot be read or written.
    """
    links: dict[str, str] = {}
    with path.open("rb") as plain:
        compressed = plain.read(len(GZIP)) == GZIP
        plain.seek(0)
        with gzip.GzipFile(fileobj=plain) if compressed else plain as stream:
            content = _Forwards(stream, members)
            archive = tarfile.TarFile(fileobj=content)  # type: ignore[arg-type]
            for member in archive:
                if member.issym() or member.islnk():
                    name = str(members.path(member.name))
                    if name in links:
                        raise members.refusal(name, "stands twice")
                    links[name] = _target(member, members)
                elif member.isdir():
                    members.add_folder(member.name)
                elif member.isreg() and not member.issparse() and member.size >= 0:
                    file = archive.extractfile(member)
                    assert file is not None
                    members.add_file(member.name, file)
                else:
                    raise members.refusal(member.name, "is no file")
            # The last header that was read is the end mark, or what tarfile takes for one.
            if content.last != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("it is cut off, or a header in it is damaged")
            # To the end, where the checksum of gzip stands.
            while rest := content.read(BLOCK):
                if rest.strip(b"\0"):
                    raise tarfile.ReadError("data behind its end mark")
    _copy(links, members)


def _target(link: tarfile.TarInfo, members: Members) -> str:
    """The name of the member that a link leads to."""
    # A hard link names a member, a symbolic one a path from its own folder.
    parts = list(PurePosixPath(link.name).parent.parts) if link.issym() else []
    for part in link.linkname.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part == ".." or link.linkname.startswith("/"):
            raise members.refusal(link.name, "links out of its folder")
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _copy(links: dict[str, str], members: Members) -> None:
    files = {}
    for name in links:
        target, steps = links[name], 0
        while target in links and steps < len(links):
            target, steps = links[target], steps + 1
        if target not in members.files:
            raise members.refusal(name, "links to no file of the archive")
        files[name] = target
    for name, target in files.items():
        members.copy_file(target, name)
