"""MNIST: grey pictures of 28 by 28 pixels of handwritten digits.

Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition",
Proceedings of the IEEE, 1998.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.datasets import _idx
from fd2.datasets._public import download_schema, local_copy
from fd2.datasets._source import ImageSource

SETTINGS_SCHEMA = download_schema("mnist")

CHANNELS = 1
FILES = {
    "train-images-idx3-ubyte": _idx.IdxFile(
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": _idx.IdxFile(
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": _idx.IdxFile(
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "9fb629c4189551a2d022fa330f9573f3",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": _idx.IdxFile(
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ec29112dd5afa0611ce80d1b7f02629c",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
ARCHIVES = _idx.archives(
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    FILES,
)
PUBLISHED = _idx.PUBLISHED
CLASSES = tuple("0123456789")
_FACTS = {
    "version": "MNIST",
    "split_rule": "official: train and t10k",
    "licence": "none stated in the files; copies are often said to be under CC BY-SA 3.0",
    "attribution": "LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document "
    "Recognition, Proceedings of the IEEE 86(11), 1998; http://yann.lecun.com/exdb/mnist/",
}


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List the images in the order of the files.

    Raises:
        FD2Error: if there is no complete copy.
    """
    root = local_copy(settings, where)
    return _idx.idx_source(root, CLASSES, FILES, PUBLISHED, _FACTS, where)
