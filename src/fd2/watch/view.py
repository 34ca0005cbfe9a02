"""What a run shows while it goes on: one line a job that ended, and at last where all lies."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import PurePath

from fd2.errors import FD2Error, system_fault
from fd2.planning.moments import duration, moment
from fd2.planning.project import Project
from fd2.planning.schedule import Machine
from fd2.runtime.interruption import STOPPED
from fd2.runtime.job import VIEWED
from fd2.watch.jobs import WatchedJob
from fd2.watch.remaining import Forecaster
from fd2.watch.results import ERROR, Words, error_in
from fd2.watch.screen import Screen

#: Outputs behind the targets, by rule.
Asked = Callable[[], Sequence[tuple[str, Sequence[str]]]]

#: Where to look: rules whose outputs a reader wants, and which of these.
_PLACES = {
    "table": (("tabulate", "tabulate_partial"), ".md"),
    "figures": (("draw",), ".png"),
    "page": (("summarise", "summarise_partial"), ".html"),
    "sets": (("assemble", "select_images", "match", "match_trajectories"), ".safetensors"),
    "exports": (("export",), ".zip"),
}


class RunView:
    """Follows a run by its jobs' numbers and writes what a reader wants to know of it.

    Args:
        project: the workflow.
        screen: takes the lines.
        asked: tells at the end what the run was asked for.
    """

    def __init__(self, project: Project, screen: Screen, asked: Asked) -> None:
        self._project = project
        self._screen = screen
        self._asked = asked
        self._words = Words(project, [])
        self._forecaster = Forecaster(project, [], Machine(1))
        self._jobs: dict[int, WatchedJob] = {}
        self._running: dict[int, float] = {}
        self._ended: set[int] = set()
        self._failed: dict[int, WatchedJob] = {}
        self._stopped: set[int] = set()
        self._begun: float | None = None
        self._nothing = False
        self._eta = ""
        # Bars and errors of jobs would go between the lines of this one.
        os.environ[VIEWED] = "1"

    def begin(self, jobs: Sequence[WatchedJob], machine: Machine) -> None:
        """The jobs of the run, before the first one starts."""
        self._jobs = {job.number: job for job in jobs}
        self._words = Words(self._project, jobs)
        self._forecaster = Forecaster(self._project, jobs, machine)
        self._begun = time.monotonic()

    @property
    def failed(self) -> bool:
        """Whether a job has failed or was stopped."""
        return bool(self._failed or self._stopped)

    def nothing_to_do(self) -> None:
        """All that was asked for is there."""
        self._nothing = True

    def line(self, text: str) -> None:
        """A message of Snakemake's own."""
        self._screen.line(text)

    def started(self, numbers: Sequence[int]) -> None:
        """Jobs that run from now on."""
        for number in numbers:
            if number in self._jobs:
                self._running[number] = time.monotonic()
                self._failed.pop(number, None)
                self._stopped.discard(number)
        self._forecast()
        self._show()

    def finished(self, number: int) -> None:
        """A job that has made its files."""
        if number not in self._jobs:
            return
        job = self._jobs[number]
        begun = self._running.pop(number, None)
        self._ended.add(number)
        self._forecast((number, time.monotonic() - begun) if begun is not None else None)
        try:
            *lines, last = self._words.results(job)
        except FD2Error as error:
            lines, last = [str(error)], self._words.name(job)
        self._show()
        for line in lines:
            self._screen.line(line)
        done, total = len(self._ended), len(self._jobs)
        tail = self._words.write("tail", done=done, total=total, eta=self._eta)
        self._screen.line(f"{last} · {tail}")

    def broke(self, number: int, logs: Sequence[str]) -> None:
        """A job that has failed, or that a signal has stopped."""
        self._running.pop(number, None)
        if number not in self._jobs:
            return
        job = self._jobs[number]
        error = error_in([self._project.folder / log for log in logs])
        stopped = bool(error) and error[0].startswith(f"{ERROR}{STOPPED}")
        if stopped:
            self._stopped.add(number)
        else:
            self._failed[number] = job
        values = {"name": self._words.name(job), "logs": list(logs), "error": error}
        self._show()
        self._screen.line(self._words.write("failed", stopped=stopped, **values))

    def end(self) -> None:
        """After the last event: how it ended, and where what was asked for lies."""
        self._screen.close()
        if self._begun is None and not self._nothing:
            return
        seconds = time.monotonic() - self._begun if self._begun is not None else 0
        text = self._words.write(
            "end",
            done=len(self._ended),
            total=len(self._jobs),
            took=duration(seconds),
            failed=[(self._words.name(job), job.logs) for job in self._failed.values()],
            places=self._places(),
        )
        self._screen.line(text)

    def _places(self) -> Mapping[str, list[str]]:
        """What was asked for and is there: files, and of sets the folder of their dataset."""
        found: dict[str, dict[str, None]] = {}
        for rule, outputs in self._asked():
            there = [path for path in outputs if (self._project.folder / path).exists()]
            for what, (rules, suffix) in _PLACES.items():
                files = [path for path in there if rule in rules and path.endswith(suffix)]
                found.setdefault(what, {}).update(dict.fromkeys(files))
        places = {what: list(files) for what, files in found.items() if files}
        if "sets" in places:
            # results/distilled/DATASET/METHOD/FD2/VARIANT/FILE
            folders = (str(PurePath(path).parents[3]) for path in places["sets"])
            places["sets"] = list(dict.fromkeys(folders))
        return places

    def _forecast(self, took: tuple[int, float] | None = None) -> None:
        """Learn from a job that ended, and tell anew when the run will be done."""
        now = time.monotonic()
        elapsed = {number: now - begun for number, begun in self._running.items()}
        try:
            if took is not None:
                self._forecaster.ended(*took)
            # What has failed, and what waits for it, takes no time in this run.
            gone = self._ended | self._lost()
            left = self._forecaster.remaining(gone, elapsed)
        except FD2Error as error:
            self._eta = self._words.write("eta", when=None, sure=False, fault=error.what)
            return
        except OSError as error:
            fault = system_fault(error).what
            self._eta = self._words.write("eta", when=None, sure=False, fault=fault)
            return
        when = None if left.seconds is None else moment(left.seconds, datetime.now())
        self._eta = self._words.write("eta", when=when, sure=left.all_known, fault=None)

    def _lost(self) -> set[int]:
        """Jobs that failed or wait for one that did."""
        lost = self._stopped.union(self._failed)
        grown = True
        while grown:
            more = {n for n, job in self._jobs.items() if n not in lost and lost & set(job.after)}
            lost |= more
            grown = bool(more)
        return lost

    def _show(self) -> None:
        names = [self._words.name(self._jobs[number]) for number in self._running]
        now = self._words.write("now", names=names, eta=self._eta)
        self._screen.show(len(self._ended), len(self._jobs), now)
