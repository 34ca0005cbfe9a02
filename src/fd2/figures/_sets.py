"""Sets as a network sees them, for figures: settings, input paths, and reading. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.config.cells import FULL_DATA
from fd2.config.diagnostic_sheets import Diagnosis
from fd2.figures._rows import DATASET, IPC, ROWS, row_key
from fd2.reporting.labels import set_label

if TYPE_CHECKING:
    import numpy as np

    from fd2.artifacts.prepared import Manifest

#: What every figure of diagnosed sets is asked; a row's method may be ``full``, the real images.
PROPERTIES: dict[str, Any] = {
    "dataset": DATASET,
    "ipc": IPC,
    "backbone": {"type": "string", "description": "Backbone of the network that looks."},
    "training": {
        "type": "string",
        "description": "Its training as in its file's name, such as cal or plain.",
    },
    "rows": ROWS,
}


@dataclass(frozen=True)
class DiagnosedSet:
    """One set in a network's feature space; arrays as `fd2.stages.diagnose` describes them.

    Attributes:
        label: the set's name for readers.
        features: float32 ``[N, D]``.
        labels, ids: int64 ``[N]``.
        nearest_distances: float64 ``[C]``.
        nearest_classes: int64 ``[C]``.
    """

    label: str
    features: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    nearest_distances: np.ndarray
    nearest_classes: np.ndarray


def diagnosis_inputs(spec: Mapping[str, Any]) -> dict[str, list[str]]:
    """Paths below the results folder: each row's diagnosis, and the manifest."""
    paths = {
        row_key(position): [diagnosis.path("safetensors")]
        for position, diagnosis in enumerate(_diagnoses(spec))
    }
    return {**paths, "manifest": [f"data/{spec['dataset']}/manifest.json"]}


def open_diagnosed(
    spec: Mapping[str, Any], files: Mapping[str, list[Path]]
) -> tuple[Manifest, list[DiagnosedSet]]:
    """Read the rows of a figure.

    Args:
        spec: has `PROPERTIES` and ``kind``.
        files: the paths of `diagnosis_inputs`, by the same names.

    Raises:
        FD2Error: if a file is missing or damaged, or was made from other data.
    """
    from fd2.artifacts.prepared import read_manifest
    from fd2.artifacts.provenance import same_manifest
    from fd2.artifacts.tensors import read_tensors

    names = ("features", "labels", "ids", "nearest_distances", "nearest_classes")
    path = files["manifest"][0]
    manifest = read_manifest(path)
    digests, sets = {str(path): manifest.digest()}, []
    for position, row in enumerate(spec["rows"]):
        file = files[row_key(position)][0]
        tensors, metadata = read_tensors(file, names)
        digests[str(file)] = metadata["manifest"]
        label = set_label(**row, where=f"figure of kind '{spec['kind']}'")
        sets.append(DiagnosedSet(label, **{name: tensors[name].numpy() for name in names}))
    same_manifest(digests)
    return manifest, sets


def _diagnoses(spec: Mapping[str, Any]) -> list[Diagnosis]:
    return [
        Diagnosis(
            spec["dataset"],
            row["method"],
            row["fd2"],
            row["variant"],
            None if row["method"] == FULL_DATA else spec["ipc"],
            spec["backbone"],
            spec["training"],
        )
        for row in spec["rows"]
    ]
