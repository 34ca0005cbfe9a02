"""CIFAR in its binary form: records of one or two label bytes and three planes of 32 by 32 bytes.

The better known form holds Python's pickles, which run whatever code is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fd2.datasets._packed import (
    PackedImages,
    check_content,
    check_labels,
    find_packed,
    packed_source,
)
from fd2.datasets._public import Published, incomplete, read_lines
from fd2.datasets._source import ImageSource, SplitName

if TYPE_CHECKING:
    import numpy as np

SIDE = 32
MIRRORS = ("https://www.cs.toronto.edu/~kriz", "https://cave.cs.toronto.edu/kriz")
_FACTS = {
    "split_rule": "official: training batches and test batch",
    "licence": "none stated; photographs from the web, for research",
    "attribution": "Krizhevsky: Learning Multiple Layers of Features from Tiny Images, University "
    "of Toronto, 2009; https://www.cs.toronto.edu/~kriz/cifar.html",
}


def cifar_source(
    root: Path,
    names: str,
    files: Mapping[SplitName, Mapping[str, str]],
    label_bytes: int,
    published: Published,
    version: str,
    where: str,
) -> ImageSource:
    """The images of both splits, below ``root``.

    Args:
        root: a folder.
        names: of the file with the classes' names, a line each.
        files: the sha256 of each split's files by their names, in order.
        label_bytes: of a record; the last one is the class.
        published: numbers of classes and images.
        version: the dataset's name and version.
        where: names the config entry in errors.

    Raises:
        FD2Error: if a file is missing, damaged, or another one than the published.
    """
    listed = find_packed(root, where, names)
    classes = tuple(read_lines(listed))
    found = []
    for split, of_split in files.items():
        for name, sha256 in of_split.items():
            path = find_packed(listed.parent, where, name)
            content = path.read_bytes()
            pixels, labels = records(content, label_bytes, path)
            check_labels(labels, published.classes, path)
            check_content(content, sha256, path)
            found.append(PackedImages(path, name, split, pixels, labels))
    return packed_source(found, classes, published, {"version": version, **_FACTS}, root)


def records(content: bytes, label_bytes: int, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 ``[N, 32, 32, 3]`` and labels ``[N]`` of a file; ``path`` is for errors.

    Raises:
        FD2Error: if the file does not end with a record.
    """
    import numpy as np

    size = label_bytes + 3 * SIDE**2
    if len(content) % size or not content:
        what = f"{len(content)} bytes, which are no whole number of records of {size} bytes"
        raise incomplete(what, path)
    rows = np.frombuffer(content, np.uint8).reshape(-1, size)
    planes = rows[:, label_bytes:].reshape(-1, 3, SIDE, SIDE)
    return planes.transpose(0, 2, 3, 1), rows[:, label_bytes - 1]
