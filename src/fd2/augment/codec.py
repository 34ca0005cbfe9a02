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
        images: ``[..., K, H, W]``, normalised; K is 3 for RGB, 1 for grey.
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
    """uint8 ``[..., K, H, W]`` after JPEG. Runs once per finished image, not in a loop of steps."""
    flat = images.reshape(-1, *images.shape[-3:])
    mode = "L" if images.shape[-3] == 1 else "RGB"
    decoded = []
    for pixels in flat.permute(0, 2, 3, 1).numpy():
        stream = io.BytesIO()
        picture_of(pixels).save(stream, "JPEG", quality=_RELEASE_QUALITY)
        stream.seek(0)
        decoded.append(np.asarray(Image.open(stream).convert(mode)).reshape(pixels.shape))
    restored = torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2)
    return restored.reshape(images.shape).contiguous()


def picture_of(pixels: np.ndarray) -> Image.Image:
    """An image uint8 ``[H, W, 3]`` in RGB or ``[H, W, 1]`` in grey, as a picture of that mode."""
    return Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])
