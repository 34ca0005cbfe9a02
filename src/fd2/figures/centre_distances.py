"""How far each class's centre lies from the nearest other one, set beside set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.figures._rows import diagnosis_inputs, schema
from fd2.figures._sets import diagnosis_title, open_diagnosed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SETTINGS_SCHEMA = schema(
    "Distances between nearest class centres.",
    *("dataset", "ipc", "backbone", "training", "rows"),
)
inputs = diagnosis_inputs


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
                    "label": label,
                    "class": manifest.classes,
                    "nearest": [manifest.classes[c] for c in arrays["nearest_classes"]],
                    "distance": arrays["nearest_distances"],
                }
            )
            for label, arrays in sets
        ],
        ignore_index=True,
    )


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> tuple[Figure, pd.DataFrame]:
    """A box a row of `distances`, from the least to the largest, with the mean."""
    from fd2.figures._drawing import COLOURS, HATCHES, mark, new_figure

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
        box.set(facecolor=mark(COLOURS, position), alpha=0.6, hatch=mark(HATCHES, position))
    axes.set_ylabel("distance to the nearest other centre")
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="y", alpha=0.3)
    figure.suptitle(diagnosis_title(spec, "class centres"), fontsize=10)
    return figure, frame
