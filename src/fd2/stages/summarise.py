"""Stage: write the page that tells what was run and what came out, and the numbers by class."""

from __future__ import annotations

from pathlib import Path

from fd2.artifacts.files import write_frame, write_text
from fd2.report.answers import class_frame, confusion_frame
from fd2.report.page import PageSources, page, results


def summarise(sources: PageSources, output: Path, classes: Path, confusions: Path) -> None:
    """Write one self-contained HTML file; what is missing stands in it with its command.

    Beside it two csv files, of every row of the tables: the accuracy of each class, and which
    classes are taken for each other.

    Raises:
        FD2Error: for a damaged record, manifest or set.
    """
    found = results(sources)
    by_row = [pair for one in found for pair in one.answers.items()]
    write_frame(classes, class_frame(by_row))
    write_frame(confusions, confusion_frame(by_row))
    write_text(output, page(sources, found))
