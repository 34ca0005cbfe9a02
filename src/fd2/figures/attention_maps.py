"""Where the teacher looks in the distilled images of one class, method by method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.errors import FD2Error
from fd2.reporting.figure_rows import (
    DATASET,
    IPC,
    ROWS,
    class_ids,
    distilled_inputs,
    labels,
    row_key,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor

    from fd2.augment.normalise import Normaliser
    from fd2.networks.teacher import Teacher

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["dataset", "ipc", "class", "teacher", "rows"],
    "description": "Attention of a teacher on the distilled images of one class.",
    "properties": {
        "dataset": DATASET,
        "ipc": IPC,
        "class": {"type": "string", "description": "Name of the class to show."},
        "teacher": {
            "type": "string",
            "description": "Backbone of the teacher with attention head that looks at the images.",
        },
        "rows": ROWS,
    },
}
SHOWN_SLOTS = 5
COVERED = 0.5
OPACITY = 0.55
COLOUR_MAP = "inferno"


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Paths below the results folder: distilled sets, manifest and teacher."""
    teacher = f"teachers/{spec['dataset']}/{spec['teacher']}/cal.safetensors"
    return {**distilled_inputs(spec), "teacher": [teacher]}


def normalised_mean(attention: Tensor) -> Tensor:
    """Mean over attention maps, scaled to a maximum of 1; an all-zero map stays zero.

    Args:
        attention: ``[K, M, h, w]``, non-negative.

    Returns:
        ``[K, h, w]`` in [0, 1].
    """
    mean = attention.float().mean(dim=1)
    peak = mean.amax(dim=(1, 2), keepdim=True)
    return mean / peak.where(peak > 0, 1.0)


def spread(attention: Tensor) -> tuple[float | None, float]:
    """How differently the teacher looks at the slots of one class.

    Args:
        attention: ``[K, M, h, w]``, non-negative, of K slots.

    Returns:
        The mean over pairs of slots of d(vec A_i, vec A_j) (the distance of FD² eq. 10; None for
        one slot), and the share of cells where some slot's mean map is above half its maximum.
    """
    import torch

    from fd2.losses.distance import normalised_distance

    first, second = torch.triu_indices(len(attention), len(attention), offset=1)
    flat = attention.flatten(1)
    distance = normalised_distance(flat[first], flat[second]).mean().item() if len(first) else None
    union = normalised_mean(attention).amax(dim=0) > COVERED
    return distance, union.float().mean().item()


def collect(
    spec: Mapping[str, Any], files: Mapping[str, list[Path]]
) -> tuple[np.ndarray, pd.DataFrame]:
    """Images beside their overlays, and the numbers of `spread`.

    Returns:
        uint8 ``[rows, 2 * K, H, W, 3]`` (image, overlay, image, …; the first `SHOWN_SLOTS` slots),
        and one line a row: ``label``, ``class``, ``slots``, ``pairwise_distance``, ``coverage``,
        over all slots.

    Raises:
        FD2Error: for an unknown class, a teacher without attention head, or other data.
    """
    import numpy as np
    import pandas as pd
    import torch

    from fd2.artifacts.provenance import same_manifest
    from fd2.networks.stored_teacher import read_teacher
    from fd2.reporting.distilled import open_sets

    names = labels(spec)
    paths = [files[row_key(position)][0] for position in range(len(names))]
    manifest, sets = open_sets(paths, files["manifest"][0])
    place = f"figure of kind '{spec['kind']}', setting class"
    (chosen,) = class_ids([spec["class"]], manifest.classes, place)
    path = files["teacher"][0]
    teacher = read_teacher(path, torch.device("cpu"))
    same_manifest({"manifest": manifest.digest(), str(path): teacher.metadata["manifest"]})
    strips, lines = [], []
    for label, images in zip(names, sets, strict=True):
        attention = attention_of(teacher.network, teacher.normaliser, images[chosen], str(path))
        strips.append(strip_of(images[chosen], normalised_mean(attention)))
        distance, coverage = spread(attention)
        lines.append(
            {
                "label": label,
                "class": spec["class"],
                "slots": len(attention),
                "pairwise_distance": distance,
                "coverage": coverage,
            }
        )
    return np.stack(strips), pd.DataFrame(lines)


def attention_of(
    teacher: Teacher, normaliser: Normaliser, images: np.ndarray, place: str
) -> Tensor:
    """A teacher's attention on images.

    Args:
        teacher: is put into evaluation mode.
        normaliser: of the teacher's training data.
        images: uint8 ``[K, H, W, 3]``.
        place: the teacher's file, for the error.

    Returns:
        ``[K, M, h, w]``.

    Raises:
        FD2Error: if the teacher has no attention head.
    """
    import torch

    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    with torch.inference_mode():
        attention: Tensor | None = teacher.eval()(normaliser.normalise(pixels)).attention
    if attention is None:
        raise FD2Error("the teacher has no attention head", place, "give a teacher of recipe 'cal'")
    return attention


def strip_of(images: np.ndarray, maps: Tensor) -> np.ndarray:
    """Images ``[K, H, W, 3]`` and maps ``[K, h, w]`` as uint8 ``[2 * K', H, W, 3]``, in turns."""
    import matplotlib
    import numpy as np
    from torch.nn.functional import interpolate

    shown = images[:SHOWN_SLOTS]
    fine = interpolate(maps[:SHOWN_SLOTS, None], size=shown.shape[1:3], mode="bilinear")
    heat = fine[:, 0] / fine.amax(dim=(1, 2, 3)).clamp_min(1e-6)[:, None, None]
    colours = matplotlib.colormaps[COLOUR_MAP](heat.numpy())[..., :3] * 255
    overlay = np.rint(OPACITY * colours + (1 - OPACITY) * shown).astype(np.uint8)
    return np.stack([shown, overlay], axis=1).reshape(-1, *shown.shape[1:])


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]], stem: Path) -> None:
    """Write ``stem.png``, ``stem.pdf`` and ``stem.csv``.

    Args:
        spec: fits `SETTINGS_SCHEMA`, with ``kind``.
        files: the paths of `inputs`, by the same names.
        stem: output path without suffix.

    Raises:
        FD2Error: as `collect`.
    """
    from fd2.reporting.files import write_figure
    from fd2.reporting.mosaic import mosaic_figure

    pictures, numbers = collect(spec, files)
    names = [_row_name(line) for line in numbers.to_dict("records")]
    columns = [f"slot {i // 2}" if i % 2 == 0 else "attention" for i in range(pictures.shape[1])]
    title = f"{spec['dataset']}, class {spec['class']}: attention of {spec['teacher']}"
    write_figure(stem, mosaic_figure(pictures, names, columns, title), numbers)


def _row_name(line: Mapping[Any, Any]) -> str:
    distance = line["pairwise_distance"]
    apart = "" if line["slots"] == 1 else f"distance {distance:.2f}, "
    return f"{line['label']}\n{apart}coverage {line['coverage']:.2f}"
