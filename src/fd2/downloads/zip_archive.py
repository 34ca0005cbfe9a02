"""Files out of a zip: stored or deflated, not encrypted, with nothing around them."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

from fd2.downloads.members import Members

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1 | 0x40
#: The last record of a zip, and its field with the number of entries; large ones stand elsewhere.
_END, _END_SIZE = b"PK\x05\x06", 22
_COUNT, _COUNTED_ELSEWHERE = slice(10, 12), 0xFFFF


def extract_zip(path: Path, members: Members) -> None:
    """Write the files of a zip; their checksums are compared.

    Raises:
        FD2Error: for an entry that is encrypted, compressed in another way or no file, or one
            that `Members` refuses.
        BadZipFile, EOFError, RuntimeError, ValueError, zlib.error, struct.error: for damage, also
            before the first and behind the last entry.
        OSError: where a file cannot be read or written.
    """
    with zipfile.ZipFile(path) as archive:
        _require_bare(path, archive)
        members.require_size(sum(entry.file_size for entry in archive.infolist()))
        for entry in archive.infolist():
            # zipfile cuts a name at a null character.
            name = entry.orig_filename
            members.path(name)
            if entry.flag_bits & _ENCRYPTED:
                raise members.refusal(name, "is encrypted")
            if entry.compress_type not in _METHODS:
                raise members.refusal(name, f"has compression method {entry.compress_type}")
            if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise members.refusal(name, "is no file")
            # This compares the name before the content with that in the listing.
            with archive.open(entry) as content:
                if not entry.is_dir():
                    members.add_file(name, content)
                elif content.read(1):
                    raise members.refusal(name, "is a folder with content")
                else:
                    members.add_folder(name)


def _require_bare(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse what zipfile passes over: one file may be another archive to another program."""
    entries = archive.infolist()
    size = _END_SIZE + len(archive.comment)
    with path.open("rb") as stream:
        stream.seek(-size, os.SEEK_END)
        end = stream.read(size)
    if not end.startswith(_END):
        raise zipfile.BadZipFile("data behind its end")
    if int.from_bytes(end[_COUNT], "little") not in (len(entries), _COUNTED_ELSEWHERE):
        raise zipfile.BadZipFile("its list is not complete")
    if entries and min(entry.header_offset for entry in entries) != 0:
        raise zipfile.BadZipFile("data before its first entry")
