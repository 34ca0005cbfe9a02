"""How much of the images an enhancement stresses while they are made, method by method.

Source: Wang et al., *Emphasizing Discriminative Features for Dataset Distillation in Complex
Scenarios* (EDF), CVPR 2025, figure 7a.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.errors import FD2Error
from fd2.figures._rows import distilled_inputs, row_files, schema

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SETTINGS_SCHEMA = schema(
    "The discriminative area over the iterations of methods that enhance it.",
    *("dataset", "ipc", "rows"),
)


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Each row's distilled set, beside which its record stands, and the manifest."""
    return distilled_inputs(spec)


def points(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> pd.DataFrame:
    """One line a row and look at the maps: ``label``, ``iteration`` and ``area`` in percent.

    Raises:
        FD2Error: if a record is missing, damaged or of other data, or a row's method has no
            enhancement.
    """
    import pandas as pd

    from fd2.artifacts.manifests import read_manifest
    from fd2.artifacts.provenance import same_manifest
    from fd2.artifacts.records import read_record

    manifest = files["manifest"][0]
    lines, digests = [], {str(manifest): read_manifest(manifest).digest()}
    for label, (path,) in row_files(spec, files):
        record = read_record(path.with_suffix(".json"))
        digests[str(path)] = record.manifest
        result = record.content.get("result", {})
        if not result.get("areas"):
            raise FD2Error(
                f"'{label}' looked at no activation maps",
                str(path),
                "give rows of a method with an enhancement, such as edf",
            )
        lines += [
            {"label": label, "iteration": look * result["interval"], "area": 100 * area}
            for look, area in enumerate(result["areas"])
        ]
    same_manifest(digests)
    return pd.DataFrame(lines)


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> tuple[Figure, pd.DataFrame]:
    """A line a row over the iterations."""
    from fd2.figures._drawing import explain, line_style, new_figure

    frame = points(spec, files)
    figure = new_figure(5.0, 3.4)
    axes = figure.add_subplot()
    axes.set(xlabel="iteration", ylabel="discriminative area (%)")
    axes.grid(alpha=0.3)
    for position, (label, part) in enumerate(frame.groupby("label", sort=False)):
        style = {**line_style(position), "marker": ""}
        axes.plot(part["iteration"], part["area"], label=label, **style)
    explain(figure, f"{spec['dataset']}, IPC {spec['ipc']}: what the enhancement stresses")
    return figure, frame
