"""CIFAR-10: photographs of 32 by 32 pixels in ten classes.

Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.datasets import _cifar
from fd2.datasets._public import Published, download_schema, local_copy
from fd2.datasets._source import ImageSource, SplitName
from fd2.downloads.archive import Archive

SETTINGS_SCHEMA = download_schema("cifar10")

ARCHIVES = (
    Archive(
        "cifar-10-binary.tar.gz",
        tuple(f"{mirror}/cifar-10-binary.tar.gz" for mirror in _cifar.MIRRORS),
        sizes=(170_052_171,),
        sha256=("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",),
        md5=("c32a1d4ab5d03f1284b67883e8d87530",),
    ),
)
#: sha256 by file.
FILES: Mapping[SplitName, Mapping[str, str]] = {
    "train": {
        "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    },
    "test": {
        "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
    },
}
PUBLISHED = Published(classes=10, train=50_000, test=10_000)


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List the images in the order of the batches.

    Raises:
        FD2Error: if there is no complete copy of the binary version.
    """
    root = local_copy(settings, where)
    version = "CIFAR-10, binary version"
    return _cifar.cifar_source(root, "batches.meta.txt", FILES, 1, PUBLISHED, version, where)
