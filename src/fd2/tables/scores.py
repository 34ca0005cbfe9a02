"""The table of a sheet of scores: how much of a set's worth is its labels' and its augmentation's.

Definitions: DD-Ranking, arXiv:2505.13300. Its package, version 0.2.0, puts percent into them where
the paper has fractions, and its scores leave [0, 1]; these do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from fd2.config.rows import ScoreRow
from fd2.config.sheets import Sheet
from fd2.tables.labels import row_label
from fd2.tables.records import (
    Source,
    read_results,
    require_rows,
    student_numbers,
    teacher_numbers,
)
from fd2.tables.render import Grid, Table, of_sheet, plain

#: Weight of either half of a score, as on DD-Ranking's leaderboard.
WEIGHT = 0.5
ROLES = ("full", "own", "hard", "unaugmented", "random_own", "random_unaugmented")
_NETWORK = ["dataset", "student"]
_SCORES = ("hlr", "ior", "lrs", "unaugmented_gain", "ars")
#: One number, or one for each seed.
Shares = TypeVar("Shares", float, np.ndarray, pd.Series)


def hard_label_recovery(full: Shares, hard: Shares) -> Shares:
    """HLR of accuracies in [0, 1]: of all real images minus the set's, both under class labels."""
    return full - hard


def label_robust_score(recovery: Shares, improvement: Shares, weight: float = WEIGHT) -> Shares:
    """LRS in [0, 1], of HLR and IOR: how much a set is worth whatever its labels.

    IOR is the set's accuracy minus that of as many random real images, both as the set's method
    trains. 0.269 where neither is more than the other.
    """
    return _normalised(weight * improvement - (1 - weight) * recovery)


def augmentation_robust_score(
    augmented: Shares, unaugmented: Shares, weight: float = WEIGHT
) -> Shares:
    """ARS in [0, 1], of the set's gains over random real images with augmentation and without."""
    return _normalised(weight * augmented + (1 - weight) * unaugmented)


def _normalised(value: Shares) -> Shares:
    """From [-1, 1] to [0, 1]."""
    scaled: Shares = (np.exp(value) - np.exp(-1)) / (np.e - np.exp(-1))
    return scaled


def score_table(sheet: Sheet, results: Path, seeds: Sequence[int]) -> Table:
    """Scores of each row, of the students that there are; pairs have the same seed.

    Raises:
        FD2Error: for a faulty sheet, a row given twice, a damaged result, or results of one
            dataset that were made from different data.
    """
    listed = sheet.rows_of(ScoreRow)
    require_rows([tuple(asdict(row).values()) for row in listed], sheet.path)
    files = _files(listed, seeds, results)
    rows = pd.DataFrame([asdict(row) for row in listed]).rename(columns={"label": "sheet_label"})
    where = str(sheet.path)
    rows["label"] = [
        row_label(row.method, row.fd2, row.label or row.variant, where) for row in listed
    ]
    accuracies = files.pivot_table(index=["row", "seed"], columns="role", values="top1")
    accuracies = accuracies.reindex(columns=list(ROLES))
    full = files[files["role"] == "full"].groupby("row")["top1"].first()
    accuracies["full"] = full.reindex(accuracies.index.get_level_values("row")).array
    by_row = accuracies.groupby("row").mean()
    rows = rows.join(by_row.add_suffix("_top1").reindex(rows.index))
    rows["full_top1"] = full.reindex(rows.index)
    scores = _scores(accuracies / 100).groupby("row").agg(["mean", "std", "count"])
    for name in _SCORES:
        for statistic in ("mean", "std"):
            rows[f"{name}_{statistic}"] = scores[name, statistic].reindex(rows.index)
    rows["n"] = scores["lrs", "count"].reindex(rows.index).fillna(0)
    missing = files[~files["exists"]]
    commands = "snakemake " + missing["path"].astype(str).groupby(missing["row"]).agg(" ".join)
    rows["missing"] = commands.reindex(rows.index).fillna("")
    rows["asked"] = len(seeds)
    grids = [
        Grid({**dict(zip(_NETWORK, network, strict=True)), "initialisation": ""}, plain(own))
        for network, own in rows.groupby(_NETWORK, sort=False)
    ]
    frame = rows[_columns()].astype(dict.fromkeys(("ipc", "n"), "Int64"))
    # Random images stand behind several rows.
    files = files.drop_duplicates("path").astype({"path": str})
    return of_sheet(sheet, frame, grids, files, seeds=list(seeds))


def _columns() -> list[str]:
    """Of the csv, in order."""
    names = ["dataset", "method", "fd2", "variant", "ipc", "student", "hard", "unaugmented"]
    names += ["label", "n", *(f"{role}_top1" for role in ROLES)]
    names += [f"{name}_{statistic}" for name in _SCORES for statistic in ("mean", "std")]
    return [*names, "missing"]


def _files(rows: Sequence[ScoreRow], seeds: Sequence[int], results: Path) -> pd.DataFrame:
    """One row a teacher, or a student of a part of a row, with the part's ``role`` and ``seed``."""
    sources: list[Source] = []
    parts: list[tuple[str, int | None]] = []
    for position, row in enumerate(rows):
        for role, part in row.students().items():
            if part.ipc is None:
                path = results / part.sources([])[0]
                network = {"dataset": row.dataset, "backbone": row.student, "training": path.stem}
                sources.append(Source(position, path, "teacher", network))
                parts.append((role, None))
            for cell in part.cells(list(seeds)):
                sources.append(Source(position, results / cell.path(), "cell", cell.fields()))
                parts.append((role, cell.seed))
    columns = ("top1", "epoch", "majority_top1", "chosen_on_test")
    files = read_results(
        sources,
        columns,
        lambda record: (teacher_numbers if record.kind == "teacher" else student_numbers)(record),
    )
    return files.join(pd.DataFrame(parts, columns=["role", "seed"]))


def _scores(shares: pd.DataFrame) -> pd.DataFrame:
    """Each pair's scores, from accuracies in [0, 1] with a column for each of `ROLES`."""
    recovery = hard_label_recovery(shares["full"], shares["hard"])
    improvement = shares["own"] - shares["random_own"]
    unaugmented = shares["unaugmented"] - shares["random_unaugmented"]
    return pd.DataFrame(
        {
            "hlr": recovery,
            "ior": improvement,
            "lrs": label_robust_score(recovery, improvement),
            "unaugmented_gain": unaugmented,
            "ars": augmentation_robust_score(improvement, unaugmented),
        }
    )
