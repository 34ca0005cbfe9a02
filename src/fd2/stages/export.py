"""Stage: one distilled set as a zip for others: pictures, a dataset card, provenance, and more."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fd2.artifacts.ddranking import FOLDER as TENSORS
from fd2.artifacts.ddranking import KNOWN, tensor_files
from fd2.artifacts.exports import IMAGES, LABELS, picture_names, write_export
from fd2.artifacts.files import file_digest, frame_text
from fd2.artifacts.images import DistilledSet, read_distilled
from fd2.artifacts.manifests import Manifest, read_manifest
from fd2.artifacts.picture_table import cell_table, picture_table, table_naming_classes
from fd2.artifacts.prepared import open_split
from fd2.artifacts.provenance import same_manifest
from fd2.artifacts.records import read_content
from fd2.artifacts.soft_labels import AUGMENTATION, LOGITS, read_soft_labels
from fd2.artifacts.tensors import read_metadata
from fd2.augment.codec import picture_of
from fd2.config import plugins
from fd2.config.datasets import refuse_whitened
from fd2.config.names import DDRANKING, WITH_LABELS, SetName
from fd2.diagnostics.nearest import nearest_facts, nearest_real, start_distances
from fd2.errors import FD2Error
from fd2.figures._drawing import picture_bytes
from fd2.report.escapes import text_templates
from fd2.stages.preview import contact_sheet
from fd2.tables.labels import row_label
from fd2.tables.set_accuracy import full_data_accuracy, set_accuracy

CARD, SHEET, TABLE = "README.md", "contact_sheet.png", f"{IMAGES}/pictures.csv"
#: By this name Hugging Face's library finds it.
NAMED_TABLE = f"{IMAGES}/metadata.parquet"
#: What each picture of a selection is made of.
CELLS = "cells.csv"
SCRIPT = "train.py"
#: Settings of section ``evaluate`` that the script takes.
TRAINING = ("epochs", "momentum", "learning_rate", "weight_decay", "eta", "temperature")
#: What rounding to 8 bits changes at most.
_ROUNDED = 0.5 / 255
#: Names of licences on Hugging Face's hub; any other text is ``other`` there.
_LICENCES = re.compile(
    r"(mit|apache-2\.0|cc0-1\.0|cc-by(-sa|-nc|-nd|-nc-sa|-nc-nd)?-[234]\.[05])(?![\w.]|-\w)"
)
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
_LARGEST_SIZE = "n>100K"


@dataclass(frozen=True)
class Sources:
    """Files that an export is made of.

    Attributes:
        distilled: the set.
        manifest: of the prepared data, with the training images beside it.
        templates: folder of the card's template, and of the script of the form ``with-labels``.
        groups: those that the set was assembled from; none for other methods.
        patches: crops of real images that the groups began from, if they are still there.
        labels: folder of the set's soft labels, for the form ``with-labels``.
        students, random, teachers: records of students of this set, of students of as many random
            real images, and of teachers, as far as they are there.
        record: of a selection, which tells what its images are made of.
    """

    distilled: Path
    manifest: Path
    templates: Path
    groups: Sequence[Path] = ()
    patches: Sequence[Path] = ()
    labels: Path | None = None
    students: Sequence[Path] = ()
    random: Sequence[Path] = ()
    teachers: Sequence[Path] = ()
    record: Path | None = None


def export(
    name: SetName,
    ipc: int,
    sources: Sources,
    output: Path,
    form: str = "",
    training: Mapping[str, Any] | None = None,
) -> None:
    """Write a zip of one folder: lossless pictures by class, a contact sheet, a card, provenance.

    The card, ``README.md``, and ``provenance.json`` quote the manifest's licence and attribution,
    what students reached, and how near each image is to a real one. A float32 set is in it as it
    is, too. Equal inputs give equal bytes with the same versions of Pillow,
    matplotlib and pyarrow.

    Args:
        name: of the set.
        ipc: images per class.
        sources: what the zip is made of.
        output: the zip.
        form: ``with-labels`` for soft labels too, the set as tensors, and a script that trains on
            them; ``ddranking`` for tensors as DD-Ranking reads them.
        training: for ``with-labels`` the settings of section ``evaluate`` that the script takes.

    Raises:
        FD2Error: if an input is missing or damaged, the inputs do not belong together, or the set
            is another than its path says.
    """
    images, manifest, steps = _open(name, ipc, sources)
    if form == DDRANKING:
        refuse_whitened(images.metadata, f"export of {name} for DD-Ranking")
    real = open_split(sources.manifest.parent, manifest, "train").verified
    nearest = nearest_real(images.pictures(), real)
    start = start_distances(images, steps, sources.patches)
    digest, data = file_digest(sources.distilled), manifest.digest()
    plugin = plugins.load("methods", name.method)
    facts: dict[str, Any] = {
        "name": asdict(name),
        "dataset": manifest.dataset,
        "classes": manifest.classes,
        "images_per_class": ipc,
        **manifest.statistics,
        "manifest": data,
        "source": manifest.source,
        "distilled_sha256": digest,
        "steps": steps,
        "students": set_accuracy(sources.students, sources.random, digest, data),
        "full_data": full_data_accuracy(sources.teachers, data),
        "real_images": plugin.KIND == "selection",
        "nearest": nearest_facts(nearest, start),
        "began_from_crops": any("patches" in step["inputs"] for step in steps),
    }
    if images.images.is_floating_point():
        clipped = (images.images - images.images.clamp(0, 1)).abs() > _ROUNDED
        facts["clipped_share"] = float(clipped.double().mean())
    more: list[tuple[str, bytes | Path]] = []
    if chosen := _chosen(sources, images):
        names = [str(entry["path"]) for entry in manifest.files["train"]]
        more.append((CELLS, frame_text(cell_table(manifest.classes, names, chosen)).encode()))
        facts["cells"] = CELLS
    if form == WITH_LABELS or images.images.is_floating_point():
        facts["set_file"] = sources.distilled.name
        more.append((sources.distilled.name, sources.distilled))
    if form == WITH_LABELS:
        facts["training"] = {key: (training or {})[key] for key in TRAINING}
        more += _label_files(sources, digest)
    if form == DDRANKING:
        known = KNOWN.get(str(manifest.source.get("kind")))
        facts["ddranking"] = known.name if known else None
        tensors = tensor_files(images, str(manifest.source.get("kind")))
        more += [(f"{TENSORS}/{file}", content) for file, content in tensors]
    top = top_folder(name, ipc, form)
    table = picture_table(manifest.classes, ipc, nearest.distances, start)
    files = _files(name, top, images, manifest, table, sources.templates, facts)
    write_export(output, top, chain(files, more), facts)


def _chosen(sources: Sources, images: DistilledSet) -> Mapping[str, Any] | None:
    """What the images are made of, where the set's record tells it."""
    if sources.record is None:
        return None
    content = read_content(sources.record)
    parts = ("settings", "inputs", "manifest")
    if any(content.get(key) != images.metadata[key] for key in parts):
        raise FD2Error(
            "the record is of another set",
            f"{sources.record} and {sources.distilled}",
            "delete both and run again; stage select_images makes them anew",
        )
    chosen: Mapping[str, Any] | None = content.get("chosen")
    return chosen


def _label_files(sources: Sources, digest: str) -> list[tuple[str, bytes | Path]]:
    """Soft labels of the set with this digest, after they were verified, and the script."""
    assert sources.labels is not None
    labels = read_soft_labels(sources.labels)
    if labels.metadata["inputs"]["distilled"] != digest:
        raise FD2Error(
            "the soft labels belong to other distilled images",
            f"{sources.labels} and {sources.distilled}",
            "delete the labels and run again; stage relabel makes them anew",
        )
    files = [(f"{LABELS}/{file}", sources.labels / file) for file in (LOGITS, AUGMENTATION)]
    return [*files, (SCRIPT, sources.templates / SCRIPT)]


def top_folder(name: SetName, ipc: int, form: str = "") -> str:
    """The name of an export's folder, e.g. ``elpv-sre2lpp-fd2-ipc5``.

    ``base`` and ``plain`` are left out.
    """
    fd2 = name.fd2 if name.fd2 != "plain" else ""
    variant = name.variant if name.variant != "base" else ""
    words = (name.dataset, name.method, fd2, variant, f"ipc{ipc}", form)
    return "-".join(word for word in words if word)


def _open(
    name: SetName, ipc: int, sources: Sources
) -> tuple[DistilledSet, Manifest, list[dict[str, Any]]]:
    """The set, its data, and the settings and digests of each step; see `export` for refusals."""
    images = read_distilled(sources.distilled)
    manifest = read_manifest(sources.manifest)
    steps = [images.metadata, *(read_metadata(path) for path in sources.groups)]
    paths = [sources.distilled, *sources.groups]
    digests = {str(p): step["manifest"] for p, step in zip(paths, steps, strict=True)}
    same_manifest({str(sources.manifest): manifest.digest(), **digests})
    wanted = (name.dataset, ipc, ipc * len(manifest.classes))
    found = (manifest.dataset, images.images_per_class, len(images.images))
    if wanted != found:
        raise FD2Error(
            f"dataset, images per class and images are {found}, not {wanted}",
            str(sources.distilled),
            "delete the file and run again; its stage makes it anew",
        )
    recorded = images.metadata["inputs"]
    groups = {f"group{i}": file_digest(path) for i, path in enumerate(sources.groups)}
    if groups and recorded != groups:
        raise FD2Error(
            "the set was assembled from other groups",
            f"{sources.distilled}; {', '.join(str(path) for path in sources.groups)}",
            "delete the set and run again; stage assemble makes it anew",
        )
    return images, manifest, steps


def _files(
    name: SetName,
    top: str,
    images: DistilledSet,
    manifest: Manifest,
    table: pd.DataFrame,
    templates: Path,
    facts: Mapping[str, Any],
) -> Iterator[tuple[str, bytes | Path]]:
    pixels = images.pictures().permute(0, 2, 3, 1).contiguous().numpy()
    card = _card(name, top, manifest, facts, pixels.shape[1:3], templates)
    yield CARD, card.encode()
    yield SHEET, picture_bytes(contact_sheet(name, images, manifest))
    yield TABLE, frame_text(table).encode()
    yield NAMED_TABLE, table_naming_classes(table, manifest.classes)
    names = picture_names(manifest.classes, images.images_per_class)
    files = [file for of_class in names for file in of_class]
    for file, picture in zip(files, pixels, strict=True):
        yield f"{IMAGES}/{file}", _png(picture)


def _card(
    name: SetName,
    top: str,
    manifest: Manifest,
    facts: Mapping[str, Any],
    size: tuple[int, ...],
    templates: Path,
) -> str:
    by_stage = {str(step["stage"]): step["settings"] for step in reversed(facts["steps"])}
    count = facts["images_per_class"] * len(manifest.classes)
    return (
        text_templates(templates)
        .get_template(f"{CARD}.j2")
        .render(
            label=row_label(name.method, name.fd2, name.variant, str(templates)),
            name=name,
            top=top,
            size=size,
            manifest=manifest,
            facts=facts,
            licence_name=licence_name(manifest.source.get("licence")),
            count=count,
            size_category=next((word for most, word in _SIZES if count < most), _LARGEST_SIZE),
            settings=json.dumps(by_stage, indent=2, sort_keys=True, ensure_ascii=False),
        )
    )


def licence_name(text: str | None) -> str:
    """A licence as Hugging Face's hub names it: ``unknown`` for none, ``other`` for other texts."""
    if not text:
        return "unknown"
    match = _LICENCES.match("-".join(str(text).lower().split()))
    return match[1] if match else "other"


def _png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    picture_of(pixels).save(stream, format="PNG")
    return stream.getvalue()
