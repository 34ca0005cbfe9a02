"""A set of ours written out as others publish theirs: the same folders, file names and types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fd2.artifacts.images import DistilledSet

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
