"""How far each class's centre lies from the nearest other one, set beside set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.figures._sets import PROPERTIES, diagnosis_inputs, open_diagnosed

if TYPE_CHECKING:
    import pandas as pd

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": list(PROPERTIES),
    "description": "Distances between nearest class centres.",
    "properties": PROPERTIES,
}


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Paths below the results folder: each row's diagnosis, and the manifest."""
    return diagnosis_inputs(spec)


def distances(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> pd.DataFrame:
    """Nearest-neighbour distances between class centres, of features of length 1.

    Returns:
        One line a row and class: ``label``, ``class``, ``nearest`` (the class of the nearest
        centre) and ``distance`` in [0, 2]; see `fd2.diagnostics.class_structure`.

    Raises:
        FD2Error: if a diagnosis is missing or damaged, or was made from other data.
    """
    import pandas as pd

    manifest, sets = open_diagnosed(spec, files)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "label": one.label,
                    "class": manifest.classes,
                    "nearest": [manifest.classes[c] for c in one.nearest_classes],
                    "distance": one.nearest_distances,
                }
            )
            for one in sets
        ],
        ignore_index=True,
    )


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]], stem: Path) -> None:
    """Write ``stem.png``, ``stem.pdf`` and ``stem.csv``.

    Args:
        spec: fits `SETTINGS_SCHEMA`, with ``kind``.
        files: the paths of `inputs`, by the same names.
        stem: output path without suffix.

    Raises:
        FD2Error: as `distances`.
    """
    from fd2.figures._drawing import new_figure, write_figure
    from fd2.figures._marks import colour, hatch

    frame = distances(spec, files)
    groups = {str(label): part["distance"] for label, part in frame.groupby("label", sort=False)}
    figure = new_figure(1.5 + 1.4 * len(groups), 3.6)
    axes = figure.add_subplot()
    boxes = axes.boxplot(
        [values.to_numpy() for values in groups.values()],
        whis=(0, 100),
        widths=0.6,
        patch_artist=True,
        showmeans=True,
        meanprops={"marker": "D", "markerfacecolor": "white", "markeredgecolor": "black"},
        medianprops={"color": "black"},
        tick_labels=[f"{label}\nmean {values.mean():.3f}" for label, values in groups.items()],
    )
    for position, box in enumerate(boxes["boxes"]):
        box.set(facecolor=colour(position), alpha=0.6, hatch=hatch(position))
    axes.set_ylabel("distance to the nearest other centre")
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="y", alpha=0.3)
    network = f"{spec['backbone']} ({spec['training']})"
    figure.suptitle(f"{spec['dataset']}, IPC {spec['ipc']}: class centres, {network}", fontsize=10)
    write_figure(stem, figure, frame)
