"""Archives unpacked into a temporary folder, every member checked, then renamed in one step."""

from __future__ import annotations

import gzip
import shutil
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

from fd2.downloads.image_table import extract_images
from fd2.downloads.members import Members
from fd2.downloads.tar_archive import GZIP, extract_tar
from fd2.downloads.zip_archive import extract_zip
from fd2.errors import FD2Error

_UNREAD = "compressed by bzip2, xz, zstd, 7z or rar"
#: What a file is, by its first bytes; None for one that is copied as it is.
_FIRST_BYTES = {
    GZIP: "gzip",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"PAR1": "parquet",
    **dict.fromkeys((b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"), _UNREAD),
    **dict.fromkeys((b"7z\xbc\xaf\x27\x1c", b"Rar!"), _UNREAD),
}
#: And by the end of its name; of two that fit the first.
_NAMES = {
    **dict.fromkeys((".tar", ".tgz", ".tar.gz"), "tar"),
    ".gz": "gzip",
    ".zip": "zip",
    ".parquet": "parquet",
    **dict.fromkeys((".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar"), _UNREAD),
}
#: What the libraries raise for content that they cannot read.
_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error),
    *(EOFError, ValueError, RuntimeError, struct.error),
)


def unpack(path: Path, folder: Path, label_column: str = "label") -> None:
    """Unpack a tar, compressed by gzip or not, zip or parquet file; any other one is copied.

    The content is written to a temporary folder and renamed at the end, so that ``folder`` is
    complete or missing. An existing folder is replaced.

    Raises:
        FD2Error: for a file that is not what its name says, a damaged or encrypted archive, one
            that unpacks to more than its size explains, a member with an unsafe name or that is
            no file, or a table without images; nothing is left then.
    """
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        _extract(path, temporary, label_column)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except _DAMAGE as error:
        raise FD2Error(
            f"damaged archive: {error or type(error).__name__}",
            str(path),
            "delete it and run again; if it comes the same, fetch it from another source",
        ) from error
    except OSError as error:
        raise FD2Error(
            f"cannot be unpacked: {error.strerror or error}",
            str(path),
            "check free space (df -h, df -i) and the folder's permissions, then run again",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(path: Path, folder: Path, label_column: str) -> None:
    kind, name = _kind(path), path.name.lower()
    named = next((kind for end, kind in _NAMES.items() if name.endswith(end)), None)
    if kind == _UNREAD:
        fix = "pack its content as .tgz, or unpack it yourself and set 'local_path'"
        raise FD2Error(f"{kind}, which is not read", str(path), fix)
    if kind != named:
        raise FD2Error(
            f"its content is {kind or 'no archive'}, its name says {named or 'no archive'}",
            str(path),
            "delete it and run again, or fetch it from another source",
        )
    members = Members(path, folder)
    if kind == "tar":
        extract_tar(path, members)
    elif kind == "zip":
        extract_zip(path, members)
    elif kind == "parquet":
        extract_images(path, members, label_column)
    else:
        shutil.copy2(path, folder / path.name)
    if kind in ("tar", "zip") and not members.files:
        raise ValueError("it holds no files")


def _kind(path: Path) -> str | None:
    with path.open("rb") as stream:
        start = stream.read(tarfile.BLOCKSIZE)
    found = next((kind for first, kind in _FIRST_BYTES.items() if start.startswith(first)), None)
    if found == "gzip":
        with gzip.open(path, "rb") as unpacked:
            start = unpacked.read(tarfile.BLOCKSIZE)
    elif found is not None:
        return found
    if start == bytes(tarfile.BLOCKSIZE):
        return "tar"  # without members
    try:
        tarfile.TarInfo.frombuf(start, tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return found
    return "tar"
