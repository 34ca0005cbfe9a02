"""Stage: one distilled set as a zip of pictures that any image-folder reader opens."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from fd2.artifacts.files import atomic_write, file_digest
from fd2.artifacts.images import read_distilled
from fd2.artifacts.prepared import Manifest, read_manifest
from fd2.artifacts.provenance import same_manifest
from fd2.artifacts.tensors import read_metadata
from fd2.config.names import SetName
from fd2.engine.codec import picture_of
from fd2.errors import FD2Error
from fd2.tables.labels import row_label

#: The earliest time that a zip can hold: equal sets give equal bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX, _READABLE = 3, 0o100644 << 16
#: Marks that are safe in a file name on every system, beside letters and digits.
_SAFE_MARKS = "-_.+() "
_NAME_BYTES = 100
_UNNAMED = "class"


def export(
    name: SetName,
    ipc: int,
    distilled: Path,
    manifest: Path,
    groups: Sequence[Path],
    card: Path,
    output: Path,
) -> None:
    """Write a zip: a folder of lossless PNG files a class, labels, a card and provenance.

    The card, ``README.txt``, and ``provenance.json`` quote the manifest's licence and attribution.
    Equal inputs give equal bytes with the same version of Pillow. The group files are those that
    the set was assembled from; none for a selecting method.

    Raises:
        FD2Error: if an input is missing or damaged, the inputs do not belong together, or the set
            is another than its path says.
    """
    images = read_distilled(distilled)
    described = read_manifest(manifest)
    steps = [images.metadata, *(read_metadata(path) for path in groups)]
    paths = [distilled, *groups]
    digests = {str(p): step["manifest"] for p, step in zip(paths, steps, strict=True)}
    same_manifest({str(manifest): described.digest(), **digests})
    wanted = (name.dataset, ipc, ipc * len(described.classes))
    found = (described.dataset, images.images_per_class, len(images.images))
    if wanted != found:
        raise FD2Error(
            f"dataset, images per class and images are {found}, not {wanted}",
            str(distilled),
            "delete the file and run again; its stage makes it anew",
        )
    recorded = images.metadata["inputs"]
    if groups and recorded != {f"group{i}": file_digest(p) for i, p in enumerate(groups)}:
        raise FD2Error(
            "the set was assembled from other groups",
            f"{distilled}; {', '.join(str(path) for path in groups)}",
            "delete the set and run again; stage assemble makes it anew",
        )
    facts = {
        "dataset": described.dataset,
        "classes": described.classes,
        "images_per_class": ipc,
        "mean": described.mean,
        "std": described.std,
        "manifest": described.digest(),
        "source": described.source,
        "distilled_sha256": file_digest(distilled),
        "steps": steps,
    }
    pixels = images.images.permute(0, 2, 3, 1).contiguous().numpy()
    files = [
        f"{folder}/slot{slot:03d}.png"
        for folder in folder_names(described.classes)
        for slot in range(ipc)
    ]
    texts = {
        "README.txt": _card(card, name, described, facts, pixels.shape[1:3]),
        "labels.csv": _labels(files, described.classes, ipc),
        "provenance.json": _json(facts, indent=1) + "\n",
    }
    with atomic_write(output) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for entry, text in texts.items():
            _add(archive, entry, text.encode())
        for file, picture in zip(files, pixels, strict=True):
            stream = io.BytesIO()
            picture_of(picture).save(stream, format="PNG")
            _add(archive, file, stream.getvalue())


def _card(
    template: Path,
    name: SetName,
    manifest: Manifest,
    provenance: Mapping[str, Any],
    size: tuple[int, ...],
) -> str:
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    by_stage = {str(step["stage"]): step["settings"] for step in reversed(provenance["steps"])}
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        label=row_label(name.method, name.fd2, "base", str(template)),
        name=name,
        size=size,
        manifest=manifest,
        provenance=provenance,
        settings=_json(by_stage, indent=2),
    )


def folder_names(classes: Sequence[str]) -> list[str]:
    """``{index}_{name}`` of each class, the index with at least three digits.

    Their order as text is that of the indices. The index keeps names apart that become the same,
    and no name can leave the folder or be hidden.
    """
    digits = max(3, len(str(len(classes) - 1)))
    return [f"{index:0{digits}d}_{safe_name(name)}" for index, name in enumerate(classes)]


def safe_name(name: str) -> str:
    """A name without what a path cannot hold everywhere.

    Letters, marks and digits of any script and ``-_.+()`` and blanks stay, all else becomes ``_``;
    no dots or blanks at either end; at most 100 bytes of UTF-8; never empty.
    """
    text = unicodedata.normalize("NFC", name)
    kept = "".join(
        c if unicodedata.category(c)[0] in "LMN" or c in _SAFE_MARKS else "_" for c in text
    )
    cut = kept.strip(". ").encode()[:_NAME_BYTES].decode(errors="ignore")
    return cut.strip(". ") or _UNNAMED


def _labels(files: Sequence[str], classes: Sequence[str], images_per_class: int) -> str:
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(("file", "class_index", "class_name", "slot"))
    for row, file in enumerate(files):
        index, slot = divmod(row, images_per_class)
        rows.writerow((file, index, classes[index], slot))
    return stream.getvalue()


def _json(value: Mapping[str, Any], indent: int) -> str:
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Store one file; PNG is compressed already, and stored text does not depend on zlib."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system, entry.external_attr = _UNIX, _READABLE
    archive.writestr(entry, content)
