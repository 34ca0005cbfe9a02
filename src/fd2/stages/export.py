"""Stage: one distilled set as a zip of pictures that any image-folder reader opens."""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fd2.artifacts.exports import write_export
from fd2.artifacts.files import file_digest, frame_text
from fd2.artifacts.images import read_distilled
from fd2.artifacts.manifests import Manifest, read_manifest
from fd2.artifacts.provenance import same_manifest
from fd2.artifacts.tensors import read_metadata
from fd2.config.names import SetName
from fd2.engine.codec import picture_of
from fd2.errors import FD2Error
from fd2.report.escapes import text_templates
from fd2.tables.labels import row_label
from fd2.tables.picture_cost import picture_cost

#: Marks that are safe in a file name on every system, beside letters and digits.
_SAFE_MARKS = "-_.+() "
_NAME_BYTES = 100
_UNNAMED = "class"
#: What rounding to 8 bits changes at most.
_ROUNDED = 0.5 / 255


def export(
    name: SetName,
    ipc: int,
    distilled: Path,
    manifest: Path,
    groups: Sequence[Path],
    card: Path,
    output: Path,
    students: Sequence[Path] = (),
) -> None:
    """Write a zip: a folder of lossless PNG files a class, labels, a card and provenance.

    The card, ``README.txt``, and ``provenance.json`` quote the manifest's licence and attribution.
    Equal inputs give equal bytes with the same version of Pillow. The group files are those that
    the set was assembled from; none for other methods.

    A float32 set is in it as it is, too, and the card says what its pictures cost: the share of
    pixels that are clipped, and accuracies from the records of ``students`` of this set.

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
    facts: dict[str, Any] = {
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
    whole = []
    if images.images.is_floating_point():
        clipped = (images.images - images.images.clamp(0, 1)).abs() > _ROUNDED
        facts["set_file"] = distilled.name
        facts["clipped_share"] = float(clipped.double().mean())
        facts["students"] = picture_cost(students, facts["distilled_sha256"])
        whole = [(distilled.name, distilled.read_bytes())]
    pixels = images.pictures().permute(0, 2, 3, 1).contiguous().numpy()
    files = [
        f"{folder}/slot{slot:03d}.png"
        for folder in folder_names(described.classes)
        for slot in range(ipc)
    ]
    texts = {
        "README.txt": _card(card, name, described, facts, pixels.shape[1:3]),
        "labels.csv": _labels(files, described.classes, ipc),
    }
    pictures = zip(files, map(_png, pixels), strict=True)
    encoded = ((entry, text.encode()) for entry, text in texts.items())
    write_export(output, chain(encoded, whole, pictures), facts)


def _card(
    template: Path,
    name: SetName,
    manifest: Manifest,
    provenance: Mapping[str, Any],
    size: tuple[int, ...],
) -> str:
    by_stage = {str(step["stage"]): step["settings"] for step in reversed(provenance["steps"])}
    card = text_templates(template.parent).get_template(template.name)
    return card.render(
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
    lines = [
        (file, row // images_per_class, classes[row // images_per_class], row % images_per_class)
        for row, file in enumerate(files)
    ]
    return frame_text(pd.DataFrame(lines, columns=["file", "class_index", "class_name", "slot"]))


def _png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    picture_of(pixels).save(stream, format="PNG")
    return stream.getvalue()


def _json(value: Mapping[str, Any], indent: int) -> str:
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False)
