"""Chromium without a screen, and what a page does in it beside showing itself.

For the docs, ``python -m tests.report.browser PAGE PICTURE`` takes a picture of its first screen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, ViewportSize, sync_playwright

#: Of the distribution: the package playwright brings none.
BROWSER = "/usr/bin/chromium"
#: In pixels; wide enough for the chart, small enough to be read in a column of text.
FIRST_SCREEN: ViewportSize = {"width": 1000, "height": 700}


@dataclass
class Seen:
    """What a page did beside showing itself."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def outside(self) -> list[str]:
        """What was asked of anything but the file itself."""
        inside = ("file:", "data:", "blob:")
        return [url for url in self.requests if not url.startswith(inside)]


@contextmanager
def empty_page() -> Iterator[tuple[Page, Seen]]:
    """An empty page of a browser of its own."""
    seen = Seen()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER)
        page = chromium.new_page()

        def closed(dialog: Any) -> None:
            seen.dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", closed)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on(
            "console",
            lambda line: seen.errors.append(line.text) if line.type == "error" else None,
        )
        yield page, seen
        chromium.close()


def take_first_screen(page: Page, file: Path, picture: Path) -> None:
    """Write as PNG what a reader sees of a file before any scrolling, in light colours."""
    page.set_viewport_size(FIRST_SCREEN)
    page.emulate_media(color_scheme="light")
    page.goto(file.resolve().as_uri())
    page.screenshot(path=picture)


if __name__ == "__main__":
    with empty_page() as (opened, _):
        take_first_screen(opened, *map(Path, sys.argv[1:]))
