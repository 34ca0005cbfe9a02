"""Accuracy of both heads of teachers over the CAL ratio of their pretraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.config.names import Teacher
from fd2.figures._rows import schema

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHARE = {"type": "number", "minimum": 0}
SETTINGS_SCHEMA = schema(
    "Teachers that differ in the CAL ratio of their pretraining.",
    "dataset",
    backbone={"$ref": "#/$defs/backbone", "description": "The teachers' backbone."},
    teacher_variants={
        **{"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}},
        "description": "base, or variants that change pretrain.cal_ratio; a point each.",
    },
    published={
        "type": "array",
        "description": "Printed top-1 of both heads, shown beside ours.",
        "items": schema(
            "One teacher.",
            cal_ratio={**_SHARE, "maximum": 1, "description": "rho of FD² eq. 8."},
            backbone={**_SHARE, "maximum": 100, "description": "Top-1 of its head in percent."},
            cal={**_SHARE, "maximum": 100, "description": "Top-1 of its head in percent."},
        ),
    },
)
HEADS = {"backbone": "backbone head", "cal": "CAL head"}


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """The metrics of each teacher."""
    return {
        f"row{position}": [teacher.path("json")]
        for position, teacher in enumerate(_teachers(spec).values())
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
    from fd2.artifacts.records import parsing, read_record

    published = {entry["cal_ratio"]: entry for entry in spec["published"]}
    lines, digests = [], {}
    for position, (variant, teacher) in enumerate(_teachers(spec).items()):
        path = files[f"row{position}"][0]
        record = read_record(path)
        record.require("teacher", asdict(teacher))
        digests[str(path)] = record.manifest
        with parsing(path):
            attention, chosen = record.settings["cal"], record.result["chosen"]
            ratio = attention["cal_ratio"]
            lines += [
                {
                    "cal_ratio": ratio,
                    "attention_maps": attention["attention_maps"],
                    "variant": variant,
                    "head": head,
                    "top1": float(chosen[head]["top1"]),
                    "balanced_top1": float(chosen[head]["balanced_top1"]),
                    "published": published.get(ratio, {}).get(head),
                    "selected_on_test": record.result["selected"] == "best_on_test",
                }
                for head in HEADS
            ]
    same_manifest(digests)
    return pd.DataFrame(lines).sort_values(["cal_ratio", "head"], kind="stable", ignore_index=True)


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> tuple[Figure, pd.DataFrame]:
    """A line a head over the CAL ratio of `points`, with what was published."""
    from fd2.figures._drawing import accuracy_panels, explain

    frame = points(spec, files)
    figure, panels = accuracy_panels(7.0, 3.4, "CAL ratio in pretraining")
    for metric, axes in panels.items():
        for position, head in enumerate(HEADS):
            _line(axes, frame[frame["head"] == head], metric, head, position)
    maps = ", ".join(str(count) for count in sorted(set(frame["attention_maps"])))
    explain(figure, f"{spec['dataset']}, teacher {spec['backbone']}, attention maps: {maps}")
    return figure, frame


def _line(axes: Axes, part: pd.DataFrame, metric: str, head: str, position: int) -> None:
    from fd2.figures._drawing import line_style

    style = line_style(position)
    axes.plot(part["cal_ratio"], part[metric], label=HEADS[head], **style)
    printed = part.dropna(subset="published")
    if metric == "top1" and len(printed):
        hollow = {**style, "linestyle": "none", "markerfacecolor": "none", "markersize": 9}
        label = f"{HEADS[head]}, published"
        axes.plot(printed["cal_ratio"], printed["published"], label=label, **hollow)


def _teachers(spec: Mapping[str, Any]) -> dict[str, Teacher]:
    """By variant."""
    return {
        name: Teacher(spec["dataset"], spec["backbone"], "cal" if name == "base" else f"cal-{name}")
        for name in spec["teacher_variants"]
    }
