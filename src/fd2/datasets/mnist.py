"""MNIST and Fashion-MNIST: grey pictures of 28 by 28 pixels of handwritten digits, or of garments.

Sources: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition",
Proceedings of the IEEE, 1998; Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for
Benchmarking Machine Learning Algorithms", arXiv:1708.07747.

Both come as IDX files: four big-endian bytes say the type (8 for bytes) and the number of axes,
four bytes each their lengths; the values follow.
"""

from __future__ import annotations

import gzip
import math
import zlib
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
from fd2.datasets._public import Published, download_schema, incomplete, local_copy
from fd2.datasets._source import ImageSource, SplitName
from fd2.downloads.archive import Archive

if TYPE_CHECKING:
    import numpy as np

#: Names of the files, for each split images and labels.
NAMES: Mapping[SplitName, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
PUBLISHED = Published(classes=10, train=60_000, test=10_000)
_BYTES = 0x08
_GZIP = b"\x1f\x8b"
_LARGEST = 1 << 28  # four times what the largest file of either dataset holds, or more


@dataclass(frozen=True)
class IdxFile:
    """What is known of a compressed file; `content_sha256` is the same however it is compressed."""

    size: int
    sha256: str
    md5: str
    content_sha256: str


@dataclass
class IdxKind:
    """A dataset of IDX files.

    Attributes:
        name: of the kind.
        CLASSES: names, by label.
        FILES: what is known of each file, by name.
        mirrors: addresses of folders that hold the files, compressed.
        facts: of its `ImageSource`.
        INSTALLED: where Debian's package puts the files; None where there is no such package. They
            are compressed anew, so that their content alone compares with the published one.
        INSTEAD: what a user may do where no mirror gives the files.
    """

    name: str
    CLASSES: tuple[str, ...]
    FILES: Mapping[str, IdxFile]
    mirrors: tuple[str, ...]
    facts: Mapping[str, Any]
    INSTALLED: Path | None = None
    INSTEAD: str | None = None
    PUBLISHED: Published = PUBLISHED

    CHANNELS = 1

    def __post_init__(self) -> None:
        self.SETTINGS_SCHEMA = download_schema(self.name)
        self.ARCHIVES = tuple(
            Archive.in_folders(
                f"{name}.gz",
                *self.mirrors,
                sizes=(file.size,),
                sha256=(file.sha256,),
                md5=(file.md5,),
            )
            for name, file in self.FILES.items()
        )

    def source(self, settings: Mapping[str, Any], where: str) -> ImageSource:
        """List the images in the order of the files, which may be compressed or not.

        Without ``local_path``, those of Debian's package are taken.

        Raises:
            FD2Error: if a file is missing, damaged, or another one than the published.
        """
        if settings.get("local_path") is None and self.INSTALLED and self.INSTALLED.is_dir():
            root = self.INSTALLED
        else:
            root = local_copy(settings, where)
        files = []
        for split, names in NAMES.items():
            paths = [find_packed(root, where, *_spellings(name)) for name in names]
            contents = [_content(path) for path in paths]
            pixels, labels = map(parse, contents, (3, 1), paths)
            if len(pixels) != len(labels):
                what = f"{len(pixels)} images, {len(labels)} labels in {paths[1]}"
                raise incomplete(what, paths[0])
            check_labels(labels, len(self.CLASSES), paths[1])
            for name, content, path in zip(names, contents, paths, strict=True):
                check_content(content, self.FILES[name].content_sha256, path)
            files.append(PackedImages(paths[0], names[0], split, pixels, labels))
        return packed_source(files, self.CLASSES, self.PUBLISHED, self.facts, root)


def parse(content: bytes, axes: int, path: Path) -> np.ndarray:
    """The bytes of an IDX file of so many axes, as uint8 of its shape; ``path`` is for errors.

    Raises:
        FD2Error: for another type or number of axes, or more or fewer values than the header says.
    """
    import numpy as np

    magic, start = bytes((0, 0, _BYTES, axes)), 4 * (axes + 1)
    if content[:4] != magic:
        what = f"begins with 0x{content[:4].hex()}; an IDX file of {axes} axes with 0x{magic.hex()}"
        raise incomplete(what, path)
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    values = len(content) - start
    if values != math.prod(shape):
        said = " x ".join(map(str, shape))
        raise incomplete(f"{max(values, 0)} values, its header says {said}", path)
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _content(path: Path) -> bytes:
    """The content, uncompressed; whether it is compressed shows in its first bytes."""
    try:
        with path.open("rb") as plain:
            compressed = plain.read(len(_GZIP)) == _GZIP
        with gzip.open(path, "rb") if compressed else path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise incomplete(f"cannot be unpacked: {error}", path) from error
    if len(content) > _LARGEST:
        raise incomplete(f"unpacks to more than {_LARGEST} bytes", path)
    return content


def _spellings(name: str) -> tuple[str, ...]:
    """File names that copies have: compressed or not, with a hyphen or a dot before ``idx``."""
    dotted = name.replace("-idx", ".idx")
    return f"{name}.gz", name, f"{dotted}.gz", dotted


DATASETS = {
    "mnist": IdxKind(
        name="mnist",
        CLASSES=tuple("0123456789"),
        FILES={
            "train-images-idx3-ubyte": IdxFile(
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            "train-labels-idx1-ubyte": IdxFile(
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            "t10k-images-idx3-ubyte": IdxFile(
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "9fb629c4189551a2d022fa330f9573f3",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            "t10k-labels-idx1-ubyte": IdxFile(
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ec29112dd5afa0611ce80d1b7f02629c",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        },
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
        ),
        facts={
            "version": "MNIST",
            "split_rule": "official: train and t10k",
            "licence": "none stated in the files; copies are often said to be under CC BY-SA 3.0",
            "attribution": "LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to "
            "Document Recognition, Proceedings of the IEEE 86(11), 1998; "
            "http://yann.lecun.com/exdb/mnist/",
        },
    ),
    "fashion_mnist": IdxKind(
        name="fashion_mnist",
        CLASSES=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        FILES={
            "train-images-idx3-ubyte": IdxFile(
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            "train-labels-idx1-ubyte": IdxFile(
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            "t10k-images-idx3-ubyte": IdxFile(
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "bef4ecab320f06d8554ea6380940ec79",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            "t10k-labels-idx1-ubyte": IdxFile(
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                "bb300cfdad3c16e7a12a480ee83cd310",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        },
        mirrors=(
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        ),
        facts={
            "version": "Fashion-MNIST",
            "split_rule": "official: train and t10k",
            "licence": "MIT (Copyright 2017 Zalando SE)",
            "attribution": "Xiao, Rasul, Vollgraf: Fashion-MNIST: a Novel Image Dataset for "
            "Benchmarking Machine Learning Algorithms, arXiv:1708.07747, 2017; "
            "https://github.com/zalandoresearch/fashion-mnist",
        },
        INSTALLED=Path("/usr/share/datasets/fashion-mnist"),
        INSTEAD="install Debian's package: apt-get install dataset-fashion-mnist",
    ),
}
