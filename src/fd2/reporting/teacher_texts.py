"""The table of teachers as tidy data, Markdown and LaTeX."""

from __future__ import annotations

import pandas as pd

from fd2.reporting.agreement import TEACHER_POINTS
from fd2.reporting.caption import (
    images_tested,
    listed,
    missing,
    provenance,
    tested_on_held_out,
)
from fd2.reporting.labels import BASE_VARIANT
from fd2.reporting.latex import environment, escape, preamble
from fd2.reporting.markdown import heading, missing_results, pipes
from fd2.reporting.results import METRICS, Result
from fd2.reporting.teachers import Head, Teacher, TeacherTable
from fd2.reporting.wording import MISSING, NO_SPREAD, compared

_HEADER = ("dataset", "backbone", "M", "ρ", "backbone head", "published", "CAL head", "published")


def teacher_frame(table: TeacherTable) -> pd.DataFrame:
    """One line a teacher, accuracies in percent; empty where unknown.

    Returns:
        Columns: dataset, backbone, variant, attention_maps (M), cal_ratio (rho); for each head both
        accuracies, published top-1, ours minus it and the verdict; ``protocol``, and ``missing``:
        the command for what is not there.
    """
    frame = pd.DataFrame([_record(teacher) for teacher in table.teachers])
    return frame.astype({"attention_maps": "Int64"})


def _record(teacher: Teacher) -> dict[str, object]:
    result = teacher.result
    record: dict[str, object] = {
        "dataset": teacher.row.dataset,
        "backbone": teacher.row.backbone,
        "variant": teacher.row.variant,
        "attention_maps": None if result is None else result.attention_maps,
        "cal_ratio": None if result is None else result.cal_ratio,
    }
    for head in teacher.heads:
        for metric in METRICS:
            value = None if head.result is None else getattr(head.result, metric)
            record[f"{head.name}_{metric}"] = value
        record[f"{head.name}_published"] = head.published[0] if head.published else None
        record[f"{head.name}_difference"] = head.difference()
        record[f"{head.name}_agreement"] = head.agreement()
    record["protocol"] = "" if result is None else result.protocol
    record["missing"] = f"snakemake {teacher.path}" if result is None else ""
    return record


def teacher_markdown(table: TeacherTable) -> str:
    """The caption, one line a teacher, and the commands for what is missing."""
    lines = [_words(teacher) for teacher in table.teachers]
    parts = [heading(table.name, teacher_caption(table)), pipes(_HEADER, lines)]
    return "\n\n".join([*parts, *missing_results([str(path) for path in table.missing])]) + "\n"


def teacher_latex(table: TeacherTable) -> str:
    """A whole ``table`` environment; needs the packages booktabs and amssymb."""
    body = []
    for position, teacher in enumerate(table.teachers):
        if position and teacher.row.dataset != table.teachers[position - 1].row.dataset:
            body.append(r"\midrule")
        body.append(" & ".join(escape(word) for word in _words(teacher)) + r" \\")
    header = " & ".join(escape(word) for word in _HEADER)
    tabular = [
        rf"\begin{{tabular}}{{ll{'c' * (len(_HEADER) - 2)}}}",
        r"\toprule",
        rf"{header} \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    text = escape(" ".join(teacher_caption(table)))
    return preamble() + environment(text, f"tab:{table.name}", tabular)


def teacher_caption(table: TeacherTable) -> list[str]:
    """Sentences on heads, preset, counting, hardware, commits and gaps."""
    results = table.results
    sentences = [
        "Teachers with counterfactual attention (CAL), trained on all training images; M attention "
        "maps, weight ρ of the CAL loss. Top-1 / class-balanced top-1 accuracy in percent on "
        f"{images_tested(results)} of the weights that distillation uses.",
        *tested_on_held_out(_by_dataset(table)),
        "In brackets ours minus the published top-1. One teacher has no spread: a tick marks "
        f"numbers within {TEACHER_POINTS:g} point of each other, a cross others.",
    ]
    if results:
        accuracies = listed(result.accuracy or "not recorded" for result in results)
        sentences += [
            f"Preset: {listed(result.protocol for result in results)}.",
            f"Accuracy: {accuracies}; the public code, and so probably the published numbers, "
            "averages the accuracy so far over batches (running_average).",
        ]
    else:
        sentences.append("Preset: no result yet.")
    if any(result.chosen_on_test for result in results):
        sentences.append("Weights were chosen on test images, as the release does.")
    sentences += [*provenance(results), *table.notes]
    if table.missing:
        sentences.append(missing(len(table.missing), len(table.teachers)))
    return sentences


def _by_dataset(table: TeacherTable) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {teacher.row.dataset: [] for teacher in table.teachers}
    for teacher in table.teachers:
        if teacher.result is not None:
            found[teacher.row.dataset].append(teacher.result)
    return found


def _words(teacher: Teacher) -> list[str]:
    result = teacher.result
    maps = None if result is None else result.attention_maps
    ratio = None if result is None else result.cal_ratio
    variant = "" if teacher.row.variant == BASE_VARIANT else f" ({teacher.row.variant})"
    words = [teacher.row.dataset, teacher.row.backbone + variant]
    words += [NO_SPREAD if value is None else f"{value:g}" for value in (maps, ratio)]
    for head in teacher.heads:
        words += [_scores(head), compared(head.published, head.top1, TEACHER_POINTS)]
    return words


def _scores(head: Head) -> str:
    if head.result is None:
        return MISSING
    return " / ".join(f"{getattr(head.result, metric):.1f}" for metric in METRICS)
