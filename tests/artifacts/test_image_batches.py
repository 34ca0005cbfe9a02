"""Batches of images are the same wherever the images lie."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from fd2.artifacts.image_batches import ImageBatches
from fd2.artifacts.prepared import open_prepared
from fd2.errors import FD2Error
from fd2.training.class_subset import dataset_of_classes

if TYPE_CHECKING:
    from tests.conftest import Chain

CPU = torch.device("cpu")


@pytest.mark.parametrize("classes", [[0, 1, 2], [2, 0]])
@pytest.mark.parametrize("held", [True, False])
def test_batches_are_the_splits(chain: Chain, classes: list[int], held: bool) -> None:
    """More batches than are read ahead, of several sizes, the last of which nobody takes."""
    train = dataset_of_classes(open_prepared(chain.data), classes).train
    images = ImageBatches(train, CPU, held=held)
    assert len(images) == 12 * len(classes)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    for size in (1, 5, len(images)):
        drawn = images.batches(order.split(size))
        for indices in order.split(size)[: -1 if size == 5 else None]:
            wanted = train.batch(indices, CPU)
            for found in (next(drawn), images.batch(indices)):
                # Convolutions choose their kernels by strides.
                assert torch.equal(found, wanted) and found.stride() == wanted.stride()
    assert torch.equal(torch.cat(list(images.in_order(7))), train.all_images(CPU))


def test_a_damaged_file_is_refused_before_the_first_batch(chain: Chain, tmp_path: Path) -> None:
    data = Path(shutil.copytree(chain.data, tmp_path / "data"))
    path = data / "train.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    for held in (True, False):
        with pytest.raises(FD2Error, match="damaged file"):
            ImageBatches(open_prepared(data).train, CPU, held=held)
