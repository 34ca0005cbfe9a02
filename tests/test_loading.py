"""`fd2.load`: the pixels, labels and replayed augmentation that students of the workflow see."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import fd2
from fd2.artifacts.images import read_distilled, write_distilled
from fd2.artifacts.manifests import Manifest, read_manifest
from fd2.artifacts.prepared import write_prepared
from fd2.artifacts.soft_labels import epoch_logits, read_soft_labels
from fd2.augment.normalise import Normaliser
from fd2.config.names import SetName
from fd2.errors import FD2Error
from fd2.loading import DistilledImages, ReplayedImages
from fd2.replay.view import Replay
from fd2.stages.export import Sources, export

if TYPE_CHECKING:
    from tests.conftest import Chain

TEMPLATES = Path(__file__).resolve().parents[1] / "workflow/report/export"
NAME = "cells/sre2lpp/fd2/base/ipc3"
MATCHED = "garments/dm/plain/base/ipc2"


@pytest.fixture
def distilled(results: Path) -> Path:
    return results / f"distilled/{NAME}.safetensors"


def matched(results: Path, **more: Any) -> Path:
    """A float32 set of grey images, two of each of three classes."""
    generator = torch.Generator().manual_seed(3)
    files = [{"path": f"{c}.png", "class": c, "sha256": "0"} for c in range(3)]
    described = Manifest(
        **{"dataset": "garments", "resolution": 8, "classes": ("bag", "coat", "shirt")},
        **{"files": {"train": files, "test": files}, "mean": (0.25,), "std": (0.5,), "source": {}},
    )
    pixels = np.zeros((3, 8, 8, 1), np.uint8)
    folder = results / "data/garments"
    written = write_prepared(folder, described, {"train": pixels, "test": pixels})
    path = results / f"distilled/{MATCHED}.safetensors"
    facts = {"stage": "match", "settings": {}, "manifest": written.digest(), "inputs": {}}
    images = torch.randn(2, 3, 1, 8, 8, generator=generator)
    write_distilled(path, images, {**facts, "mean": [0.25], "std": [0.5]}, **more)
    return path


def test_images_are_normalised_and_labels_are_classes(distilled: Path, chain: Chain) -> None:
    dataset, stored = fd2.load(distilled), read_distilled(distilled)
    assert dataset.classes == read_manifest(chain.data / "manifest.json").classes
    mean, std = (torch.tensor(stored.metadata[key])[:, None, None] for key in ("mean", "std"))
    images, labels = next(iter(DataLoader(dataset, batch_size=len(dataset), num_workers=1)))
    torch.testing.assert_close(images, (stored.images / 255 - mean) / std)
    assert torch.equal(labels, stored.labels)
    assert dataset.images_per_class == 3 and images.dtype == torch.float32
    assert isinstance(dataset[0][1], int)


def test_a_float_set_of_one_channel_is_not_divided(results: Path) -> None:
    path = matched(results)
    dataset = fd2.load(path)
    wanted = (read_distilled(path).images - 0.25) / 0.5
    torch.testing.assert_close(dataset.images, wanted)
    assert dataset.images.shape == (6, 1, 8, 8) and dataset.classes == ("bag", "coat", "shirt")
    assert [label for _, label in dataset] == [0, 0, 1, 1, 2, 2]
    with pytest.raises(FD2Error, match="no learned labels"):
        fd2.load(path, labels="learned")


def test_learned_labels_and_rate(results: Path) -> None:
    logits = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(4))
    dataset = fd2.load(matched(results, learned_labels=logits, learned_rate=0.5), labels="learned")
    assert isinstance(dataset, DistilledImages) and dataset.learned_rate == 0.5
    assert torch.equal(dataset[3][1], logits[1, 1])


def test_soft_labels_come_with_the_images_that_students_see(distilled: Path, labels: Path) -> None:
    soft, stored = read_soft_labels(labels), read_distilled(distilled)
    normaliser = Normaliser(stored.metadata["mean"], stored.metadata["std"])
    replay = Replay(normaliser.normalise(stored.images), soft.augmentation)
    dataset = fd2.load(distilled, labels="soft")
    halves = [half for e in range(2) for batch in replay.epoch(e) for half in batch]
    loaded = list(DataLoader(dataset, batch_sampler=dataset.batches))
    assert len(loaded) == len(halves) == len(dataset.batches)
    for number, (half, (images, logits)) in enumerate(zip(halves, loaded, strict=True)):
        torch.testing.assert_close(images, half.images, rtol=0, atol=1e-5)
        epoch = number * 2 // len(halves)
        assert torch.equal(logits, torch.from_numpy(soft.logits[epoch][half.ids]).float())


def test_soft_labels_fit_their_images_in_any_order_and_batches(distilled: Path) -> None:
    dataset = fd2.load(distilled, labels="soft")
    assert isinstance(dataset, ReplayedImages) and len(dataset) == dataset.epochs * 9 == 18
    positions = torch.randperm(18, generator=torch.Generator().manual_seed(0)).tolist()
    together = dataset.__getitems__(positions)
    for position, (image, logits) in zip(positions, together, strict=True):
        alone, alone_logits = dataset[position]
        torch.testing.assert_close(image, alone, rtol=0, atol=1e-5)
        assert torch.equal(logits, alone_logits)
    assert torch.equal(dataset[-1][1], dataset[17][1])
    with pytest.raises(IndexError):
        dataset[18]


def test_labels_in_another_folder_are_given_by_path(distilled: Path, labels: Path) -> None:
    (distilled.parents[5] / "labels").rename(distilled.parents[6] / "elsewhere")
    with pytest.raises(FD2Error, match="no soft labels") as caught:
        fd2.load(distilled, labels="soft")
    assert "snakemake" in caught.value.fix
    assert len(fd2.load(distilled, labels=labels)) == 18


def test_labels_of_other_images_are_refused(distilled: Path) -> None:
    stored = read_distilled(distilled)
    darker = (stored.images // 2).unflatten(0, (3, 3)).transpose(0, 1)
    facts = {key: stored.metadata[key] for key in ("manifest", "mean", "std", "inputs")}
    write_distilled(distilled, darker, facts)
    assert len(fd2.load(distilled)) == 9
    with pytest.raises(FD2Error, match="other distilled images"):
        fd2.load(distilled, labels="soft")


def exported(results: Path, name: str, ipc: int) -> Path:
    """The zip of a set in the results folder."""
    output = results / f"exports/{name}/ipc{ipc}.zip"
    dataset, method, plain_or_fd2, variant = name.split("/")
    sources = Sources(
        results / f"distilled/{name}/ipc{ipc}.safetensors",
        results / f"data/{dataset}/manifest.json",
        TEMPLATES,
    )
    export(SetName(dataset, method, plain_or_fd2, variant), ipc, sources, output)
    return output


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("floating", [True, False])
def test_an_export_gives_the_same_dataset(
    distilled: Path, results: Path, tmp_path: Path, packed: bool, floating: bool
) -> None:
    """Of an RGB set in 8 bits by its pictures, of a grey one in float32 to the bit."""
    path = matched(results, learned_rate=0.5) if floating else distilled
    name, _, file = path.relative_to(results / "distilled").as_posix().rpartition("/")
    archive = exported(results, name, int(file[3]))
    if not packed:
        shutil.unpack_archive(archive, tmp_path / "unpacked")
        (archive,) = (tmp_path / "unpacked").iterdir()
        (archive / "notes.txt").write_text("a file of one's own beside those of the export")
    found, wanted = fd2.load(archive), fd2.load(path)
    assert torch.equal(found.images, wanted.images) and torch.equal(found.targets, wanted.targets)
    assert (found.classes, found.mean, found.std) == (wanted.classes, wanted.mean, wanted.std)
    assert found.learned_rate == wanted.learned_rate
    with pytest.raises(FD2Error, match="no soft labels") as caught:
        fd2.load(archive, labels="soft")
    assert "export with labels" in caught.value.fix


def test_a_changed_or_wrong_folder_is_refused(results: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(exported(results, NAME[:-5], 3), tmp_path / "unpacked")
    (folder,) = (tmp_path / "unpacked").iterdir()
    with pytest.raises(FD2Error, match=r"no provenance\.json") as caught:
        fd2.load(folder / "images")
    assert "README.md" in caught.value.fix
    picture = next((folder / "images").rglob("*.png"))
    content = picture.read_bytes()
    picture.write_bytes(content[:-20])
    with pytest.raises(FD2Error, match="digest"):
        fd2.load(folder)
    picture.unlink()
    with pytest.raises(FD2Error, match="is not in it"):
        fd2.load(folder)


def test_bad_input(distilled: Path, tmp_path: Path) -> None:
    with pytest.raises(FD2Error, match="file not found"):
        fd2.load(tmp_path / "nothing.safetensors")
    with pytest.raises(FD2Error, match="unknown kind of labels 'sofd'") as caught:
        fd2.load(distilled, labels="sofd")
    assert "did you mean 'soft'" in caught.value.fix
    lone = tmp_path / "lone.safetensors"
    lone.write_bytes(distilled.read_bytes())
    with pytest.raises(FD2Error, match="not in its place"):
        fd2.load(lone)
    distilled.write_bytes(distilled.read_bytes()[:-9])
    with pytest.raises(FD2Error, match="damaged"):
        fd2.load(distilled)


def test_importing_fd2_imports_nothing_heavy() -> None:
    code = "import sys, fd2; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_soft_labels_in_fewer_bytes(distilled: Path, packed_labels: Path) -> None:
    soft = fd2.load(distilled, labels=packed_labels)
    read = read_soft_labels(packed_labels)
    logits = torch.stack([soft[item][1] for item in range(len(soft))])
    wanted = epoch_logits(read, 0, torch.device("cpu"))[read.augmentation.order[0]]
    assert torch.equal(logits, wanted) and wanted.isinf().sum() == 9
