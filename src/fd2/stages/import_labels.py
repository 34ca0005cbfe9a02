"""Stage import_labels: soft labels that others stored of a set, as those of stage relabel."""

from __future__ import annotations

from pathlib import Path

from fd2.artifacts.images import read_distilled
from fd2.artifacts.label_format import LabelFormat
from fd2.artifacts.manifests import read_manifest
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import write_record
from fd2.artifacts.soft_labels import write_soft_labels
from fd2.config.imported_labels import ImportedLabelSettings
from fd2.config.label_storage import require_classes
from fd2.errors import FD2Error
from fd2.imports.class_order import class_ids
from fd2.imports.fkd_labels import foreign_order, read_fkd_labels
from fd2.imports.foreign_set import own_labels
from fd2.imports.source_files import label_files, source_files
from fd2.runtime.job import Job


def import_labels(
    settings: ImportedLabelSettings, manifest_file: Path, distilled: Path, folder: Path, job: Job
) -> None:
    """Read the labels of an imported set in FKD's layout, and write them by its images' ids.

    Raises:
        FD2Error: as `read_fkd_labels` and `own_labels`; if the set's pictures are not those that
            were imported.
    """
    manifest, images = read_manifest(manifest_file), read_distilled(distilled)
    own, count = settings.method_settings, settings.images_per_class
    digests = {str(manifest_file): manifest.digest(), str(distilled): images.metadata["manifest"]}
    classes, storage = len(manifest.classes), settings.storage
    form = LabelFormat(classes)
    if storage is not None:
        require_classes(storage.top_k, classes, settings.dataset)
        form = LabelFormat(classes, storage.top_k, storage.bits)
    pictures, labels = source_files(own, count), label_files(own, count, settings.stored_epochs)
    # Before the files are read, so that a change meanwhile shows as one.
    listing, digest = labels.listing(), labels.digest()
    if pictures.digest() != images.metadata["source"]["sha256"]:
        raise FD2Error(
            "the pictures are no longer those of the imported set",
            f"{pictures.root} and {distilled}",
            "run again: the set is then imported anew",
        )
    ids = class_ids(pictures.classes, manifest.classes, own["class_order"])
    order = foreign_order(pictures, ids)
    found = read_fkd_labels(labels, order, ids, images.images.shape[-1], form)
    share = own_labels(found.mean, images.labels, classes, str(labels.root), trusted=own["trusted"])
    print(f"{100 * share:.1f} % of the images have labels of their class", flush=True)
    manifest_digest = same_manifest(digests)
    shaped = shaped_by("import_labels", settings, manifest_digest, {"distilled": distilled})
    shaped["source"] = {"files": len(labels.files()), "sha256": digest}
    if storage is not None:
        shaped["classes"] = classes
    write_soft_labels(folder, found.augmentation, found.logits, shaped)
    result = {"soft_labels_of_own_class": share}
    facts = {"listing": listing, "result": result}
    write_record(folder / "record.json", {**record(shaped, job.facts()), **facts})
