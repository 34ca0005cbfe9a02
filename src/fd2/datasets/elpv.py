"""Solar cells in electroluminescence light, from the installed package ``elpv-dataset``.

2,624 grey photographs, 300 x 300 pixels, of mono- and polycrystalline cells, each with a
probability of a defect: 0, 1/3, 2/3 or 1. Cell type and probability make eight classes. Source:
Buerhop-Lutz et al., "A Benchmark for Visual Identification of Defective Solar Cells in
Electroluminescence Imagery", EU PVSEC 2018.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from fd2.datasets._shares import share_of_groups
from fd2.datasets._source import ImageSource, SourceImage
from fd2.errors import FD2Error

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "split": {
            "type": "string",
            "enum": ["module", "hashed"],
            "default": "module",
            "description": "elpv: 'module' keeps neighbouring cells of a solar module in one "
            "split (702 test images), 'hashed' takes a quarter of each class by file name (659)",
        }
    },
}

_CELLS = ("mono", "poly")
LABELS_SHA256 = "0abe6fe7700aea571717d7d7dfec005a47c6207b4cde26a4556b6807a115483d"
CLASSES = tuple(f"{cell}_{defect}" for cell in _CELLS for defect in ("000", "033", "067", "100"))
#: Cells of the module-aware test split, first and last inclusive. The package stores cells module
#: by module without naming the modules: borders were inferred from changes of the cell type and
#: from the similarity of neighbouring images; blocks were chosen by class counts alone.
MODULE_TEST_BLOCKS = (
    *((241, 300), (361, 420), (541, 600), (1071, 1140), (1201, 1254), (1435, 1494), (1656, 1684)),
    *((1715, 1735), (1795, 1844), (1965, 2034), (2085, 2144), (2397, 2444), (2505, 2564)),
)
HASHED_TEST_FRACTION = 0.25

_REINSTALL = "pip install --force-reinstall 'elpv-dataset==1.0.0.post1'"
_FACTS = {
    "licence": "CC BY-NC-SA 4.0 (images and labels; not for commercial use)",
    "attribution": "Buerhop-Lutz, Deitsch, Maier, Gallwitz, Berger, Doll, Hauch, Camus, Brabec: A "
    "Benchmark for Visual Identification of Defective Solar Cells in Electroluminescence Imagery, "
    "EU PVSEC 2018; https://github.com/zae-bayern/elpv-dataset",
}
_RULES = {
    "module": "module-aware: blocks of consecutive cells are test",
    "hashed": "first quarter of each class by sha256 of the name is test",
}


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List the package's images.

    Raises:
        FD2Error: if the package is not installed or its labels are not the known ones.
    """
    folder = _package_data(where)
    split = settings.get("split", "module")
    class_of = _labels(folder / "labels.csv")
    images = [SourceImage(folder / name, name, label, "train") for name, label in class_of.items()]
    if split == "module":
        cells = {cell for first, last in MODULE_TEST_BLOCKS for cell in range(first, last + 1)}
        test = {name for name in class_of if _cell(name) in cells}
        group_of = _runs(class_of, test)
        images = [replace(image, group=group_of[image.name]) for image in images]
    else:
        test = share_of_groups(images, HASHED_TEST_FRACTION)
    images = [replace(i, split="test") if i.name in test else i for i in images]
    facts = {
        "package": "elpv-dataset",
        "version": version("elpv-dataset"),
        "labels_sha256": LABELS_SHA256,
        "split": split,
        "split_rule": _RULES[split],
        **_FACTS,
    }
    return ImageSource(CLASSES, tuple(images), facts, remedy=_REINSTALL)


def _package_data(where: str) -> Path:
    spec = importlib.util.find_spec("elpv_dataset")
    if spec is None or spec.origin is None:
        what = "the package elpv-dataset is not installed"
        raise FD2Error(what, where, "pip install 'fd2[quickstart]'")
    return Path(spec.origin).parent / "data"


def _labels(path: Path) -> dict[str, int]:
    """Class id by image name, in file order; lines read ``images/cell0001.png  1.0  mono``."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unknown_labels(error.strerror or str(error), path) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != LABELS_SHA256:
        raise _unknown_labels(f"sha256 {digest[:12]}…, not {LABELS_SHA256[:12]}…", path)
    rows = (line.split() for line in content.decode().splitlines())
    return {
        name: _CELLS.index(kind) * 4 + round(3 * float(probability))
        for name, probability, kind in rows
    }


def _unknown_labels(reason: str, path: Path) -> FD2Error:
    what = f"elpv-dataset's labels are not the known ones: {reason}"
    return FD2Error(what, str(path), _REINSTALL)


def _cell(name: str) -> int:
    return int(Path(name).stem.removeprefix("cell"))


def _runs(class_of: Mapping[str, int], test: set[str]) -> dict[str, str]:
    """Runs of consecutive cells of one type and split, by image name: each of complete modules.

    A change of either is a border between modules; others are not known.
    """
    names = sorted(class_of, key=_cell)
    runs: dict[str, str] = {}
    for _, run in groupby(names, lambda name: (class_of[name] // 4, name in test)):
        cells = list(run)
        runs |= dict.fromkeys(cells, f"cells from {cells[0]}")
    return runs
