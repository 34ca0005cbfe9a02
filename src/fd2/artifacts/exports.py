"""Exported sets: one folder in a zip, whose provenance holds a digest of each of its files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from fd2.artifacts.class_folders import folder_names
from fd2.artifacts.files import atomic_write, cannot_read, damaged, parse_json
from fd2.artifacts.identity import signed, verified
from fd2.config.datasets import ZCA
from fd2.errors import FD2Error

if TYPE_CHECKING:
    from fd2.artifacts.images import DistilledSet

PROVENANCE = "provenance.json"
#: Folders of the pictures and of soft labels.
IMAGES, LABELS = "images", "labels"
_DIGEST, _FILES = "provenance_sha256", "files_sha256"
#: The earliest time that a zip can hold: equal sets give equal bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX, _READABLE = 3, 0o100644 << 16


def write_export(
    path: str | Path, top: str, files: Iterable[tuple[str, bytes | Path]], facts: Mapping[str, Any]
) -> None:
    """Write files into one folder, in their order, and last the facts with a digest of each file.

    Args:
        path: of the zip.
        top: name of the folder.
        files: name below the folder, and content or the file that holds it.
        facts: anything that JSON holds.
    """
    digests: dict[str, str] = {}
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in files:
            digests[name] = _add(archive, f"{top}/{name}", content)
        text = json.dumps(
            signed(path, {**facts, _FILES: digests}, _DIGEST),
            indent=1,
            sort_keys=True,
            ensure_ascii=False,
        )
        _add(archive, f"{top}/{PROVENANCE}", f"{text}\n".encode())


def _add(archive: zipfile.ZipFile, name: str, content: bytes | Path) -> str:
    """Store one file, and return its sha256.

    PNG is compressed already, and stored text does not depend on zlib.
    """
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system, entry.external_attr = _UNIX, _READABLE
    if isinstance(content, bytes):
        archive.writestr(entry, content)
        return hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256()
    entry.file_size = content.stat().st_size
    with content.open("rb") as source, archive.open(entry, "w") as target:
        while block := source.read(1 << 20):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()


def read_export(path: str | Path) -> dict[str, Any]:
    """The facts of an export, a zip or its unpacked folder, after its files were verified.

    A folder may hold other files beside, a zip may not.

    Raises:
        FD2Error: if it is missing or damaged, holds other files, or is another export than its
            path says.
    """
    try:
        if Path(path).is_dir():
            return _facts(path, None, lambda name: (Path(path) / name).open("rb"))
        with zipfile.ZipFile(path) as archive:
            top = _top(path, archive)
            names = [name for name in archive.namelist() if not name.endswith("/")]
            inside = sorted(PurePosixPath(name).relative_to(top).as_posix() for name in names)
            return _facts(path, inside, lambda name: archive.open((top / name).as_posix()))
    except OSError as error:
        raise cannot_read(path, error) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise damaged(path, str(error)) from error


@contextlib.contextmanager
def unpacked_export(path: str | Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folder of an export that was verified, and its facts; of a zip a temporary folder.

    Raises:
        FD2Error: as `read_export`.
    """
    facts = read_export(path)
    if Path(path).is_dir():
        yield Path(path), facts
        return
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        yield Path(folder) / _top(path, archive), facts


def exported_set(folder: Path, facts: Mapping[str, Any]) -> DistilledSet:
    """The set in a folder of `unpacked_export`: as it was where the folder holds it, or pictures.

    Raises:
        FD2Error: if a picture cannot be read, or has not the size and channels of the others.
    """
    import numpy as np
    import torch
    from PIL import Image

    from fd2.artifacts.images import DistilledSet, read_distilled

    if "set_file" in facts:
        return read_distilled(folder / facts["set_file"])
    count, mode = int(facts["images_per_class"]), "RGB" if len(facts["mean"]) == 3 else "L"
    files = [
        folder / IMAGES / name
        for of_class in picture_names(facts["classes"], count)
        for name in of_class
    ]
    pictures = []
    for file in files:
        try:
            with Image.open(file) as picture:
                pictures.append(np.asarray(picture))
                if picture.mode != mode or pictures[-1].shape != pictures[0].shape:
                    raise damaged(file, f"{picture.mode} {picture.size}, unlike the others")
        except (OSError, SyntaxError) as error:
            raise damaged(file, str(error)) from error
    pixels = torch.from_numpy(np.stack(pictures)).reshape(len(files), *pictures[0].shape[:2], -1)
    labels = torch.arange(len(facts["classes"])).repeat_interleave(count)
    metadata = {key: facts[key] for key in ("mean", "std", ZCA, "manifest") if key in facts}
    return DistilledSet(pixels.permute(0, 3, 1, 2).contiguous(), labels, count, metadata)


def picture_names(classes: Iterable[str], images_per_class: int) -> list[list[str]]:
    """For each class the files of its pictures below `IMAGES`, by slot."""
    return [
        [f"{folder}/slot{slot:03d}.png" for slot in range(images_per_class)]
        for folder in folder_names(list(classes))
    ]


def _top(path: str | Path, archive: zipfile.ZipFile) -> PurePosixPath:
    """The folder of the provenance, which holds all files of an archive."""
    found = [PurePosixPath(name) for name in archive.namelist()]
    tops = [name.parent for name in found if name.name == PROVENANCE and len(name.parts) <= 2]
    if len(tops) != 1:
        raise damaged(path, f"it holds no {PROVENANCE}")
    return tops[0]


def _facts(
    path: str | Path, inside: list[str] | None, opened: Callable[[str], Any]
) -> dict[str, Any]:
    """Verified facts.

    Args:
        path: of the export.
        inside: names of all files in it; None where others may be.
        opened: opens a file by its name, for bytes.
    """
    try:
        with opened(PROVENANCE) as stream:
            text = stream.read()
    except FileNotFoundError as error:
        fix = "name the folder that an export's zip unpacks to, which holds its README.md"
        raise FD2Error(f"no {PROVENANCE} in it", str(path), fix) from error
    facts = verified(path, parse_json(text, path), _DIGEST)
    digests = facts.pop(_FILES, None)
    if not isinstance(digests, dict) or inside not in (None, sorted([*digests, PROVENANCE])):
        raise damaged(path, "its digests are not of the files in it")
    for name, digest in digests.items():
        try:
            # Soft labels may be larger than memory.
            with opened(name) as stream:
                fits = hashlib.file_digest(stream, "sha256").hexdigest() == digest
        except FileNotFoundError as error:
            raise damaged(path, f"'{name}' is not in it") from error
        if not fits:
            raise damaged(path, f"the digest of '{name}' does not fit")
    return facts
