"""Attention of a teacher on distilled images: maps, distances, and how they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fd2.artifacts.provenance import same_manifest
from fd2.augment.normalise import Normaliser
from fd2.diagnostics.attention_spread import ATTENDED
from fd2.errors import FD2Error
from fd2.figures._mosaic import gap_of, mosaic, mosaic_figure
from fd2.figures._rows import class_ids, row_files
from fd2.figures._sets import open_sets, pictures_by_class
from fd2.losses.distance import normalised_distance
from fd2.networks.stored_teacher import read_teacher
from fd2.networks.teacher import Teacher

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OPACITY = 0.55
#: Lightness grows with attention, so that it survives grey print and colour-blindness.
COLOUR_MAP = "inferno"


@dataclass(frozen=True)
class RowAttention:
    """What a teacher sees in some slots of one class of one method.

    Attributes:
        label: the row's name for readers.
        slots: the slots' numbers, K of them.
        images: uint8 ``[K, H, W, channels]``, as they are shown.
        attention: ``[K, M, h, w]``, non-negative, on the set's own pixels.
    """

    label: str
    slots: tuple[int, ...]
    images: np.ndarray
    attention: Tensor

    def maps(self) -> Tensor:
        """``[K, h, w]`` in [0, 1]: see `normalised_mean`."""
        return normalised_mean(self.attention)

    def heat(self) -> np.ndarray:
        """The maps as large as the images, ``[K, H, W]``, each with a maximum of 1 or all zero."""
        size = self.images.shape[1:3]
        fine = interpolate(self.maps()[:, None], size=size, mode="bilinear")[:, 0]
        heat: np.ndarray = (fine / fine.amax(dim=(1, 2), keepdim=True).clamp_min(1e-6)).numpy()
        return heat

    def map_columns(self) -> list[dict[str, float]]:
        """Each slot's map as numbers ``map_{line}_{column}``, for the csv behind a figure."""
        return [
            {f"map_{y}_{x}": value for y, line in enumerate(one) for x, value in enumerate(line)}
            for one in self.maps().tolist()
        ]


def read_attention(
    spec: Mapping[str, Any], files: Mapping[str, list[Path]], slots: Sequence[int]
) -> list[RowAttention]:
    """The attention of a figure's teacher on some slots of a figure's rows.

    Files are those of `fd2.figures._rows.attention_inputs`, by the same roles.

    Raises:
        FD2Error: for an unknown class, a teacher without attention head, or other data.
    """
    rows = row_files(spec, files)
    manifest, sets = open_sets([path for _, (path,) in rows], files["manifest"][0])
    where = f"figure of kind '{spec['kind']}', setting class"
    (chosen,) = class_ids([spec["class"]], manifest.classes, where)
    path = files["teacher"][0]
    teacher = read_teacher(path, torch.device("cpu"))
    same_manifest({"manifest": manifest.digest(), str(path): teacher.metadata["manifest"]})
    found = []
    for (label, _), images in zip(rows, sets, strict=True):
        seen = images.images[[chosen * images.images_per_class + slot for slot in slots]]
        attention = attention_of(teacher.network, teacher.normaliser, seen, str(path))
        shown = pictures_by_class(images)[chosen][list(slots)]
        found.append(RowAttention(label, tuple(slots), shown, attention))
    return found


def attention_of(teacher: Teacher, normaliser: Normaliser, images: Tensor, where: str) -> Tensor:
    """Attention ``[K, M, h, w]`` of a teacher on a set's images ``[K, channels, H, W]``.

    The teacher is put into evaluation mode; ``where`` is its file, for the error.

    Raises:
        FD2Error: if the teacher has no attention head.
    """
    with torch.inference_mode():
        attention: Tensor | None = teacher.eval()(normaliser.normalise(images)).attention
    if attention is None:
        raise FD2Error(
            "the teacher has no attention head", where, "give one trained with attention"
        )
    return attention


def normalised_mean(attention: Tensor) -> Tensor:
    """Mean over attention maps, scaled to a maximum of 1; an all-zero map stays zero.

    From ``[K, M, h, w]``, non-negative, to ``[K, h, w]`` in [0, 1].
    """
    mean = attention.float().mean(dim=1)
    peak = mean.amax(dim=(1, 2), keepdim=True)
    return mean / peak.where(peak > 0, 1.0)


def distances(attention: Tensor) -> Tensor:
    """Between the attention ``[K, M, h, w]``, non-negative, of every two images.

    ``[K, K]`` in [0, 1], symmetric: d(vec A_i, vec A_j) of FD² eq. 10.
    """
    flat = attention.flatten(1)
    return normalised_distance(flat[:, None], flat[None, :])


def overlays(images: np.ndarray, heats: np.ndarray) -> np.ndarray:
    """Images uint8 ``[..., H, W, channels]`` in grey under heats ``[..., H, W]``; in RGB."""
    import matplotlib

    colours = matplotlib.colormaps[COLOUR_MAP](heats)[..., :3] * 255
    # In grey, so that every colour is attention's.
    grey = images.mean(axis=-1, keepdims=True)
    return np.rint(OPACITY * colours + (1 - OPACITY) * grey).astype(np.uint8)


def attention_figure(
    spec: Mapping[str, Any],
    pictures: np.ndarray,
    heats: np.ndarray,
    row_names: Sequence[str],
    column_names: Sequence[str],
) -> Figure:
    """A mosaic with a colour bar, and a line around what is covered.

    Of pictures uint8 ``[rows, columns, H, W, 3]`` and heats ``[rows, columns, H, W]`` in [0, 1],
    zero where an image has no overlay.
    """
    import matplotlib
    from matplotlib.cm import ScalarMappable
    from matplotlib.patheffects import withStroke

    title = f"{spec['dataset']}, class {spec['class']}: attention of {spec['teacher']}"
    figure = mosaic_figure(pictures, row_names, column_names, title)
    axes = figure.axes[0]
    # Zero between and around the images closes each line, so that it tells inside from outside.
    level = np.pad(mosaic(heats[..., None], gap_of(heats.shape[2]), fill=0)[..., 0], 1)
    down, right = (np.arange(count) - 1 for count in level.shape)
    limits = axes.axis()
    lines = axes.contour(right, down, level, levels=[ATTENDED], colors="white", linewidths=0.7)
    axes.axis(limits)
    lines.set_path_effects([withStroke(linewidth=1.6, foreground="black")])
    bar = figure.colorbar(
        ScalarMappable(cmap=matplotlib.colormaps[COLOUR_MAP]), ax=axes, aspect=30, pad=0.02
    )
    bar.set_label("attention / its maximum; line at 0.5", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    return figure
