"""Pictures within the page: figures, and a strip of images for each class of a set."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fd2.artifacts.manifests import Manifest

if TYPE_CHECKING:
    from PIL import Image

MOST_CLASSES, MOST_IMAGES = 20, 10
#: Pixels: the largest side of an image in a strip, and the gap behind it.
_SIDE, _GAP = 128, 2
#: Of lossy pictures, of 100: noise of distilled images makes lossless ones large.
_QUALITY = 85
_WHITE = 255


@dataclass(frozen=True)
class Strip:
    """Images of one class side by side.

    Attributes:
        name: the class.
        uri: the picture.
        images: how many.
        width, height: in pixels.
    """

    name: str
    uri: str
    images: int
    width: int
    height: int


def figure_uri(picture: Path) -> str:
    """A png of a figure, in fewer bytes where that loses nothing."""
    from PIL import Image

    content = picture.read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        small = _webp(image, lossless=True)
    return _uri("webp", small) if len(small) < len(content) else _uri("png", content)


def strips(path: Path, manifest: Manifest) -> Iterator[Strip]:
    """The first 10 images of the first 20 classes of a set, a strip a class.

    Large images are made smaller, and all are compressed with loss: they are to be looked at.

    Raises:
        FD2Error: if the set is damaged, or was made from other data.
    """
    from PIL import Image

    from fd2.artifacts.images import read_distilled
    from fd2.artifacts.provenance import same_manifest

    held = read_distilled(path)
    same_manifest({"the manifest": manifest.digest(), str(path): held.metadata["manifest"]})
    pictures = held.pictures().unflatten(0, (-1, held.images_per_class))
    shown = pictures[:MOST_CLASSES, :MOST_IMAGES].permute(0, 1, 3, 4, 2).numpy()
    side = min(_SIDE, shown.shape[2])
    for name, images in zip(manifest.classes, shown, strict=False):
        width = len(images) * (side + _GAP) - _GAP
        strip = Image.new("RGB", (width, side), (_WHITE, _WHITE, _WHITE))
        for place, pixels in enumerate(images):
            image = Image.fromarray(pixels.squeeze()).convert("RGB")
            strip.paste(
                image.resize((side, side), Image.Resampling.LANCZOS), (place * (side + _GAP), 0)
            )
        yield Strip(name, _uri("webp", _webp(strip, lossless=False)), len(images), width, side)


def _webp(image: Image.Image, *, lossless: bool) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "WEBP", lossless=lossless, quality=_QUALITY, method=6)
    return stream.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")
