"""Fashion-MNIST: grey pictures of 28 by 28 pixels of garments, in the shape of MNIST.

Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", arXiv:1708.07747. Debian packs it: where ``dataset-fashion-mnist`` is
installed, nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fd2.datasets import _idx
from fd2.datasets._public import download_schema, local_copy
from fd2.datasets._source import ImageSource

SETTINGS_SCHEMA = download_schema("fashion_mnist")

CHANNELS = 1
#: Where Debian's package puts the files. They are compressed anew, so that their content alone
#: compares with the published one.
INSTALLED = Path("/usr/share/datasets/fashion-mnist")
FILES = {
    "train-images-idx3-ubyte": _idx.IdxFile(
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte": _idx.IdxFile(
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte": _idx.IdxFile(
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "bef4ecab320f06d8554ea6380940ec79",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte": _idx.IdxFile(
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "bb300cfdad3c16e7a12a480ee83cd310",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
ARCHIVES = _idx.archives(
    (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    ),
    FILES,
)
PUBLISHED = _idx.PUBLISHED
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_FACTS = {
    "version": "Fashion-MNIST",
    "split_rule": "official: train and t10k",
    "licence": "MIT (Copyright 2017 Zalando SE)",
    "attribution": "Xiao, Rasul, Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking "
    "Machine Learning Algorithms, arXiv:1708.07747, 2017; "
    "https://github.com/zalandoresearch/fashion-mnist",
}


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List the images in the order of the files; without ``local_path``, those of Debian's package.

    Raises:
        FD2Error: if there is no complete copy.
    """
    installed = settings.get("local_path") is None and INSTALLED.is_dir()
    root = INSTALLED if installed else local_copy(settings, where)
    return _idx.idx_source(root, CLASSES, FILES, PUBLISHED, _FACTS, where)
