"""The table of a sheet of kind ``worth``: what sets take in bytes, and what they give for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fd2.config.sheets import Sheet
from fd2.tables.records import METRICS, SIZES
from fd2.tables.render import Grid, Table, of_sheet, plain
from fd2.tables.students import COUNTS, student_caption, student_frames

_NETWORK = ["dataset", "student"]


def worth_table(
    sheet: Sheet, results: Path, seeds: Sequence[int], facts: Sequence[Mapping[str, str]]
) -> Table:
    """Bytes of the images, labels and rate of each set beside its students' accuracy.

    And their differences over random real images: as many images, and no more bytes. Arguments are
    those of `fd2.tables.students.student_table`.

    Raises:
        FD2Error: as there.
    """
    rows, files = student_frames(sheet, results, seeds, facts)
    grids = [
        Grid({**dict(zip(_NETWORK, network, strict=True)), "initialisation": ""}, plain(own))
        for network, own in rows.groupby(_NETWORK, sort=False)
    ]
    whole = {name: "Int64" for name in COUNTS if name in _columns()}
    frame = rows[_columns()].astype(whole)
    return of_sheet(sheet, frame, grids, files, **student_caption(rows, files, seeds))


def _columns() -> list[str]:
    """Of the csv, in order."""
    names = [*_NETWORK, "method", "fd2", "variant", "ipc", "label", "asked", "n"]
    names += [*SIZES, "bytes"]
    names += [f"{metric}_{name}" for metric in METRICS for name in ("mean", "sd", "half_width")]
    for name in ("variant_minus_base", "over_random", "over_bytes"):
        names += [f"{name}_{metric}{end}" for metric in METRICS for end in ("", "_half_width")]
        names += [f"{name}_reference"]
    return [*names, "over_random_labels", "over", "preset", "missing"]
