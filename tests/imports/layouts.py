"""A set of ours written out as others publish theirs: the same folders, file names and types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import BatchSampler, RandomSampler
from torchvision.datasets import ImageFolder
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import hflip, resized_crop, to_tensor

from fd2.artifacts.images import DistilledSet

BILINEAR = InterpolationMode.BILINEAR
#: Folder and file of class c's image i, by whose code writes them so.
FOLDERS: dict[str, Callable[[int, int], str]] = {
    "rded": lambda c, i: f"{c:05d}/class{c:05d}_id{i:05d}",
    "sre2l": lambda c, i: f"new{c:03d}/class{c:03d}_id{i:03d}",
    # Not padded: '10' would come before '2' as text.
    "numbers": lambda c, i: f"{c + 8}/{i + 8}",
    "wordnet": lambda c, i: f"n0{c + 2100735}/n0{c + 2100735}_{i}",
}


def write_folders(
    root: Path, images: DistilledSet, name: Callable[[int, int], str], suffix: str = ".png"
) -> Path:
    """One folder a class; PNG keeps every pixel."""
    for row, pixels in enumerate(images.pictures().permute(0, 2, 3, 1).numpy()):
        path = root / (name(*divmod(row, images.images_per_class)) + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(pixels.squeeze())
        picture.save(path, quality=95) if suffix == ".jpg" else picture.save(path)
    return root


def write_parquet(root: Path, images: DistilledSet, classes: Sequence[str], order: Tensor) -> Path:
    """As the Hugging Face library writes it: two files, rows in any order, names in the schema."""
    from datasets import ClassLabel, Dataset, Features
    from datasets import Image as Picture

    features = Features({"image": Picture(), "label": ClassLabel(names=list(classes))})
    (root / "data").mkdir(parents=True)
    for number, rows in enumerate(order.chunk(2)):
        pixels = images.images[rows].permute(0, 2, 3, 1).numpy()
        columns = {"image": [Image.fromarray(one) for one in pixels]}
        table = Dataset.from_dict({**columns, "label": images.labels[rows].tolist()}, features)
        table.to_parquet(root / "data" / f"train-0000{number}-of-00002.parquet")
    return root


def normalised(images: DistilledSet) -> Tensor:
    """As the code of others normalises: float32 pixels in [0, 1], minus mean, over std."""
    shares = images.images
    if shares.dtype == torch.uint8:
        shares = shares / 255
    mean, std = (torch.tensor(images.metadata[key]).view(-1, 1, 1) for key in ("mean", "std"))
    return (shares - mean) / std


def write_matching(folder: Path, images: DistilledSet, logits: Tensor, rate: float) -> None:
    """As DATM and EDF save: tensors with a history, and a rate as a plain number."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(normalised(images).requires_grad_(), folder / "images_best.pt")
    torch.save(logits.clone().requires_grad_(), folder / "labels_best.pt")
    torch.save(rate, folder / "lr_best.pt")


def write_condensation(path: Path, images: DistilledSet) -> None:
    """As DC, DSA and DM save: pairs by experiment, beside accuracies that are NumPy's numbers."""
    pair = [normalised(images), images.labels.clone()]
    accuracies = {"ConvNet": [np.float64(0.31), np.float64(0.33)]}
    torch.save({"data": [pair, pair], "accs_all_exps": accuracies}, path)


def _fkd_batches(count: int, batch: int, epochs: int) -> Iterator[tuple[int, int, list[int]]]:
    """Epoch, number and images of each batch, as the loaders of SRe²L go through them."""
    sampler = RandomSampler(range(count), generator=torch.Generator().manual_seed(42))
    for epoch in range(epochs):
        yield from ((epoch, b, ids) for b, ids in enumerate(BatchSampler(sampler, batch, False)))


def _fkd_view(path: str, crop: Sequence[float], flip: bool, mean: Tensor, std: Tensor) -> Tensor:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    size = picture.size[0]
    top, left, height, width = (edge * size for edge in crop)
    seen = resized_crop(picture, top, left, height, width, [size, size], BILINEAR)
    pixels = to_tensor(hflip(seen) if flip else seen)
    return (pixels - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)


def write_fkd(
    root: Path,
    pictures: Path,
    answer: Callable[[Tensor], Tensor],
    statistics: Sequence[Sequence[float]],
    batch: int,
    epochs: int,
    mix: str | None = "cutmix",
) -> Path:
    """As ``generate_soft_label.py`` of SRe²L: crops, flips, mixtures, and what a network says."""
    mean, std = (torch.tensor(each) for each in statistics)
    paths = [path for path, _ in ImageFolder(str(pictures)).samples]
    random, draws = np.random.default_rng(0), torch.Generator().manual_seed(0)
    for epoch, number, ids in _fkd_batches(len(paths), batch, epochs):
        crops, flips, views = [], [], []
        for one in ids:
            with Image.open(paths[one]) as opened:
                size = opened.size[0]
            height, width = random.integers(size // 4, size + 1, 2)
            edges = [random.integers(size - height + 1), random.integers(size - width + 1)]
            crops.append(torch.FloatTensor([edge / size for edge in (*edges, height, width)]))
            flips.append(bool(random.integers(2)))
            views.append(_fkd_view(paths[one], crops[-1].tolist(), flips[-1], mean, std))
        images, index, ratio, box = torch.stack(views), None, None, None
        if mix is not None:
            index = torch.randperm(len(ids), generator=draws)
            ratio = random.beta(1.0, 1.0)
        if mix == "cutmix":
            half = int(size * np.sqrt(1.0 - ratio)) // 2
            centre = random.integers(0, size, 2)
            box = [np.int64(np.clip(c + s * half, 0, size)) for s in (-1, 1) for c in centre]
            x1, y1, x2, y2 = box
            images[:, :, x1:x2, y1:y2] = images[index, :, x1:x2, y1:y2]
        file = root / f"epoch_{epoch}" / f"batch_{number}.tar"
        file.parent.mkdir(parents=True, exist_ok=True)
        parts = [torch.stack(crops), torch.tensor(flips), index, ratio, box]
        torch.save([*parts, answer(images).detach().half()], file)
    return root


def read_fkd(
    root: Path, pictures: Path, statistics: Sequence[Sequence[float]], batch: int, epochs: int
) -> dict[tuple[int, str], tuple[Tensor, Tensor, int]]:
    """What a student of SRe²L's code sees and is told, by epoch and picture, and in which batch."""
    mean, std = (torch.tensor(each) for each in statistics)
    paths = [path for path, _ in ImageFolder(str(pictures)).samples]
    seen = {}
    for epoch, number, ids in _fkd_batches(len(paths), batch, epochs):
        file = root / f"epoch_{epoch}" / f"batch_{number}.tar"
        crops, flips, index, _, box, logits = torch.load(file, weights_only=False)
        views = [
            _fkd_view(paths[one], crop.tolist(), bool(flip), mean, std)
            for one, crop, flip in zip(ids, crops, flips, strict=True)
        ]
        mixed = [view.clone() for view in views]
        if index is not None:
            x1, y1, x2, y2 = box
            for row, other in enumerate(index.tolist()):
                mixed[row][:, x1:x2, y1:y2] = views[other][:, x1:x2, y1:y2]
        for row, one in enumerate(ids):
            seen[epoch, paths[one]] = (mixed[row], logits[row], number)
    return seen
