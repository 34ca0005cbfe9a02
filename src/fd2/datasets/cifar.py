"""CIFAR-10 and CIFAR-100: photographs of 32 by 32 pixels.

Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. Of CIFAR-100 the
100 fine classes are used, not the 20 coarse ones. Taken is the binary form, records of one or two
label bytes and three planes of pixels; the better known form holds Python's pickles, which run
whatever code is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.datasets._packed import (
    PackedImages,
    check_content,
    check_labels,
    find_packed,
    packed_source,
)
from fd2.datasets._public import Published, download_schema, incomplete, local_copy, read_lines
from fd2.datasets._source import ImageSource, SplitName
from fd2.downloads.archive import Archive

if TYPE_CHECKING:
    import numpy as np

_SIDE = 32
_MIRRORS = ("https://www.cs.toronto.edu/~kriz", "https://cave.cs.toronto.edu/kriz")
_FACTS = {
    "split_rule": "official: training batches and test batch",
    "licence": "none stated; photographs from the web, for research",
    "attribution": "Krizhevsky: Learning Multiple Layers of Features from Tiny Images, University "
    "of Toronto, 2009; https://www.cs.toronto.edu/~kriz/cifar.html",
}


@dataclass
class CifarKind:
    """One of the two.

    Attributes:
        name: of the kind.
        version: the dataset's name and version.
        class_list: file with the classes' names, a line each.
        label_bytes: of a record; the last one is the class.
        FILES: sha256 of each split's files by their names, in order.
    """

    name: str
    version: str
    class_list: str
    label_bytes: int
    PUBLISHED: Published
    ARCHIVES: tuple[Archive, ...]
    FILES: Mapping[SplitName, Mapping[str, str]]

    def __post_init__(self) -> None:
        self.SETTINGS_SCHEMA = download_schema(self.name)

    def source(self, settings: Mapping[str, Any], where: str) -> ImageSource:
        """List the images in the order of the files.

        Raises:
            FD2Error: if a file is missing, damaged, or another one than the published.
        """
        root = local_copy(settings, where)
        class_list = find_packed(root, where, self.class_list)
        found = []
        for split, files in self.FILES.items():
            for name, sha256 in files.items():
                path = find_packed(class_list.parent, where, name)
                content = path.read_bytes()
                pixels, labels = _records(content, self.label_bytes, path)
                check_labels(labels, self.PUBLISHED.classes, path)
                check_content(content, sha256, path)
                found.append(PackedImages(path, name, split, pixels, labels))
        facts = {"version": self.version, **_FACTS}
        return packed_source(found, read_lines(class_list), self.PUBLISHED, facts, root)


def _records(content: bytes, label_bytes: int, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 ``[N, 32, 32, 3]`` and labels ``[N]`` of a file."""
    import numpy as np

    size = label_bytes + 3 * _SIDE**2
    if len(content) % size or not content:
        what = f"{len(content)} bytes, which are no whole number of records of {size} bytes"
        raise incomplete(what, path)
    rows = np.frombuffer(content, np.uint8).reshape(-1, size)
    planes = rows[:, label_bytes:].reshape(-1, 3, _SIDE, _SIDE)
    return planes.transpose(0, 2, 3, 1), rows[:, label_bytes - 1]


_TEN_FILES: Mapping[SplitName, Mapping[str, str]] = {
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
_HUNDRED_FILES: Mapping[SplitName, Mapping[str, str]] = {
    "train": {
        "train.bin": "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
    },
    "test": {
        "test.bin": "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
    },
}
DATASETS = {
    "cifar10": CifarKind(
        name="cifar10",
        version="CIFAR-10, binary version",
        class_list="batches.meta.txt",
        label_bytes=1,
        PUBLISHED=Published(classes=10, train=50_000, test=10_000),
        ARCHIVES=(
            Archive.in_folders(
                "cifar-10-binary.tar.gz",
                *_MIRRORS,
                sizes=(170_052_171,),
                sha256=("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",),
                md5=("c32a1d4ab5d03f1284b67883e8d87530",),
            ),
        ),
        FILES=_TEN_FILES,
    ),
    "cifar100": CifarKind(
        name="cifar100",
        version="CIFAR-100, binary version, fine classes",
        class_list="fine_label_names.txt",
        label_bytes=2,
        PUBLISHED=Published(classes=100, train=50_000, test=10_000),
        ARCHIVES=(
            Archive.in_folders(
                "cifar-100-binary.tar.gz",
                *_MIRRORS,
                sizes=(168_513_733,),
                sha256=("58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",),
                md5=("03b5dce01913d631647c71ecec9e9cb8",),
            ),
        ),
        FILES=_HUNDRED_FILES,
    ),
}
