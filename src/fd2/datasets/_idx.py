"""Grey images and labels in IDX files, the format of MNIST and of the datasets made in its shape.

Four big-endian bytes say the type (8 for bytes) and the number of axes, four bytes each their
lengths; the values follow.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Mapping, Sequence
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
from fd2.datasets._public import Published, incomplete
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
    """What is known of a file: size in bytes and digests in hexadecimal.

    Attributes:
        size, sha256, md5: of the compressed file that the authors offer.
        content_sha256: of its content; a file that was compressed anew has the same.
    """

    size: int
    sha256: str
    md5: str
    content_sha256: str


def archives(mirrors: Sequence[str], known: Mapping[str, IdxFile]) -> tuple[Archive, ...]:
    """The files at mirrors that hold each under its own name."""
    return tuple(
        Archive(
            f"{name}.gz",
            tuple(f"{mirror}/{name}.gz" for mirror in mirrors),
            sizes=(file.size,),
            sha256=(file.sha256,),
            md5=(file.md5,),
        )
        for name, file in known.items()
    )


def idx_source(
    root: Path,
    classes: Sequence[str],
    known: Mapping[str, IdxFile],
    published: Published,
    facts: Mapping[str, Any],
    where: str,
) -> ImageSource:
    """The images of both splits, from files below ``root``, compressed or not.

    Raises:
        FD2Error: if a file is missing, damaged, or another one than the published.
    """
    files = []
    for split, names in NAMES.items():
        paths = [find_packed(root, where, *_spellings(name)) for name in names]
        contents = [_content(path) for path in paths]
        pixels, labels = (
            parse(content, axes, path)
            for content, axes, path in zip(contents, (3, 1), paths, strict=True)
        )
        if len(pixels) != len(labels):
            raise incomplete(f"{len(pixels)} images, {len(labels)} labels in {paths[1]}", paths[0])
        check_labels(labels, len(classes), paths[1])
        for name, content, path in zip(names, contents, paths, strict=True):
            check_content(content, known[name].content_sha256, path)
        files.append(PackedImages(paths[0], names[0], split, pixels, labels))
    return packed_source(files, classes, published, facts, root)


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
    """The content, uncompressed; whether it is compressed shows in its first bytes.

    Raises:
        FD2Error: if it cannot be read, or is cut off or damaged.
    """
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
