"""Accuracy of both heads of teachers over the CAL ratio of their pretraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.figures._rows import DATASET, row_key

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["dataset", "backbone", "teacher_variants", "published"],
    "description": "Teachers that differ in the CAL ratio of their pretraining.",
    "properties": {
        "dataset": DATASET,
        "backbone": {"$ref": "#/$defs/backbone", "description": "The teachers' backbone."},
        "teacher_variants": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"type": "string"},
            "description": "base, or variants that change pretrain.cal_ratio; a point each.",
        },
        "published": {
            "type": "array",
            "description": "Printed top-1 of both heads, shown beside ours.",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["cal_ratio", "backbone", "cal"],
                "description": "One teacher.",
                "properties": {
                    "cal_ratio": {"type": "number", "description": "rho of FD² eq. 8."},
                    "backbone": {"type": "number", "description": "Top-1 of its head in percent."},
                    "cal": {"type": "number", "description": "Top-1 of its head in percent."},
                },
            },
        },
    },
}
HEADS = {"backbone": "backbone head", "cal": "CAL head"}
#: Okabe and Ito's blue and vermilion, told apart by the colour-blind; in print by dash and marker.
STYLES = {
    "backbone": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "cal": {"color": "#D55E00", "linestyle": "--", "marker": "s"},
}
METRICS = {"top1": "top-1 (%)", "balanced_top1": "class-balanced top-1 (%)"}


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Paths below the results folder: the metrics of each teacher."""
    folder = f"teachers/{spec['dataset']}/{spec['backbone']}"
    return {
        row_key(position): [f"{folder}/{_training(variant)}.json"]
        for position, variant in enumerate(spec["teacher_variants"])
    }


def points(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> pd.DataFrame:
    """Accuracies over the CAL ratio, in percent on the test images.

    Returns:
        One line a teacher and head, by ratio: ``cal_ratio`` and ``attention_maps`` that the
        teacher was trained with, ``variant``, ``head``, ``top1`` and ``balanced_top1`` of the
        weights in the teacher's file, ``published`` top-1 where there is one for the ratio, and
        ``selected_on_test``: whether these weights were chosen on the test images.

    Raises:
        FD2Error: if a file is missing or damaged, holds another teacher, or was trained on other
            data.
    """
    import pandas as pd

    from fd2.artifacts.provenance import same_manifest
    from fd2.reporting.results import Source, read_result

    lines, digests = [], {}
    for position, variant in enumerate(spec["teacher_variants"]):
        path = files[row_key(position)][0]
        training = _training(variant)
        names = {"dataset": spec["dataset"], "backbone": spec["backbone"], "training": training}
        for head in HEADS:
            result = read_result(Source(path, "teacher", names, head))
            digests[str(path)] = result.manifest
            lines.append(
                {
                    "cal_ratio": result.cal_ratio,
                    "attention_maps": result.attention_maps,
                    "variant": variant,
                    "head": head,
                    "top1": result.top1,
                    "balanced_top1": result.balanced_top1,
                    "published": _published(spec, result.cal_ratio, head),
                    "selected_on_test": result.chosen_on_test,
                }
            )
    same_manifest(digests)
    return pd.DataFrame(lines).sort_values(["cal_ratio", "head"], kind="stable", ignore_index=True)


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]], stem: Path) -> None:
    """Write ``stem.png``, ``stem.pdf`` and ``stem.csv``.

    Args:
        spec: fits `SETTINGS_SCHEMA`, with ``kind``.
        files: the paths of `inputs`, by the same names.
        stem: output path without suffix.

    Raises:
        FD2Error: as `points`.
    """
    from fd2.figures._drawing import new_figure, write_figure

    frame = points(spec, files)
    figure = new_figure(7.0, 3.4)
    for position, (metric, name) in enumerate(METRICS.items()):
        axes = figure.add_subplot(1, 2, position + 1)
        for head in HEADS:
            _line(axes, frame[frame["head"] == head], metric, head)
        axes.set_xlabel("CAL ratio in pretraining")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, fontsize=8)
    maps = ", ".join(str(count) for count in sorted(set(frame["attention_maps"])))
    title = f"{spec['dataset']}, teacher {spec['backbone']}, attention maps: {maps}"
    figure.suptitle(title, fontsize=10)
    write_figure(stem, figure, frame)


def _line(axes: Axes, part: pd.DataFrame, metric: str, head: str) -> None:
    style: dict[str, Any] = STYLES[head]
    axes.plot(part["cal_ratio"], part[metric], label=HEADS[head], **style)
    printed = part.dropna(subset="published")
    if metric == "top1" and len(printed):
        hollow = {**style, "linestyle": "none", "markerfacecolor": "none", "markersize": 9}
        label = f"{HEADS[head]}, published"
        axes.plot(printed["cal_ratio"], printed["published"], label=label, **hollow)


def _training(variant: str) -> str:
    return "cal" if variant == "base" else f"cal-{variant}"


def _published(spec: Mapping[str, Any], ratio: float | None, head: str) -> float | None:
    found = [entry[head] for entry in spec["published"] if entry["cal_ratio"] == ratio]
    return float(found[0]) if found else None
