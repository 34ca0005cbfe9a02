"""Stage: write the page that tells what was run and what came out."""

from __future__ import annotations

from pathlib import Path

from fd2.artifacts.files import write_text
from fd2.report.page import PageSources, page


def summarise(sources: PageSources, output: Path) -> None:
    """Write one self-contained HTML file; what is missing stands in it with its command.

    Raises:
        FD2Error: for a damaged record or manifest.
    """
    write_text(output, page(sources))
