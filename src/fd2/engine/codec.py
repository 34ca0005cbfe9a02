"""What happens to pixels when an image leaves the optimiser: nothing, or the release's JPEG."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fd2.augment.normalise import Normaliser

_RELEASE_QUALITY = 75


def encode(images: Tensor, normaliser: Normaliser, codec: str) -> Tensor:
    """Normalised images as the pixels that later stages will read.

    Args:
        images: ``[..., 3, H, W]``, normalised.
        normaliser: of the dataset.
        codec: ``png`` rounds to the nearest level and loses nothing else; ``jpeg75`` truncates,
            then encodes and decodes each image as JPEG of quality 75, as the release does.

    Returns:
        uint8 of the same shape, on the CPU.
    """
    if codec == "png":
        return normaliser.quantise(images, "nearest").cpu()
    return _through_jpeg(normaliser.quantise(images, "truncate").cpu())


def _through_jpeg(images: Tensor) -> Tensor:
    """uint8 ``[..., 3, H, W]`` after JPEG. Runs once per finished image, not in a loop of steps."""
    flat = images.reshape(-1, *images.shape[-3:]).permute(0, 2, 3, 1).numpy()
    decoded = []
    for pixels in flat:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=_RELEASE_QUALITY)
        stream.seek(0)
        decoded.append(np.asarray(Image.open(stream).convert("RGB")))
    restored = torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2)
    return restored.reshape(images.shape).contiguous()
