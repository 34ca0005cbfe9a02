"""The real images of Fashion-MNIST, from Debian's package dataset-fashion-mnist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from fd2.artifacts.prepared import PreparedDataset
from fd2.config.datasets import download_kind
from fd2.datasets.mnist import DATASETS

#: The package is no part of the environment; .ci/run installs it.
pytestmark = pytest.mark.slow


def test_debians_package_is_found_and_is_the_published_dataset(
    prepared: Callable[..., PreparedDataset],
) -> None:
    data = prepared("fashion_mnist", resolution=28, channels=1)
    manifest = data.manifest
    assert data.train.images.shape == (60_000, 28, 28, 1)
    assert data.test.images.shape == (10_000, 28, 28, 1)
    assert set(Counter(data.train.labels.tolist()).values()) == {6000}
    assert set(Counter(data.test.labels.tolist()).values()) == {1000}
    # As the public code normalises it.
    assert round(manifest.mean[0], 4) == 0.2860 and round(manifest.std[0], 4) == 0.3530
    assert manifest.classes[9] == "Ankle boot" and data.train.labels[0] == 9
    trousers, bags = (data.train.images[data.train.labels == c].mean() for c in (1, 8))
    assert trousers < bags, "a bag covers more than trousers do"
    assert "MIT" in manifest.source["licence"] and "/usr" not in str(manifest.source)
    np.testing.assert_array_equal(data.train.images[0, :3], 0)


def test_the_package_is_used_unless_the_entry_says_otherwise() -> None:
    entries = {
        "own": {"kind": "fashion_mnist", "local_path": "/data/fashion"},
        "packed": {"kind": "fashion_mnist"},
        "mirrored": {"kind": "fashion_mnist", "mirrors": ["https://example.org"]},
        "digits": {"kind": "mnist"},
    }
    kinds = {name: download_kind({"datasets": entries}, name) for name in entries}
    installed = DATASETS["fashion_mnist"].INSTALLED
    assert installed is not None and installed.is_dir()
    assert kinds == {"own": None, "packed": None, "mirrored": "fashion_mnist", "digits": "mnist"}
