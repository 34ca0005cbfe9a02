"""Signals that ask a job to stop: recorded at once, obeyed between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fd2.errors import FD2Error

#: What schedulers send before they kill (SIGTERM; SIGUSR1 where a user asks for a warning), and
#: what Ctrl-C and the closing of a terminal send.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)

#: How the message of `StoppedError` begins.
STOPPED = "stopped by"


class StoppedError(FD2Error):
    """A job that a signal ended after its state was written."""

    def __init__(self, number: int, where: str) -> None:
        self.number = number
        #: 128 plus the signal's number, as shells count.
        self.exit_code = 128 + number
        super().__init__(
            f"{STOPPED} {signal.Signals(number).name}",
            where,
            "run the same command again: it goes on from there",
        )

    def __reduce__(self) -> tuple[type[StoppedError], tuple[int, str]]:  # type: ignore[override]
        return type(self), (self.number, self.where)


class Interruption:
    """Whether a signal has come: the number of the first, or None."""

    def __init__(self) -> None:
        self.number: int | None = None


@contextmanager
def watched_signals() -> Iterator[Interruption]:
    """Note the first of `SIGNALS`; the second one has its usual effect.

    A signal that is ignored, as nohup has it for SIGHUP, stays ignored. Outside the main thread,
    where Python sets no handlers, nothing is watched.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}

    def note(number: int, frame: FrameType | None) -> None:
        interruption.number = number
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    for number in before:
        signal.signal(number, note)
    try:
        yield interruption
    finally:
        restore()


def stop_on_hangup() -> None:
    """Let the closing of the terminal stop this process as SIGTERM does.

    For Snakemake's own processes, which SIGHUP would end with their lock left behind. It stays
    ignored where it is ignored, as by nohup.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            # Nothing has begun yet that could be brought to an end.
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGTERM)

    on_main = threading.current_thread() is threading.main_thread()
    if on_main and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, stop)
