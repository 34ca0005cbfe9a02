"""In which order classes arrive, and that nothing of the others is seen."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from fd2.artifacts.images import DistilledSet
from fd2.artifacts.prepared import open_prepared
from fd2.errors import FD2Error
from fd2.training.class_steps import classes_seen, step_sizes
from fd2.training.class_subset import dataset_of_classes, images_of_classes

if TYPE_CHECKING:
    from tests.conftest import Chain


@pytest.mark.parametrize(
    ("classes", "steps", "sizes"),
    [
        (200, 5, [40] * 5),
        (10, 1, [10]),
        (10, 3, [4, 3, 3]),
        (8, 5, [2, 2, 2, 1, 1]),
        (3, 2, [2, 1]),
    ],
)
def test_sizes_of_steps(classes: int, steps: int, sizes: list[int]) -> None:
    assert step_sizes(classes, steps, "here") == sizes


@pytest.mark.parametrize(("classes", "steps"), [(10, 10), (10, 11), (2, 2), (1, 1)])
def test_a_first_step_of_one_class_is_refused(classes: int, steps: int) -> None:
    with pytest.raises(FD2Error, match=f"{classes} classes in {steps} steps") as refused:
        step_sizes(classes, steps, "here")
    assert refused.value.where == "here" and f"at most {classes - 1}" in refused.value.fix


def test_classes_arrive_in_an_order_that_the_seed_draws() -> None:
    """Each step has all classes of the one before and new ones, and the last has all."""
    orders = [classes_seen("d", 10, 4, seed) for seed in range(20)]
    for seen in orders:
        assert [len(own) for own in seen] == [3, 6, 8, 10]
        assert all(own == sorted(set(own)) for own in seen)
        assert all(set(a) < set(b) for a, b in pairwise(seen))
        assert seen[-1] == list(range(10))
    assert len({tuple(seen[0]) for seen in orders}) > 10
    assert classes_seen("d", 10, 4, 7) == orders[7] != classes_seen("other", 10, 4, 7)
    # The order does not depend on the number of steps.
    assert classes_seen("d", 10, 2, 7)[0][:5] == sorted(classes_seen("d", 10, 2, 7)[0])
    assert set(classes_seen("d", 10, 5, 7)[0]) < set(orders[7][0])


@pytest.mark.parametrize("chosen", [[2, 0], [1], [0, 1, 2]])
def test_a_dataset_of_some_classes(chain: Chain, chosen: list[int]) -> None:
    """Pixels, labels and files in their order, image by image."""
    whole = open_prepared(chain.data)
    part = dataset_of_classes(whole, chosen)
    assert part.num_classes == len(chosen)
    assert part.manifest.classes == tuple(whole.manifest.classes[old] for old in chosen)
    for name in ("train", "test"):
        all_of, own = getattr(whole, name), getattr(part, name)
        rows = [n for n, label in enumerate(all_of.labels.tolist()) if label in chosen]
        assert own.labels.tolist() == [chosen.index(int(all_of.labels[n])) for n in rows]
        pixels = all_of.all_images(chain.job.device)
        assert torch.equal(own.all_images(chain.job.device), pixels[rows])
        assert torch.equal(own.batch(torch.tensor([1]), chain.job.device)[0], pixels[rows[1]])
        files = part.manifest.files[name]
        assert [one["class"] for one in files] == own.labels.tolist()
        paths = [one["path"] for one in whole.manifest.files[name]]
        assert [one["path"] for one in files] == [paths[n] for n in rows]


def test_a_set_of_some_classes() -> None:
    """Four classes of two images, whose learned labels are told apart by their values."""
    images = torch.arange(8.0)[:, None, None, None].expand(-1, 1, 2, 2)
    labels = torch.arange(4).repeat_interleave(2)
    logits = torch.arange(32.0).view(8, 4)
    whole = DistilledSet(images, labels, 2, {"mean": [0.5]}, logits, 0.1)
    part = images_of_classes(whole, [3, 1])
    assert part.images[:, 0, 0, 0].tolist() == [2, 3, 6, 7]
    assert part.labels.tolist() == [1, 1, 0, 0]
    assert part.learned_labels is not None and part.learned_rate == 0.1
    for row, image in enumerate((2, 3, 6, 7)):
        assert part.learned_labels[row].tolist() == [4 * image + 3, 4 * image + 1]
    assert images_of_classes(DistilledSet(images, labels, 2, {}), [0]).learned_labels is None


def test_pixels_of_a_part_are_verified(chain: Chain, tmp_path: Path) -> None:
    part = dataset_of_classes(open_prepared(chain.data), [0, 2])
    damaged = type(part.test)(
        *(part.test.images, part.test.labels, part.test.file, "0" * 64, part.test.rows)  # type: ignore[attr-defined]
    )
    with pytest.raises(FD2Error, match="digest of its pixels"):
        damaged.all_images(chain.job.device)
