"""Images of a detector: those of a distilled set in memory, or files that are read as needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fd2.artifacts.files import damaged
from fd2.errors import FD2Error


class Pictures(Protocol):
    """Images by position."""

    def batches(self, positions: Iterable[Sequence[int]]) -> Iterator[list[Tensor]]:
        """For each batch of positions uint8 ``[3, H, W]`` of each image, on the CPU."""


class PicturesOfSet:
    """Distilled images uint8 ``[N, K, H, W]``; grey ones are shown in three channels."""

    def __init__(self, images: Tensor) -> None:
        self._images = images.expand(-1, 3, -1, -1)

    def batches(self, positions: Iterable[Sequence[int]]) -> Iterator[list[Tensor]]:
        """See `Pictures`."""
        return (list(self._images[list(batch)]) for batch in positions)


class PicturesInFiles:
    """Image files below a folder, of which the next batch is decoded while one is looked at.

    A file is read as COCO's own tools do, without its EXIF rotation, which boxes know nothing of.
    """

    def __init__(self, folder: Path, names: Sequence[str], threads: int) -> None:
        self._folder, self._names, self._threads = folder, names, threads

    def batches(self, positions: Iterable[Sequence[int]]) -> Iterator[list[Tensor]]:
        """See `Pictures`.

        Raises:
            FD2Error: if a file is missing or damaged.
        """
        with ThreadPoolExecutor(self._threads) as readers:
            ahead: list[Future[Tensor]] | None = None
            for batch in positions:
                asked = [readers.submit(self._read, position) for position in batch]
                if ahead is not None:
                    yield [one.result() for one in ahead]
                ahead = asked
            if ahead is not None:
                yield [one.result() for one in ahead]

    def _read(self, position: int) -> Tensor:
        path = self._folder / self._names[position]
        try:
            with Image.open(path) as picture:
                pixels = np.array(picture.convert("RGB"))
        except FileNotFoundError as error:
            fix = "put the image back; the scenes were prepared with it"
            raise FD2Error("no such image", str(path), fix) from error
        except (OSError, SyntaxError) as error:
            raise damaged(path, str(error)) from error
        return torch.from_numpy(pixels).permute(2, 0, 1)
