"""What a reader must know to judge a table, as sentences."""

from __future__ import annotations

from collections.abc import Iterable

from fd2.reporting.results import Result
from fd2.reporting.table import Entry, Table


def caption(table: Table) -> list[str]:
    """Sentences on metric, preset, students, data, hardware, commits and gaps of a table."""
    sentences = [_metric(table), _preset(table), *_students(table), _datasets(table)]
    if table.results:
        sentences += [
            f"Hardware: {_list(result.device_name for result in table.results)}.",
            f"Commits: {_list(_commit(result) for result in table.results)}.",
        ]
    sentences += _teachers(table)
    if table.missing:
        asked = sum(entry.asked for entry in table.entries)
        sentences.append(f"Missing: {len(table.missing)} of {asked} results.")
    return sentences


def _metric(table: Table) -> str:
    found = []
    for who, full in (("students", False), ("teachers", True)):
        results = [r for e in table.entries if (e.row.ipc is None) == full for r in e.results]
        epochs = sorted({result.epoch for result in results})
        if epochs:
            found.append(f"{who}: epoch {', '.join(str(epoch) for epoch in epochs)}")
    last = "at the last epoch"
    if found:
        last += f" ({'; '.join(found)}, counted from 0)"
    seeds = ", ".join(str(seed) for seed in table.seeds)
    return (
        f"Top-1 / class-balanced top-1 accuracy in percent on the test images {last}, "
        f"mean ± sample standard deviation over the student seeds {seeds}; "
        "a dash stands for the deviation of a single result."
    )


def _preset(table: Table) -> str:
    presets = sorted({result.protocol for result in table.results})
    if not presets:
        return "Preset: no result yet."
    if len(presets) == 1:
        return f"Preset: {presets[0]}."
    listing = "; ".join(
        f"{preset}: {_list(_name(table, entry) for entry in _made_with(table, preset))}"
        for preset in presets
    )
    return f"Presets are mixed, so rows are not comparable throughout. {listing}."


def _made_with(table: Table, preset: str) -> list[Entry]:
    return [e for e in table.entries if any(r.protocol == preset for r in e.results)]


def _name(table: Table, entry: Entry) -> str:
    columns = "" if entry.row.ipc is None else f" IPC {entry.row.ipc}"
    dataset = f" {entry.row.dataset}" if len({d for d, _ in table.columns}) > 1 else ""
    return f"{table.label(entry.key)}{dataset}{columns}"


def _students(table: Table) -> list[str]:
    entries = [entry for entry in table.entries if entry.row.ipc is not None]
    students = dict.fromkeys(entry.row.student for entry in entries)
    words = []
    for student in students:
        results = [r for e in entries if e.row.student == student for r in e.results]
        start = _list(r.initialisation or "start not recorded" for r in results)
        words.append(f"{student} ({start or 'no result yet'})")
    return [f"Students (initial weights): {', '.join(words)}."] if words else []


def _datasets(table: Table) -> str:
    words = []
    for dataset in dict.fromkeys(entry.row.dataset for entry in table.entries):
        results = [r for e in table.entries if e.row.dataset == dataset for r in e.results]
        sizes = _list(f"{r.resolution} pixels" for r in results if r.resolution is not None)
        words.append(f"{dataset} ({sizes})" if sizes else dataset)
    return f"Data: {', '.join(words)}."


def _teachers(table: Table) -> list[str]:
    sentences = []
    if any(result.chosen_on_test for result in table.results):
        sentences.append(
            "Full-data lines show the checkpoint that distillation used, which was chosen on test "
            "images, as the release does."
        )
    majority = {
        entry.row.dataset: result.majority_top1
        for entry in table.entries
        for result in entry.results
        if result.majority_top1 is not None
    }
    if majority:
        words = "; ".join(f"{dataset} {value:.1f}" for dataset, value in majority.items())
        sentences.append(f"Top-1 of always answering the commonest test class: {words}.")
    return sentences


def _commit(result: Result) -> str:
    if result.commit is None:
        return "unknown"
    return result.commit[:10] + (" with uncommitted changes" if result.dirty else "")


def _list(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(words)))
