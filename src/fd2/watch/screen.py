"""Where a run's lines go: a terminal with a bar below them, or a plain stream."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

#: Characters of the bar itself.
_BAR = 20


class Screen:
    """Lines as they come, and on a terminal what goes on now.

    Args:
        stream: of a terminal, or any other.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: tqdm[NoReturn] | None = None
        if isinstance(stream, io.TextIOWrapper):
            # Not every locale has letters such as those of SRe²L.
            stream.reconfigure(errors="backslashreplace")

    def line(self, text: str) -> None:
        """Write a line, or several, above the bar."""
        if self._bar is not None:
            self._bar.clear()
        print(text, file=self._stream, flush=True)
        if self._bar is not None:
            self._bar.refresh()

    def show(self, done: int, total: int, now: str) -> None:
        """Show how far the run is, and what goes on; nothing where there is no terminal."""
        if not self._stream.isatty():
            return
        if self._bar is None:
            from tqdm import tqdm

            form = f"{{n_fmt}} of {{total_fmt}} |{{bar:{_BAR}}}| {{elapsed}} {{desc}}"
            bar: tqdm[NoReturn] = tqdm(
                total=total,
                file=self._stream,
                bar_format=form,
                dynamic_ncols=True,
                leave=False,
                mininterval=0,
            )
            self._bar = bar
        self._bar.n = done
        self._bar.set_description_str(now)

    def close(self) -> None:
        """Take the bar away; lines can still be written."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
