"""Archives unpacked into a temporary folder, every member checked, then renamed in one step."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from fd2.downloads.image_table import extract_images, is_image_table
from fd2.errors import FD2Error


def unpack(path: Path, folder: Path, label_column: str = "label") -> None:
    """Unpack a tar, zip or parquet file into ``folder``; any other file is copied there.

    The kind of a file shows in its content, not in its name. The content is written to a temporary
    folder beside ``folder`` and renamed at the end, so that ``folder`` is complete or missing. An
    existing folder is replaced.

    Raises:
        FD2Error: for a damaged archive, a member that is absolute, leads out of the folder, links
            out of it, or is a device, or a table without images; nothing is left then.
    """
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        _extract(path, temporary, label_column)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise FD2Error(
            f"cannot be unpacked: {error or type(error).__name__}",
            str(path),
            "check free space (df -h, df -i); if there is enough, delete the archive and run again",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(path: Path, folder: Path, label_column: str) -> None:
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            # The filter refuses what leads out, and devices; but it would strip a leading slash.
            for member in archive:
                _check_name(member.name, path)
                try:
                    archive.extract(member, folder, filter="data")
                except tarfile.FilterError as error:
                    raise _unsafe(member.name, path) from error
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as zipped:
            for entry in zipped.infolist():
                _check_name(entry.filename, path)
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise _unsafe(entry.filename, path)
                zipped.extract(entry, folder)
    elif is_image_table(path):
        extract_images(path, folder, label_column)
    else:
        shutil.copy2(path, folder / path.name)


def _check_name(name: str, path: Path) -> None:
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or name[1:2] == ":":
        raise _unsafe(name, path)


def _unsafe(name: str, path: Path) -> FD2Error:
    return FD2Error(
        f"member {name!r} would be written outside its folder, or is no file",
        str(path),
        "do not use this archive; fetch it from another source",
    )
