"""MNIST and Fashion-MNIST in their true layout: from a mirror, from copies, and damaged."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fd2.artifacts.prepared import PreparedDataset
from fd2.datasets._public import Published
from fd2.datasets.mnist import DATASETS, IdxKind
from fd2.errors import FD2Error

Prepared = Callable[..., PreparedDataset]
SMALL = Published(classes=10, train=30, test=20)


@pytest.fixture(params=sorted(DATASETS))
def kind(request: pytest.FixtureRequest) -> IdxKind:
    return DATASETS[request.param]


@pytest.fixture
def written(layouts: Any, tmp_path: Path) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = layouts.write_idx(tmp_path / "copy")
    return arrays


@pytest.fixture
def copy(
    layouts: Any,
    written: dict[str, np.ndarray],
    tmp_path: Path,
    kind: IdxKind,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """A small copy whose content is the known one, on a machine without Debian's package."""
    known = {
        name: replace(file, content_sha256=hashlib.sha256(layouts.idx(written[name])).hexdigest())
        for name, file in kind.FILES.items()
    }
    monkeypatch.setattr(kind, "FILES", known)
    monkeypatch.setattr(kind, "PUBLISHED", SMALL)
    monkeypatch.setattr(DATASETS["fashion_mnist"], "INSTALLED", tmp_path / "nowhere")
    yield tmp_path / "copy"


def refusal(kind: IdxKind, root: Path) -> FD2Error:
    with pytest.raises(FD2Error) as caught:
        kind.source({"local_path": str(root)}, "setting 'datasets.x'")
    return caught.value


def test_from_a_mirror_to_arrays(
    copy: Path,
    written: dict[str, np.ndarray],
    kind: IdxKind,
    downloaded: Callable[..., Path],
    prepared: Prepared,
) -> None:
    folder = downloaded(kind.name, *sorted(copy.iterdir()))
    data = prepared(kind.name, folder, resolution=28, channels=1)
    assert data.manifest.classes == kind.CLASSES
    assert (
        data.manifest.source["resize"] == "whole frame warped to the square, grey, Pillow bicubic"
    )
    for split, prefix in ((data.train, "train"), (data.test, "t10k")):
        images = written[f"{prefix}-images-idx3-ubyte"]
        np.testing.assert_array_equal(split.images, images[..., None])
        assert split.labels.tolist() == written[f"{prefix}-labels-idx1-ubyte"].tolist()
    entry = data.manifest.files["train"][3]
    assert entry["path"] == "train-images-idx3-ubyte/00003"
    pixels = written["train-images-idx3-ubyte"]
    assert entry["sha256"] == hashlib.sha256(pixels[3].tobytes()).hexdigest()
    np.testing.assert_allclose(data.manifest.mean, [(pixels / 255).mean()], rtol=1e-12)
    np.testing.assert_allclose(data.manifest.std, [(pixels / 255).std()], rtol=1e-12)


def test_copies_in_the_spellings_that_go_round(
    copy: Path, kind: IdxKind, prepared: Prepared, tmp_path: Path
) -> None:
    digests = [prepared(kind.name, channels=1, local_path=str(copy)).manifest.digest()]
    raw = tmp_path / "torchvision" / "MNIST" / "raw"
    dotted = tmp_path / "kaggle"
    for folder in (raw, dotted):
        folder.mkdir(parents=True)
    for path in copy.iterdir():
        content = gzip.decompress(path.read_bytes())
        (raw / path.stem).write_bytes(content)
        # Kaggle has a folder and a file of each name.
        inner = dotted / path.stem
        inner.mkdir()
        (inner / path.stem).write_bytes(content)
        (dotted / path.stem.replace("-idx", ".idx")).write_bytes(content)
    for root in (tmp_path / "torchvision", dotted):
        data = prepared(kind.name, channels=1, local_path=str(root))
        digests.append(data.manifest.digest())
    assert len(set(digests)) == 1


def test_another_resolution_is_warped_and_three_channels_are_repeated(
    copy: Path, written: dict[str, np.ndarray], kind: IdxKind, prepared: Prepared
) -> None:
    grey = prepared(kind.name, channels=1, local_path=str(copy), resolution=40)
    rgb = prepared(kind.name, channels=3, local_path=str(copy), resolution=40)
    wanted = Image.fromarray(written["t10k-images-idx3-ubyte"][4])
    wanted = wanted.resize((40, 40), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(grey.test.images[4, ..., 0], np.asarray(wanted))
    np.testing.assert_array_equal(rgb.train.images, np.repeat(grey.train.images, 3, axis=-1))
    assert rgb.manifest.mean == 3 * grey.manifest.mean
    assert (grey.manifest.channels, rgb.manifest.channels) == (1, 3)


def rewritten(content: bytes, at: int, value: bytes) -> bytes:
    return content[:at] + value + content[at + len(value) :]


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("train-images-idx3-ubyte", lambda c: rewritten(c, 3, b"\x01"), "begins with 0x00000801"),
        ("t10k-labels-idx1-ubyte", lambda c: rewritten(c, 3, b"\x03"), "begins with 0x00000803"),
        ("t10k-images-idx3-ubyte", lambda c: rewritten(c, 2, b"\x0d"), "begins with 0x00000d03"),
        ("train-images-idx3-ubyte", lambda c: b"", "begins with 0x;"),
        ("train-images-idx3-ubyte", lambda c: c[:9], "0 values"),
        ("train-images-idx3-ubyte", lambda c: c[:-1], "23519 values, its header says 30 x 28 x 28"),
        ("t10k-labels-idx1-ubyte", lambda c: c + b"\x00", "21 values, its header says 20"),
        (
            "t10k-labels-idx1-ubyte",
            lambda c: rewritten(c[:-1], 4, (19).to_bytes(4, "big")),
            "20 images, 19 labels",
        ),
        ("train-labels-idx1-ubyte", lambda c: rewritten(c, 12, b"\x0a"), "image 4 has label 10"),
        ("train-images-idx3-ubyte", lambda c: rewritten(c, 99, b"\x07"), "not the published file"),
    ],
)
@pytest.mark.parametrize("packed", [True, False], ids=["packed", "plain"])
def test_damaged_content(
    copy: Path,
    kind: IdxKind,
    file: str,
    change: Callable[[bytes], bytes],
    message: str,
    packed: bool,
) -> None:
    path = copy / f"{file}.gz"
    content = change(gzip.decompress(path.read_bytes()))
    path.unlink()
    broken = path if packed else path.with_suffix("")
    broken.write_bytes(gzip.compress(content) if packed else content)
    error = refusal(kind, copy)
    assert message in error.what
    assert str(broken) in f"{error.where} {error.what}"


@pytest.mark.parametrize("keep", [0.5, 0.999])
def test_truncated_and_spoilt_compression(copy: Path, kind: IdxKind, keep: float) -> None:
    path = copy / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    error = refusal(kind, copy)
    assert error.what.startswith("cannot be unpacked: ") and error.where == str(path)
    path.write_bytes(rewritten(whole, len(whole) // 2, bytes(40)))
    assert refusal(kind, copy).what.startswith("cannot be unpacked: ")


def test_missing_and_too_few(
    copy: Path, kind: IdxKind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kind, "PUBLISHED", Published(classes=10, train=60_000, test=10_000))
    assert "published are 10 classes, 60000 training and 10000 test" in refusal(kind, copy).what
    (copy / "t10k-labels-idx1-ubyte.gz").unlink()
    assert refusal(kind, copy).what == "no file t10k-labels-idx1-ubyte.gz"
    shutil.rmtree(copy)
    assert "no such folder" in refusal(kind, copy).what
    with pytest.raises(FD2Error, match="no copy of the images"):
        kind.source({}, "here")


def test_one_dataset_is_not_taken_for_another(layouts: Any, tmp_path: Path) -> None:
    """Files of the same names and shapes: only their content tells them apart."""
    layouts.write_idx(tmp_path)
    for kind in DATASETS.values():
        assert "not the published file" in refusal(kind, tmp_path).what
