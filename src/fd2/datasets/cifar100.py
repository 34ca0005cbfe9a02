"""CIFAR-100: photographs of 32 by 32 pixels in 100 classes.

Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The classes are
the fine ones; the 20 coarse ones are not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.datasets import _cifar
from fd2.datasets._public import Published, download_schema, local_copy
from fd2.datasets._source import ImageSource, SplitName
from fd2.downloads.archive import Archive

SETTINGS_SCHEMA = download_schema("cifar100")

ARCHIVES = (
    Archive(
        "cifar-100-binary.tar.gz",
        tuple(f"{mirror}/cifar-100-binary.tar.gz" for mirror in _cifar.MIRRORS),
        sizes=(168_513_733,),
        sha256=("58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",),
        md5=("03b5dce01913d631647c71ecec9e9cb8",),
    ),
)
#: sha256 by file.
FILES: Mapping[SplitName, Mapping[str, str]] = {
    "train": {
        "train.bin": "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
    },
    "test": {
        "test.bin": "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
    },
}
PUBLISHED = Published(classes=100, train=50_000, test=10_000)


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List the images in the order of the files.

    Raises:
        FD2Error: if there is no complete copy of the binary version.
    """
    root = local_copy(settings, where)
    version = "CIFAR-100, binary version, fine classes"
    return _cifar.cifar_source(root, "fine_label_names.txt", FILES, 2, PUBLISHED, version, where)
