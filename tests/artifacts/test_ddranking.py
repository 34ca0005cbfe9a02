"""Tensors for DD-Ranking: in its order of classes, and as it normalises its test images."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fd2.artifacts.ddranking import KNOWN, tensor_files
from fd2.artifacts.images import DistilledSet

#: Where the Makefile puts the package and kornia, which ask for other versions than fd2 runs on.
PACKAGE = Path(sys.prefix) / "ddranking"
SIZE = 8
#: Positions of ImageWoof's classes in ImageNet, in the order of their WordNet ids.
WOOF = (155, 159, 162, 167, 182, 193, 207, 229, 258, 273)
SCRIPT = """
import sys, torch
from torch.utils.data import DataLoader
from ddranking.utils import TensorDataset, build_model, get_dataset, get_optimizer, train_one_epoch
from ddranking.utils import validate

kind, folder, size = sys.argv[1], sys.argv[2], (8, 8)
images = torch.load(f"{folder}/images.pt", weights_only=True)
labels = torch.load(f"{folder}/labels.pt", weights_only=True)
_, _, _, _, classes, _, test, _, class_map, _ = get_dataset(kind, folder, size, False, None, "cpu")
for image, label in test:
    wanted = images[labels == class_map[int(label)]]
    torch.testing.assert_close(wanted, image.expand_as(wanted), rtol=0, atol=1e-5)
model = build_model("ConvNet-3", num_classes=classes, im_size=size, device="cpu")
loader = DataLoader(TensorDataset(images, labels), batch_size=10)
optimiser = get_optimizer("sgd", model, 0.01)
loss = torch.nn.CrossEntropyLoss()
for epoch in range(30):
    train_one_epoch(epoch, model, loader, loss, optimiser, device="cpu")
tested = DataLoader(test, batch_size=10)
print("accuracy", float(validate(model, tested, class_map=class_map, device="cpu")))
"""


def by_package(script: str, *arguments: str, folder: Path) -> str:
    """What a script prints where the package can be imported, and fd2's own versions cannot."""
    assert PACKAGE.is_dir(), f"make {PACKAGE}"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def of_colours(count: int, classes: int = 10) -> DistilledSet:
    """A set whose class c is of one colour, that of `colour`."""
    pixels = torch.stack([torch.tensor(colour(c), dtype=torch.uint8) for c in range(classes)])
    images = pixels.repeat_interleave(count, 0)[..., None, None].expand(-1, -1, SIZE, SIZE)
    labels = torch.arange(classes).repeat_interleave(count)
    metadata = {"mean": [0.5, 0.25, 0.125], "std": [0.5, 0.5, 0.25]}
    return DistilledSet(images.contiguous(), labels, count, metadata)


def colour(number: int) -> tuple[int, int, int]:
    return (25 * number, 255 - 20 * number, 40 * number % 256)


def loaded(images: DistilledSet, kind: str) -> dict[str, torch.Tensor]:
    files = dict(tensor_files(images, kind))
    return {k: torch.load(io.BytesIO(v), weights_only=True) for k, v in files.items()}


def test_a_dataset_that_the_package_has_not_keeps_order_and_statistics() -> None:
    images = of_colours(2)
    found = loaded(images, "imagefolder")
    assert sorted(found) == ["images.pt", "labels.pt"]
    assert torch.equal(found["labels.pt"], images.labels)
    mean, std = (torch.tensor(images.metadata[k])[:, None, None] for k in ("mean", "std"))
    torch.testing.assert_close(found["images.pt"] * std + mean, images.images / 255)


def test_learned_labels_stand_in_the_packages_order_of_classes() -> None:
    images, order = of_colours(1), KNOWN["imagewoof"].classes
    assert order is not None
    floating = images.images.float() / 255 + 0.5
    whole = DistilledSet(
        floating, images.labels, 1, images.metadata, torch.arange(100.0).view(10, 10), 0.25
    )
    found = loaded(whole, "imagewoof")
    for here, there in enumerate(np.argsort(order)):
        mean, std = (torch.tensor(v)[:, None] for v in (KNOWN["imagewoof"].mean, (1, 1, 1)))
        shown = found["images.pt"][there, :, 0] * torch.tensor(KNOWN["imagewoof"].std)[:, None]
        torch.testing.assert_close(shown * std + mean, floating[here, :, 0])
        assert [float(found["labels.pt"][there, k]) for k in np.argsort(order)] == [
            10.0 * here + column for column in range(10)
        ]
    assert float(found["lr.pt"]) == 0.25


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name", "places"), [("imagewoof", "ImageWoof", WOOF)])
def test_the_package_reads_them(
    tmp_path: Path, kind: str, name: str, places: tuple[int, ...]
) -> None:
    """Its own test images, of the same colours, are equal to ours class by class."""
    for file, content in tensor_files(of_colours(3), kind):
        (tmp_path / file).write_bytes(content)
    for split in ("train", "val"):
        for number in range(max(places) + 1):
            folder = tmp_path / split / f"{number:04d}"
            folder.mkdir(parents=True)
            seen = colour(places.index(number)) if number in places else (0, 0, 0)
            Image.new("RGB", (SIZE, SIZE), seen).save(folder / "0.png")
    accuracy = by_package(SCRIPT, name, str(tmp_path), folder=tmp_path).split("accuracy ")[1]
    assert float(accuracy) > 50
