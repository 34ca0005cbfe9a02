"""What a reader must know to judge a table, as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from fd2.config.held_out import HELD_OUT_IMAGES, TEST_IMAGES
from fd2.reporting.agreement import SPREADS, TEACHER_POINTS
from fd2.reporting.entry import Entry
from fd2.reporting.gains import gains
from fd2.reporting.repeated_texts import sections
from fd2.reporting.results import Result
from fd2.reporting.sampling_error import shares, standard_error
from fd2.reporting.table import Table


def caption(table: Table) -> list[str]:
    """Sentences on metric, preset, students, data, hardware, commits and gaps of a table."""
    sentences = [_metric(table), *tested_on_held_out(_by_dataset(table)), *_tested(table)]
    sentences += [*_single_sets(table), _preset(table), *_students(table), _datasets(table)]
    sentences += provenance(table.results)
    sentences += _teachers(table)
    sentences += [*_published(table), *table.notes]
    if table.missing:
        asked = sum(entry.asked for entry in table.entries)
        sentences.append(missing(len(table.missing), asked))
    return sentences


class Made(Protocol):
    """Anything that knows which machine and source made it; see `Result`."""

    @property
    def device_name(self) -> str:
        """The hardware."""

    @property
    def commit(self) -> str | None:
        """Of the source; None outside a checkout."""

    @property
    def dirty(self) -> bool | None:
        """Whether the source differs from the commit."""


def provenance(results: Sequence[Made]) -> list[str]:
    """Hardware and commits; nothing without results."""
    if not results:
        return []
    return [
        f"Hardware: {listed(result.device_name for result in results)}.",
        f"Commits: {listed(_commit(result) for result in results)}.",
    ]


def images_tested(results: Iterable[Result]) -> str:
    """``the test images``, or what took their place in all or some of the results."""
    kinds = {result.tested_on for result in results} or {TEST_IMAGES}
    if kinds == {TEST_IMAGES}:
        return "the test images"
    if TEST_IMAGES not in kinds:
        return HELD_OUT_IMAGES
    return f"the test images, or on {HELD_OUT_IMAGES} where the next sentence says so,"


def tested_on_held_out(by_dataset: Mapping[str, Sequence[Result]]) -> list[str]:
    """The sentence that keeps settings' choice and result apart; nothing for test images.

    Args:
        by_dataset: results of each dataset, in the order to name them.
    """
    names = [
        dataset
        for dataset, results in by_dataset.items()
        if any(result.tested_on != TEST_IMAGES for result in results)
    ]
    if not names:
        return []
    return [f"{', '.join(names)}: tested on {HELD_OUT_IMAGES}, not on the test images."]


def missing(count: int, asked: int) -> str:
    """How many results there are not yet."""
    return f"Missing: {count} of {asked} results."


def listed(words: Iterable[str]) -> str:
    """Sorted, each once."""
    return ", ".join(sorted(set(words)))


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
        "Top-1 / class-balanced top-1 accuracy in percent on "
        f"{images_tested(table.results)} {last}, "
        f"mean ± sample standard deviation over the student seeds {seeds}; "
        "a dash stands for the deviation of a single result."
    )


def _tested(table: Table) -> list[str]:
    found = (standard_error(shares(entry.results), "top1") for entry in table.entries)
    errors = [error for error in found if error is not None]
    if not errors:
        return []
    return [
        "Standard errors tell what other test images of the same classes would do, the students "
        f"being the same: up to {max(errors):.1f} points to a row's top-1, and to a difference "
        "what stands beside it. All seeds are tested on the same images, so no spread contains "
        "them."
    ]


def _single_sets(table: Table) -> list[str]:
    if not gains(table) or sections(table):
        return []
    return [
        "Each row is one set of images by one teacher, and its spread is over the students of that "
        "set alone. Another set or teacher by the same settings, or the same seeds on another kind "
        "of processor, may move a row by more than this spread."
    ]


def _preset(table: Table) -> str:
    presets = sorted({result.protocol for result in table.results})
    if not presets:
        return "Preset: no result yet."
    if len(presets) == 1:
        return f"Preset: {presets[0]}."
    listing = "; ".join(
        f"{preset}: {listed(_name(table, entry) for entry in _made_with(table, preset))}"
        for preset in presets
    )
    return f"Presets are mixed, so rows are not comparable throughout. {listing}."


def _made_with(table: Table, preset: str) -> list[Entry]:
    return [e for e in table.entries if any(r.protocol == preset for r in e.results)]


def _name(table: Table, entry: Entry) -> str:
    columns = "" if entry.row.ipc is None else f" IPC {entry.row.ipc}"
    block = next(block for block in table.blocks if entry in block.entries)
    where = "" if block.alone else f" ({block.title})"
    return f"{block.label(entry.key)}{columns}{where}"


def _students(table: Table) -> list[str]:
    entries = [entry for entry in table.entries if entry.row.ipc is not None]
    students = dict.fromkeys(entry.row.student for entry in entries)
    words = []
    for student in students:
        own = [entry for entry in entries if entry.row.student == student]
        results = [result for entry in own for result in entry.results]
        planned = [entry.start for entry in own if entry.start and not entry.results]
        recorded = [result.initialisation or "start not recorded" for result in results]
        start = listed([*recorded, *planned])
        words.append(f"{student} ({start or 'no result yet'})")
    return [f"Students (initial weights): {', '.join(words)}."] if words else []


def _by_dataset(table: Table) -> dict[str, list[Result]]:
    return {
        dataset: [r for e in table.entries if e.row.dataset == dataset for r in e.results]
        for dataset in dict.fromkeys(entry.row.dataset for entry in table.entries)
    }


def _datasets(table: Table) -> str:
    words = []
    for dataset, results in _by_dataset(table).items():
        sizes = listed(f"{r.resolution} pixels" for r in results if r.resolution is not None)
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


def _published(table: Table) -> list[str]:
    numbers = [entry.row.published for entry in table.entries]
    if not any(numbers):
        return []
    sentences = [
        f"A tick: ours lies within {SPREADS:g} standard deviations over our seeds of the published "
        "number; a cross: it does not; no mark: fewer than two seeds. Full-data lines, trained "
        f"once, are ticked within {TEACHER_POINTS:g} point."
    ]
    if any(len(pair) > 1 for pair in numbers):
        sentences.append(
            "Where two published numbers stand, the source prints the second elsewhere for the "
            "same cell."
        )
    return sentences


def _commit(result: Made) -> str:
    if result.commit is None:
        return "unknown"
    return result.commit[:10] + (" with uncommitted changes" if result.dirty else "")
