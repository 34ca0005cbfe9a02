"""JSON files with a digest of their content: cells, metrics of teachers, provenance."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fd2.artifacts.files import canonical_json, damaged, read_json, write_json
from fd2.artifacts.identity import artefact_name, require_own_place

_DIGEST = "record_sha256"
_NAME = "artefact"
#: Files of the first format have no digests of their content.
FIRST_WITH_DIGESTS = 2


def write_record(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write indented JSON with its digest and the artefact's name, whole or not at all."""
    named = {**content, _NAME: artefact_name(path)}
    # As it will be read: numbers as keys become words, and sort as such.
    plain = json.loads(json.dumps(named))
    write_json(path, {**named, _DIGEST: _digest(plain)})


def read_record(path: str | Path) -> dict[str, Any]:
    """Read and verify a file of `write_record`.

    Raises:
        FD2Error: if it is missing or damaged, or is another artefact than its path says.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise damaged(path, "not a record")
    digest = content.pop(_DIGEST, None)
    if digest is None and content.get("format", 1) < FIRST_WITH_DIGESTS:
        return content
    if digest != _digest(content):
        raise damaged(path, "the digest of its content does not fit")
    require_own_place(path, content.pop(_NAME, None))
    return content


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()
