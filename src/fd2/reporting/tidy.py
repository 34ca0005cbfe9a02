"""A table as tidy data: one line a row of the sheet."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from fd2.reporting.gain_texts import labels
from fd2.reporting.gains import Gain, gains
from fd2.reporting.repeated import Repeated
from fd2.reporting.repeated_sets import repeated_sets
from fd2.reporting.repeated_teachers import repeated_teachers
from fd2.reporting.results import METRICS
from fd2.reporting.table import Entry, Table


def tidy(table: Table) -> pd.DataFrame:
    """One line a sheet row, accuracies in percent.

    Returns:
        Columns: the row's names and label, the students' ``initialisation``, ``seeds`` asked for,
        ``n`` found, mean and sample standard deviation of both metrics (empty where unknown),
        ``published``, ``difference`` and ``agreement``, the same three with ``_elsewhere`` for a
        second published number, ``protocol`` (several joined by ``;``), ``tested_on`` (likewise),
        for both metrics ``gain_..``, what the row gained over random real images, its pooled
        standard deviation, its standard error by the images tested and the verdict, ``gain_over``
        and ``gain_labels``, the variant and the labels of these (empty in rows that are compared
        with none), ``sets``, how many sets by the row's settings there are, for both metrics
        ``sets_..``, their mean and the standard deviation between them, and ``sets_gain_..``, the
        mean gain over random real images with its pooled standard deviation, standard error and
        verdict (empty in rows that are the only set), and ``missing``: the command for what is not
        there.
    """
    found = {id(gain.entry): gain for gain in gains(table)}
    repeated: dict[str, Sequence[Repeated]] = {
        "sets": repeated_sets(table),
        "teachers": repeated_teachers(table),
    }
    counted = {
        name: {id(entry): group for group in groups for entry in group.entries}
        for name, groups in repeated.items()
    }
    records = []
    for entry in table.entries:
        record = _record(entry, found.get(id(entry)))
        for name, groups in counted.items():
            record |= _repeated(name, groups.get(id(entry)))
        paths = " ".join(str(path) for path in entry.missing)
        records.append(record | {"missing": f"snakemake {paths}" if paths else ""})
    integers = dict.fromkeys(("ipc", *counted), "Int64")
    return pd.DataFrame(records).astype(integers)


def _record(entry: Entry, gain: Gain | None) -> dict[str, object]:
    row = entry.row
    record: dict[str, object] = {
        "dataset": row.dataset,
        "method": row.method,
        "fd2": row.fd2,
        "variant": row.variant,
        "ipc": row.ipc,
        "student": row.student,
        "label": entry.label,
        "initialisation": entry.start,
        "seeds": entry.asked,
        "n": len(entry.results),
    }
    for metric in METRICS:
        record[f"{metric}_mean"] = entry.mean(metric)
        record[f"{metric}_std"] = entry.std(metric)
    for position, suffix in enumerate(("", "_elsewhere")):
        has = position < len(row.published)
        record[f"published{suffix}"] = row.published[position] if has else None
        record[f"difference{suffix}"] = entry.difference(position)
        record[f"agreement{suffix}"] = entry.agreement(position)
    record["protocol"] = ";".join(sorted({result.protocol for result in entry.results}))
    record["tested_on"] = ";".join(sorted({result.tested_on for result in entry.results}))
    for metric in METRICS:
        record[f"gain_{metric}"] = None if gain is None else gain.value(metric)
        record[f"gain_{metric}_std"] = None if gain is None else gain.pooled_std(metric)
        error = None if gain is None else gain.standard_error(metric)
        record[f"gain_{metric}_standard_error"] = error
        record[f"gain_{metric}_verdict"] = None if gain is None else gain.verdict(metric)
    over = None if gain is None else gain.reference.row
    record["gain_over"] = None if over is None else f"{over.method}/{over.fd2}/{over.variant}"
    record["gain_labels"] = None if gain is None else labels(gain)
    return record


def _repeated(name: str, group: Repeated | None) -> dict[str, object]:
    record: dict[str, object] = {name: None if group is None else len(group.values(METRICS[0]))}
    for metric in METRICS:
        gain = f"{name}_gain_{metric}"
        record[f"{name}_{metric}_mean"] = None if group is None else group.mean(metric)
        record[f"{name}_{metric}_std"] = None if group is None else group.std(metric)
        record[gain] = None if group is None else group.gain(metric)
        record[f"{gain}_std"] = None if group is None else group.gain_std(metric)
        error = None if group is None else group.gain_standard_error(metric)
        record[f"{gain}_standard_error"] = error
        record[f"{gain}_verdict"] = None if group is None else group.verdict(metric)
    return record
