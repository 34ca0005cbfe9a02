"""The table of a sheet of cells: students' accuracies, and what they say of their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fd2.artifacts.records import Record
from fd2.config.names import FULL_DATA
from fd2.config.rows import StudentRow
from fd2.config.sheets import Sheet
from fd2.report.intervals import STATISTICS, of_mean
from fd2.tables.compare import (
    Comparisons,
    byte_partners,
    fd2_partners,
    random_partners,
    variant_partners,
)
from fd2.tables.earlier import COLUMNS as EARLIER
from fd2.tables.earlier import NONE, earlier_columns
from fd2.tables.grids import student_grids
from fd2.tables.labels import row_label
from fd2.tables.records import (
    METRICS,
    SIZES,
    Source,
    read_results,
    require_rows,
    student_numbers,
    teacher_numbers,
)
from fd2.tables.render import Table, of_sheet

_IDENTITY = ("dataset", "method", "fd2", "variant", "ipc", "student")
_FACTS = (
    *("initialisation", "labels", "training", "images", "image_seeds", "labels_of_any_teacher"),
    *("images_of_any_teacher", "teacher_seeds", "without_fd2"),
)
_NUMBERS = (
    *(*METRICS, "epoch", "initialisation", "on_pictures", "learned"),
    *("majority_top1", "chosen_on_test", *SIZES, "moved"),
)
#: Columns of whole numbers.
COUNTS = (
    *("ipc", "repeats", "repeats_asked", *SIZES, "bytes"),
    *("earlier_training_images", "earlier_n"),
)
#: Comparisons by the start of their columns' names.
COMPARED = ("over_random", "fd2_minus_plain", "variant_minus_base", "over_bytes")


def student_table(
    sheet: Sheet,
    results: Path,
    seeds: Sequence[int],
    facts: Sequence[Mapping[str, str]],
    earlier: str = NONE,
) -> Table:
    """Read a sheet and every result of it that exists.

    ``facts`` are what the settings say of each row, see `fd2.config.row_facts`; ``earlier`` is the
    setting ``earlier_data``, see `earlier_columns`.

    Raises:
        FD2Error: for a faulty sheet, a row given twice, a damaged result, or results of one
            dataset that were made from different data.
    """
    rows, files = student_frames(sheet, results, seeds, facts)
    listed = sheet.rows_of(StudentRow)
    before, told = earlier_columns(
        listed, files, results, earlier, lambda own, folder: _files(own, seeds, folder)
    )
    rows = rows.join(before)
    return of_sheet(
        sheet,
        rows[_columns()].astype(dict.fromkeys(COUNTS, "Int64")),
        student_grids(rows),
        files,
        **{**student_caption(rows, files, seeds), "earlier": told},
    )


def student_frames(
    sheet: Sheet, results: Path, seeds: Sequence[int], facts: Sequence[Mapping[str, str]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows with their numbers and comparisons, and the files behind them, one a student or teacher.

    Arguments and errors are those of `student_table`.
    """
    listed = sheet.rows_of(StudentRow)
    require_rows([tuple(getattr(row, name) for name in _IDENTITY) for row in listed], sheet.path)
    rows = _rows(listed, facts, str(sheet.path))
    files = _files(listed, seeds, results)
    rows = rows.join(_numbers(rows, files))
    rows = rows.join(_comparisons(rows, files))
    missing = files[~files["exists"]]
    commands = "snakemake " + missing["path"].astype(str).groupby(missing["row"]).agg(" ".join)
    rows["missing"] = commands.reindex(rows.index).fillna("")
    return rows, files


def _columns() -> list[str]:
    """Of the csv, in order."""
    names = [*_IDENTITY, "label", "initialisation", "asked", "n"]
    names += [f"{metric}_{name}" for metric in METRICS for name in ("mean", "sd", "half_width")]
    names += ["published", "difference", "published_elsewhere", "difference_elsewhere"]
    names += ["preset", "tested_on", "over", "repeats", "repeats_asked"]
    names += [
        f"repeats_{metric}_{name}" for metric in METRICS for name in ("mean", "sd", "half_width")
    ]
    for name in COMPARED:
        names += [f"{name}_{metric}{end}" for metric in METRICS for end in ("", "_half_width")]
        names += [f"{name}_reference"]
    names.insert(names.index("over_random_reference") + 1, "over_random_labels")
    return [*names, *SIZES, "bytes", "moved", *EARLIER, "missing"]


def _rows(
    rows: Sequence[StudentRow], facts: Sequence[Mapping[str, str]], where: str
) -> pd.DataFrame:
    """Identity and facts of each row."""
    frame = pd.DataFrame([asdict(row) for row in rows]).rename(columns={"label": "sheet_label"})
    known = pd.DataFrame([dict(each) for each in facts], columns=list(_FACTS), index=frame.index)
    published = pd.DataFrame(
        [(*row.published, np.nan, np.nan)[:2] for row in rows],
        columns=["published", "published_elsewhere"],
    )
    frame = frame.drop(columns="published").join(known).join(published.astype(float))
    # A row of published numbers alone names no variant, and any method.
    frame["label"] = [
        row_label(row.method, row.fd2, row.label or row.variant, where)
        if row.variant
        else row.method
        for row in rows
    ]
    return frame


def _files(rows: Sequence[StudentRow], seeds: Sequence[int], results: Path) -> pd.DataFrame:
    """One row a student or teacher."""
    sources = []
    for position, row in enumerate(rows):
        paths = [results / path for path in row.sources(list(seeds))]
        if row.ipc is None:
            identity = {"dataset": row.dataset, "backbone": row.student, "training": paths[0].stem}
            sources.append(Source(position, paths[0], "teacher", identity))
            continue
        for path, cell in zip(paths, row.cells(list(seeds)), strict=True):
            sources.append(Source(position, path, "cell", cell.fields()))
    return read_results(sources, _NUMBERS, _score)


def _score(record: Record) -> dict[str, Any]:
    return teacher_numbers(record) if record.kind == "teacher" else student_numbers(record)


def _numbers(rows: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    """What each row's own files say: counts, means, standard deviations, published numbers."""
    by_row = files.groupby("row")
    numbers = pd.DataFrame({"asked": by_row.size(), "n": by_row["exists"].sum()})
    numbers = numbers.reindex(rows.index, fill_value=0)
    statistics = by_row[list(METRICS)].agg(list(STATISTICS))
    for metric in METRICS:
        numbers[f"{metric}_mean"] = statistics[metric]["mean"]
        numbers[f"{metric}_sd"] = np.sqrt(statistics[metric]["var"])
        numbers[f"{metric}_half_width"] = of_mean(statistics)[metric]
    for end in ("", "_elsewhere"):
        numbers[f"difference{end}"] = numbers["top1_mean"] - rows[f"published{end}"]
    existing = files[files["exists"]].groupby("row")
    numbers["moved"] = existing["moved"].first().astype(float)
    # Equal for all seeds; none of full data, which is no set.
    numbers = numbers.join(existing[list(SIZES)].max().astype(float))
    numbers["bytes"] = numbers[list(SIZES)].sum(axis=1, min_count=len(SIZES))
    for name in ("preset", "tested_on"):
        numbers[name] = existing[name].agg(lambda values: ";".join(sorted(set(values))))
        numbers[name] = numbers[name].astype(object).fillna("")
    return numbers


def _comparisons(rows: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    """Over what a row's numbers are repeated, and its differences to other rows.

    Rows of published numbers alone have neither.
    """
    every, rows = rows.index, rows[rows["variant"] != ""]
    comparisons = Comparisons(rows, files[files["exists"]])
    rows = comparisons.rows
    columns = rows[["over", "repeats_asked"]].assign(first_of_group=~rows["group"].duplicated())
    repeats = comparisons.repeats()
    half_widths = of_mean(repeats)
    several = rows["over"] != "students"
    for metric in METRICS:
        columns[f"repeats_{metric}_mean"] = repeats[metric]["mean"].where(several)
        columns[f"repeats_{metric}_sd"] = np.sqrt(repeats[metric]["var"].where(several))
        columns[f"repeats_{metric}_half_width"] = half_widths[metric].where(several)
    columns["repeats"] = repeats["top1"]["count"].fillna(0).where(several)
    names = rows["method"] + "/" + rows["fd2"] + "/" + rows["variant"]
    partners = (
        *(random_partners(rows), fd2_partners(rows), variant_partners(rows)),
        byte_partners(rows),
    )
    for name, chosen in zip(COMPARED, partners, strict=True):
        difference, half = comparisons.differences(chosen["partner"])
        for metric in METRICS:
            columns[f"{name}_{metric}"] = difference[metric]
            columns[f"{name}_{metric}_half_width"] = half[metric]
        columns[f"{name}_reference"] = chosen["partner"].map(names)
    # Of any number of images, so that a name without it would not tell which.
    numbered = rows["label"] + " IPC " + rows["ipc"].astype(float).map("{:g}".format)
    columns["over_bytes_reference"] = partners[-1]["partner"].map(numbered)
    as_many = partners[0]["partner"].reindex(partners[-1].index)
    columns["other_by_bytes"] = partners[-1]["partner"] != as_many
    labels = partners[0]["same_labels"].map({True: "same", False: "other"})
    trained_otherwise = partners[0]["same_labels"] & ~partners[0]["same_training"].astype(bool)
    labels[trained_otherwise] = "same; students trained otherwise"
    columns["over_random_labels"] = labels
    columns = columns.reindex(every)
    return columns.assign(over=columns["over"].fillna(""))


def student_caption(
    rows: pd.DataFrame, files: pd.DataFrame, seeds: Sequence[int]
) -> dict[str, Any]:
    """Values for the caption's sentences."""
    existing = files[files["exists"]]
    full, made = rows["method"] == FULL_DATA, rows["variant"] != ""
    teachers = files["row"].map(full).astype(bool)
    labels = rows["label"] + rows["ipc"].map(lambda ipc: "" if pd.isna(ipc) else f" IPC {ipc:g}")
    students = existing[~teachers[existing.index]]

    def labels_of(chosen: pd.Series) -> list[str]:
        return list(dict.fromkeys(labels[students.loc[chosen, "row"]]))

    return {
        "seeds": list(seeds),
        "earlier": [],
        "epochs": {
            "students": sorted({int(e) for e in students["epoch"]}),
            "teachers": sorted({int(e) for e in existing.loc[teachers[existing.index], "epoch"]}),
        },
        "datasets": list(dict.fromkeys(rows["dataset"])),
        "students": {
            student: {
                *own["initialisation"],
                *existing[existing["row"].isin(own.index)]["initialisation"],
            }
            for student, own in rows[~full & made].groupby("student", sort=False)
        },
        "presets": {
            preset: list(dict.fromkeys(labels[own["row"]]))
            for preset, own in existing.groupby("preset")
        },
        "on_pictures": labels_of(students["on_pictures"].astype(bool)),
        "learned": {
            key: labels_of(students["learned"].map(lambda own, key=key: key in own).astype(bool))
            for key in ("labels", "learning_rate")
        },
        "over": [level for level in ("students", "sets", "teachers") if level in set(rows["over"])],
        "compared": bool(rows[[f"{name}_reference" for name in COMPARED]].notna().any(axis=None)),
        "bytes": bool(rows["bytes"].notna().any()),
        "published": bool(rows["published"].notna().any()),
        "published_alone": list(dict.fromkeys(rows.loc[~made, "label"])),
        "elsewhere": bool(rows["published_elsewhere"].notna().any()),
    }
