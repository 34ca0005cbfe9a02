"""A dataset kind's folder of unpacked archives, each with a note of where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fd2.artifacts.records import read_content, write_record
from fd2.downloads.archive import Archive, Identity
from fd2.downloads.transfer import fetch
from fd2.downloads.unpack import unpack
from fd2.errors import FD2Error, suggest


def redirected(archive: Archive, mirrors: Sequence[str], sha256: Mapping[str, str]) -> Archive:
    """The archive at a user's own servers.

    ``mirrors`` are addresses of folders; if there are any, they replace the known ones. A digest,
    by archive name, replaces known sizes and digests.
    """
    if mirrors:
        archive = replace(archive, urls=Archive.in_folders(archive.name, *mirrors).urls)
    digest = sha256.get(archive.name)
    return replace(archive, sizes=(), sha256=(digest,), md5=()) if digest else archive


def obtain(routes: Sequence[Sequence[Archive]], folder: Path, where: str) -> list[dict[str, Any]]:
    """Have all archives of the first route that works unpacked in ``folder``.

    An archive gets a folder named by its stem, and a note beside it; then its file is removed. One
    that was unpacked before is not fetched again.

    Returns:
        The notes: for each archive its name, size, sha256, md5, and the mirror.

    Raises:
        FD2Error: if no route works; names every failure.
    """
    failures: list[FD2Error] = []
    for route in routes:
        try:
            return [_obtain_one(archive, folder) for archive in route]
        except FD2Error as error:
            failures.append(error)
            print(f"error: {error}", flush=True)
    if len(failures) == 1:
        raise failures[0]
    raise FD2Error(
        "\n  ".join(error.what for error in failures),
        f"{folder} ({where})",
        "; or ".join(dict.fromkeys(error.fix for error in failures)),
    )


def check_names(routes: Sequence[Sequence[Archive]], names: Sequence[str], where: str) -> None:
    """Refuse digests of files that are not among the archives.

    Raises:
        FD2Error: names the nearest.
    """
    known = [archive.name for route in routes for archive in route]
    for name in names:
        if name not in known:
            raise FD2Error(f"no archive '{name}'", where, suggest(name, known))


def _obtain_one(archive: Archive, folder: Path) -> dict[str, Any]:
    target = folder / archive.stem
    note = folder / f"{archive.stem}.json"
    if target.is_dir() and (earlier := _noted(archive, note)) is not None:
        print(f"{archive.name}: unpacked already", flush=True)
        return earlier
    fetched = fetch(archive, folder)
    note.unlink(missing_ok=True)
    unpack(fetched.path, target, archive.label_column)
    content = {"name": archive.name, "url": fetched.url, **asdict(fetched.identity)}
    write_record(note, content)
    fetched.path.unlink()
    return content


def _noted(archive: Archive, note: Path) -> dict[str, Any] | None:
    """The note of an unpacked archive, if that is one of the versions asked for today."""
    try:
        content = read_content(note)
        found = {key: content[key] for key in ("name", "url", "size", "sha256", "md5")}
    except (FD2Error, KeyError):
        return None
    identity = Identity(found["size"], found["sha256"], found["md5"])
    return found if found["name"] == archive.name and not identity.fault(archive) else None
