"""Exported sets: a zip whose provenance holds a digest of each of its files."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fd2.artifacts.files import atomic_write, cannot_read, damaged, parse_json
from fd2.artifacts.identity import signed, verified

PROVENANCE = "provenance.json"
_DIGEST, _FILES = "provenance_sha256", "files_sha256"
#: The earliest time that a zip can hold: equal sets give equal bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX, _READABLE = 3, 0o100644 << 16


def write_export(
    path: str | Path, files: Iterable[tuple[str, bytes]], facts: Mapping[str, Any]
) -> None:
    """Write files by name, in their order, and last the facts with a digest of each file."""
    digests: dict[str, str] = {}
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in files:
            digests[name] = hashlib.sha256(content).hexdigest()
            _add(archive, name, content)
        text = json.dumps(
            signed(path, {**facts, _FILES: digests}, _DIGEST),
            indent=1,
            sort_keys=True,
            ensure_ascii=False,
        )
        _add(archive, PROVENANCE, f"{text}\n".encode())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Store one file; PNG is compressed already, and stored text does not depend on zlib."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system, entry.external_attr = _UNIX, _READABLE
    archive.writestr(entry, content)


def read_export(path: str | Path) -> dict[str, Any]:
    """The facts in a file of `write_export`, after all of its files were compared with them.

    Raises:
        FD2Error: if it is missing or damaged, holds other files, or is another export than its
            path says.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if PROVENANCE not in names:
                raise damaged(path, f"it holds no {PROVENANCE}")
            facts = verified(path, parse_json(archive.read(PROVENANCE), path), _DIGEST)
            digests = facts.pop(_FILES, None)
            if not isinstance(digests, dict) or sorted(names) != sorted([*digests, PROVENANCE]):
                raise damaged(path, "its digests are not of the files in it")
            for name, digest in digests.items():
                if hashlib.sha256(archive.read(name)).hexdigest() != digest:
                    raise damaged(path, f"the digest of '{name}' does not fit")
    except OSError as error:
        raise cannot_read(path, error) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise damaged(path, str(error)) from error
    return facts
