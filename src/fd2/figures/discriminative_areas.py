"""Where a network looks for a class in its distilled images, by activation maps, method by method.

Source: Wang et al., *Emphasizing Discriminative Features for Dataset Distillation in Complex
Scenarios* (EDF), CVPR 2025, figures 2a and 5b: the discriminative area of an image is the share of
its pixels whose activation is above the map's mean; figure 1b: the share above 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.config.names import Teacher
from fd2.config.transformers import check_feature_map
from fd2.figures._rows import check_slots, class_ids, distilled_inputs, row_files, schema

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import Tensor

SETTINGS_SCHEMA = schema(
    "Activation maps of a network on the distilled images of one class.",
    *("dataset", "ipc", "class", "backbone", "training", "slots", "rows"),
    maps={
        **{"type": "string", "enum": ["grad_cam", "smooth_grad_cam"]},
        "description": "Grad-CAM, or SmoothGradCAM++.",
    },
    stretched={
        "type": "boolean",
        "description": "Whether each image of a matching method is shown over the range of its own "
        "pixels; else these are clipped to black and white. The network sees them as they are.",
    },
)


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Distilled sets, manifest and network.

    Raises:
        FD2Error: if more slots are asked for than there are, or the network has no feature map.
    """
    check_slots(spec)
    where = "figure of kind discriminative_areas"
    check_feature_map([spec["backbone"]], where, "activation maps are computed from it")
    network = Teacher(spec["dataset"], spec["backbone"], spec["training"])
    return {**distilled_inputs(spec), "network": [network.path()]}


def lines_of(label: str, name: str, maps: Tensor) -> list[dict[str, Any]]:
    """A row's numbers, one line a slot.

    Args:
        label: of the row.
        name: of the class.
        maps: ``[slots, H, W]`` in [0, 1].

    Returns:
        ``label``, ``class``, ``slot``, the map's mean ``activation``, and the shares of pixels
        above that mean, ``area``, and above 0.5, ``area_above_half``.
    """
    means = maps.mean((1, 2))
    areas = (maps > means[:, None, None]).double().mean((1, 2))
    halves = (maps > 0.5).double().mean((1, 2))
    columns = zip(means.tolist(), areas.tolist(), halves.tolist(), strict=True)
    return [
        {
            **{"label": label, "class": name, "slot": slot},
            **{"activation": mean, "area": area, "area_above_half": half},
        }
        for slot, (mean, area, half) in enumerate(columns)
    ]


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> tuple[Figure, pd.DataFrame]:
    """A row a method, two columns a slot: the image, and its map laid over it.

    Raises:
        FD2Error: for an unknown class, or files that are missing, damaged or of other data.
    """
    import numpy as np
    import pandas as pd
    import torch

    from fd2.artifacts.provenance import same_manifest
    from fd2.figures._attention import overlays
    from fd2.figures._mosaic import in_rgb, in_turns, mosaic_figure
    from fd2.figures._sets import open_sets, pictures_by_class
    from fd2.networks.activation_maps import activation_maps
    from fd2.networks.stored_teacher import read_teacher
    from fd2.runtime.seeds import torch_generator

    rows, slots = row_files(spec, files), spec["slots"]
    manifest, sets = open_sets([path for _, (path,) in rows], files["manifest"][0])
    (chosen,) = class_ids([spec["class"]], manifest.classes, "setting class of a figure")
    path = files["network"][0]
    network = read_teacher(path, torch.device("cpu"))
    same_manifest({"manifest": manifest.digest(), str(path): network.metadata["manifest"]})
    wanted = torch.full((slots,), chosen)
    shown, heats, lines = [], [], []
    for (label, _), images in zip(rows, sets, strict=True):
        begin = chosen * images.images_per_class
        seen = network.normaliser.normalise(images.images[begin : begin + slots])
        noise = torch_generator("figure", spec["dataset"], spec["class"])
        maps = activation_maps(spec["maps"], network.network.backbone, seen, wanted, noise)
        of_class = pictures_by_class(images, stretched=spec["stretched"])[chosen]
        shown.append(of_class[:slots])
        heats.append(maps.numpy())
        lines += lines_of(label, spec["class"], maps)
    numbers = pd.DataFrame(lines)
    pictures, heat = np.stack(shown), np.stack(heats)
    columns = [f"{what}{slot}" for slot in range(slots) for what in ("slot ", "map ")]
    title = f"{spec['dataset']}, IPC {spec['ipc']}, class {spec['class']}: activation maps of "
    title += f"{spec['backbone']} ({spec['training']})"
    whole = in_turns(in_rgb(pictures), overlays(pictures, heat))
    return mosaic_figure(whole, _row_names(numbers), columns, title), numbers


def _row_names(numbers: pd.DataFrame) -> list[str]:
    """Each row's mean area, and what it gains over the first row."""
    areas = 100 * numbers.groupby("label", sort=False)["area"].mean()
    first = areas.iloc[0]
    return [
        f"{label}\narea {area:.1f} %" + ("" if position == 0 else f" ({area - first:+.1f})")
        for position, (label, area) in enumerate(areas.items())
    ]
