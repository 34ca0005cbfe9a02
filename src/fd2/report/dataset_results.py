"""What the page says first of a dataset: the conclusion, a chart, the best set, its classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fd2.artifacts.files import file_digest
from fd2.artifacts.manifests import Manifest
from fd2.artifacts.records import Record
from fd2.config.names import Cell
from fd2.image_counts import visible_difference
from fd2.report.answers import Answers, answers
from fd2.report.chart import Chart, charts
from fd2.report.conclusion import Conclusion, Row, conclusions
from fd2.report.pictures import Strip, strips


@dataclass(frozen=True)
class DatasetResults:
    """One dataset's part of the page.

    Attributes:
        conclusion: its rows, and which is the best.
        charts: of all rows, that of the best first.
        classes, training_images, test_images: their numbers; None before the data are prepared.
        tested_on: what the test images are.
        visible: how far apart accuracies must be for the test images to tell, in points.
        best_set, archive: the best row's file, and its export; None where no set is finished.
        strips: its images; none where the file is missing, or not what the students learned from.
        answers: of each row whose records have them.
        shown: the best row, then those to compare it with class by class.
    """

    conclusion: Conclusion
    charts: Sequence[Chart]
    classes: int | None
    training_images: int | None
    test_images: int | None
    tested_on: str | None
    visible: float | None
    best_set: Path | None
    archive: Path | None
    strips: Sequence[Strip]
    answers: Mapping[Row, Answers]
    shown: Sequence[Row]


def dataset_results(
    tables: Sequence[Path],
    manifests: Mapping[str, Manifest],
    records: Sequence[Record],
    results: Path,
    seeds: Sequence[int],
) -> list[DatasetResults]:
    """Each dataset of the tables, in their order.

    Args:
        tables: csv files; see `fd2.report.conclusion.conclusions`.
        manifests: of the prepared data, by dataset.
        records: all below the results folder.
        results: that folder.
        seeds: of the students that the tables ask for.

    Raises:
        FD2Error: for a damaged set, or one that was made from other data; for a record whose
            answers do not fit.
    """
    cells = {record.path: record for record in records if record.kind == "cell"}

    def of_row(row: Row) -> list[Record]:
        if row.ipc is None:
            return []
        paths = [results / Cell(row.set_name, row.ipc, row.student, s).path() for s in seeds]
        return [cells[path] for path in paths if path in cells]

    return [
        _results(conclusion, manifests.get(conclusion.dataset), of_row, results)
        for conclusion in conclusions(tables)
    ]


def _results(
    conclusion: Conclusion,
    manifest: Manifest | None,
    cells: Callable[[Row], list[Record]],
    results: Path,
) -> DatasetResults:
    best = conclusion.best
    images = archive = None
    if best and best.ipc:
        images = results / best.set_name.images(best.ipc)
        archive = results / best.set_name.export(best.ipc)
    known, drawn, counts = {}, [], {}
    if manifest:
        said = {row: answers(cells(row), manifest.classes) for row in conclusion.rows}
        known = {row: own for row, own in said.items() if own}
        counts = {split: len(files) for split, files in manifest.files.items()}
    if manifest and best and images and images.is_file():
        learned = {cell.inputs.get("distilled") for cell in cells(best)}
        drawn = list(strips(images, manifest)) if learned == {file_digest(images)} else []
    tested = Counter(image["class"] for image in manifest.files["test"]) if manifest else None
    return DatasetResults(
        conclusion=conclusion,
        charts=charts(conclusion),
        classes=len(manifest.classes) if manifest else None,
        training_images=counts.get("train"),
        test_images=counts.get("test"),
        tested_on=manifest.tested_on if manifest else None,
        visible=visible_difference(tested.values()) if tested else None,
        best_set=images,
        archive=archive,
        strips=drawn,
        answers=known,
        shown=[row for row in _compared(conclusion) if row in known],
    )


def _compared(conclusion: Conclusion) -> list[Row]:
    """The best row, the random images of its gain, and the strongest."""
    best = conclusion.best
    if best is None:
        return []
    reference = best.gain.reference if best.gain else ""
    random = [row for row in conclusion.rows if row.group == best.group and row.name == reference]
    return list(dict.fromkeys(row for row in (best, *random[:1], conclusion.stronger) if row))
