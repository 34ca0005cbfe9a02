"""Batches of a split's images on a device, also of more images than its memory holds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from fd2.artifacts.prepared import Split

#: Share of a GPU's free memory that images may take; networks need the rest.
_SHARE = 0.5
#: Batches that are read before they are asked for.
_AHEAD = 2


class ImageBatches:
    """Batches of uint8 images ``[B, channels, H, W]`` on ``device``.

    Images are held on a GPU where all of them fit into half of its free memory. Else, and on the
    CPU, batches are read from the mapped file. Both give the same bits. ``held`` decides instead.

    Raises:
        FD2Error: if a pixel is not what the manifest says.
    """

    def __init__(self, split: Split, device: torch.device, *, held: bool | None = None) -> None:
        self._split, self._device = split, device
        if held is None:
            held = device.type == "cuda" and split.nbytes <= _SHARE * _free_bytes(device)
        self._held = split.all_images(device).permute(0, 2, 3, 1) if held else None
        if not held:
            # Whoever draws batches in a loop has seen by then that the file is whole.
            _ = split.verified

    def __len__(self) -> int:
        """How many images there are."""
        return len(self._split.labels)

    def batch(self, indices: Tensor) -> Tensor:
        """The images of ``indices``, int64 ``[B]`` on the CPU."""
        if self._held is None:
            return self._split.batch(indices, self._device)
        chosen = indices.to(self._device, non_blocking=True)
        return self._held.index_select(0, chosen).permute(0, 3, 1, 2)

    def batches(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        """`batch` after `batch`; those that come from the file are read ahead."""
        if self._held is not None:
            yield from map(self.batch, indices)
            return
        with ThreadPoolExecutor(1) as reader:
            read: deque[Future[Tensor]] = deque()
            for some in indices:
                read.append(reader.submit(self._read, some))
                if len(read) > _AHEAD:
                    yield read.popleft().result().to(self._device, non_blocking=True)
            for last in read:
                yield last.result().to(self._device, non_blocking=True)

    def in_order(self, size: int) -> Iterator[Tensor]:
        """All images, ``size`` at a time."""
        return self.batches(torch.arange(len(self)).split(size))

    def _read(self, indices: Tensor) -> Tensor:
        images = self._split.batch(indices, torch.device("cpu"))
        # From such memory copies run beside the network.
        return images.pin_memory() if self._device.type == "cuda" else images


def _free_bytes(device: torch.device) -> int:
    free: int = torch.cuda.mem_get_info(device)[0]
    return free
