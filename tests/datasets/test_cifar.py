"""CIFAR-10 and CIFAR-100 in their binary layout: from a mirror, from a copy, and damaged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fd2.artifacts.prepared import PreparedDataset
from fd2.datasets._public import Published
from fd2.datasets.cifar import DATASETS, CifarKind
from fd2.errors import FD2Error

Prepared = Callable[..., PreparedDataset]
TEN = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CASES = {
    "cifar10": (TEN, Published(10, 50, 20), "cifar-10-batches-bin", "batches.meta.txt"),
    "cifar100": (
        tuple(f"thing_{number}" for number in range(15)),
        Published(15, 30, 20),
        "cifar-100-binary",
        "fine_label_names.txt",
    ),
}


class Copy:
    """A small copy whose files are the known ones."""

    def __init__(self, name: str, layouts: Any, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.name, self.folder, self.layouts = name, folder, layouts
        self.kind: CifarKind = DATASETS[name]
        self.classes, self.published, inside, self.names = CASES[name]
        self.images = layouts.write_cifar(folder, self.classes, coarse=name == "cifar100")
        self.root = folder / inside
        self._patch = patch
        patch.setattr(self.kind, "PUBLISHED", self.published)
        self.accept()

    def accept(self) -> None:
        """Let the files as they are now be the known ones."""
        known = {
            split: {
                name: hashlib.sha256((self.root / name).read_bytes()).hexdigest() for name in files
            }
            for split, files in self.kind.FILES.items()
        }
        self._patch.setattr(self.kind, "FILES", known)

    def refusal(self) -> FD2Error:
        with pytest.raises(FD2Error) as caught:
            self.kind.source({"local_path": str(self.folder)}, "setting 'datasets.x'")
        return caught.value


@pytest.fixture(params=sorted(CASES))
def copy(
    request: pytest.FixtureRequest, layouts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Copy:
    return Copy(request.param, layouts, tmp_path / "copy", monkeypatch)


def test_from_a_mirror_to_arrays(
    copy: Copy, tmp_path: Path, downloaded: Callable[..., Path], prepared: Prepared
) -> None:
    (archive,) = copy.kind.ARCHIVES
    served = copy.layouts.packed(copy.folder, tmp_path / "served" / archive.name)
    data = prepared(copy.name, downloaded(copy.name, served), resolution=32)
    assert data.manifest.classes == copy.classes
    train = [name for name in copy.images if "test" not in name]
    np.testing.assert_array_equal(
        data.train.images, np.concatenate([copy.images[name] for name in train])
    )
    last = len(copy.classes) - 1
    assert data.train.labels[:3].tolist() == [last, last - 1, last - 2]
    assert data.manifest.files["train"][0]["path"] == f"{train[0]}/00000"
    local = prepared(copy.name, resolution=32, local_path=str(copy.root))
    assert local.manifest.digest() == data.manifest.digest()
    assert local.manifest.channels == 3


def test_damaged_files(copy: Copy) -> None:
    path = copy.root / next(reversed(copy.images))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    size = 3072 + (2 if copy.name == "cifar100" else 1)
    assert f"no whole number of records of {size} bytes" in copy.refusal().what
    path.write_bytes(b"")
    assert copy.refusal().what.startswith("0 bytes")
    label = size * 3 + size - 3073
    path.write_bytes(whole[:label] + bytes([len(copy.classes)]) + whole[label + 1 :])
    error = copy.refusal()
    assert f"image 3 has label {len(copy.classes)}" in error.what and error.where == str(path)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "not the published file" in copy.refusal().what
    # Another one accepted as known: the numbers of images still count.
    path.write_bytes(whole[: 4 * size])
    copy.accept()
    assert "and 4 test images; published are" in copy.refusal().what
    path.unlink()
    assert copy.refusal().what == f"no file {path.name}"


def test_class_names(copy: Copy) -> None:
    path = copy.root / copy.names
    path.write_text("\n".join(copy.classes[:-1]))
    assert f"{len(copy.classes) - 1} classes" in copy.refusal().what
    path.write_bytes(b"\xff\xfe")
    assert "cannot read the list" in copy.refusal().what
    path.unlink()
    assert copy.refusal().what == f"no file {copy.names}"


def test_the_pickled_version_is_not_taken(copy: Copy) -> None:
    for path in copy.root.iterdir():
        path.rename(path.with_suffix(""))
    assert copy.refusal().what.startswith("no file ")
