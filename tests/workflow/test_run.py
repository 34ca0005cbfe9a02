"""`fd2 run` and the logger fd2: real runs, in a terminal and in a pipe."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fd2.planning.dependencies import key_of, predecessors
from fd2.planning.forecast import describe, forecast
from fd2.planning.jobs import read_jobs
from fd2.planning.measurements import read_measurements
from fd2.planning.project import open_project
from fd2.planning.schedule import Machine, Task, makespan
from fd2.watch.jobs import watched_job
from fd2.watch.remaining import Forecaster, Remaining

pytestmark = pytest.mark.workflow
CONFIG = "config/tiny.yaml"
HARD = "students/tiny/random/plain/hard-labels/ipc2/resnet10t/seed0"
NAME = "student random hard-labels ipc2 seed 0"


class Terminal:
    """A command whose terminal we are; it leads a session, as a shell's foreground job does."""

    def __init__(self, command: list[str], folder: Path, **environment: str) -> None:
        self._side, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

        def lead() -> None:
            # A test in the background of a shell has it ignored, and so would the command.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=side,
            stdout=side,
            stderr=side,
            start_new_session=True,
            preexec_fn=lead,  # which does little, in a process that starts no threads
        )
        os.close(side)
        self.shown = ""

    def read(self, until: Callable[[], bool] = lambda: False) -> None:
        """Take what is shown, up to the end or a condition."""
        while not until():
            try:
                data = os.read(self._side, 4096)
            except OSError as error:
                assert error.errno == errno.EIO
                data = b""
            if not data:
                return
            self.shown += data.decode(errors="replace")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def press(self, keys: bytes) -> None:
        os.write(self._side, keys)

    def wait(self) -> int:
        self.read()
        os.close(self._side)
        return self._process.wait()


def fd2_run(project: Any, *words: str) -> Terminal:
    command = [sys.executable, "-m", "fd2", "run", *words]
    return Terminal(command, project.folder, PYTHONPATH=str(project.folder / "src"), TERM="xterm")


def places(shown: str) -> dict[str, list[str]]:
    """What the end of a run tells: where what was asked for lies."""
    lines = re.findall(r"^(table|figures|page|sets|exports): +(.*?)\s*$", shown, re.MULTILINE)
    return {what: paths.split(", ") for what, paths in lines}


def top1(project: Any) -> str:
    record = json.loads((project.folder / f"results/{HARD}.json").read_text())
    return f"{record['result']['last']['top1']:.1f} %"


@pytest.mark.slow
def test_a_terminal_shows_the_command_what_goes_on_and_results(expendable: Any) -> None:
    (expendable.folder / f"results/{HARD}.json").unlink()
    # A file that nothing newer waits for is made again only where it is asked for.
    terminal = fd2_run(expendable, "tiny", f"results/{HARD}.json", "tiny", "--", "--cores", "1")
    assert terminal.wait() == 0, terminal.shown
    lines = re.split(r"[\r\n]+", terminal.shown)
    files = f"--configfile {CONFIG}"
    assert lines[0] == f"snakemake results/{HARD}.json tiny --logger fd2 {files} --cores 1"
    assert any(re.match(rf"0 of \d+ \|.*\| .*{NAME}", line) for line in lines), "no bar"
    (told,) = (line for line in lines if f"{NAME}: {top1(expendable)}" in line)
    assert re.search(r" · 1 of 2 · end unknown yet$", told), "of a table nothing is known before"
    assert any(line.startswith("Done in ") for line in lines)
    assert "Traceback" not in terminal.shown
    assert places(terminal.shown) == {
        **{"table": ["results/tables/tiny.md"], "sets": ["results/distilled/tiny"]}
    }


def test_a_pipe_gets_a_plain_line_each(expendable: Any) -> None:
    (expendable.folder / f"results/{HARD}.json").unlink()
    arguments = (f"results/{HARD}.json", "--cores", "1", "--logger", "fd2", "--configfile", CONFIG)
    done = expendable.snakemake(*arguments)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "\r" not in done.stderr and "rule" not in done.stderr and done.stdout == ""
    assert f"{NAME}: {top1(expendable)} · 1 of 1\n" in done.stderr and "\nDone in " in done.stderr


def test_where_all_lies_is_told_too_where_there_is_nothing_to_do(finished: Any) -> None:
    done = finished.snakemake("--cores", "1", "--logger", "fd2", "--configfile", CONFIG)
    assert done.returncode == 0 and "Nothing to do" in done.stderr
    found = places(done.stderr)
    assert found["table"] == ["results/tables/tiny.md", "results/tables/seen.md"]
    assert found["page"] == ["results/report/index.html"] and len(found["figures"]) == 4
    assert all((finished.folder / path).exists() for paths in found.values() for path in paths)


def test_a_dry_run_is_told_in_snakemakes_words(finished: Any) -> None:
    forced = ("--dry-run", "--forceall", "--logger", "fd2", "--configfile", CONFIG)
    assert finished.dry_run(*forced)["evaluate"] == 3


def test_a_failed_job_is_shown_with_its_error_and_its_log(expendable: Any) -> None:
    (expendable.folder / f"results/{HARD}.json").unlink()
    images = expendable.folder / "results/distilled/tiny/random/plain/base/ipc2.safetensors"
    stamp = images.stat()
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    os.utime(images, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    arguments = (f"results/{HARD}.json", "--cores", "1", "--logger", "fd2", "--configfile", CONFIG)
    done = expendable.snakemake(*arguments)
    assert done.returncode == 1
    log = f"logs/{HARD}.log"
    assert f"FAILED: {NAME} · log: {log}\n" in done.stderr
    assert "damaged" in done.stderr and done.stderr.count("fix:") == 1, "an error is shown once"
    assert "1 job(s) failed, 0 of " in done.stderr and "Traceback" not in done.stderr
    error = (expendable.folder / log).read_text().split("error: ")[-1].splitlines()[0]
    assert error in done.stderr


@pytest.mark.slow
def test_ctrl_c_ends_a_run_that_goes_on_later(expendable: Any) -> None:
    (expendable.folder / f"results/{HARD}.json").unlink()
    epochs = {stage: {"epochs": 100000} for stage in ("relabel", "evaluate")}
    expendable.write("config/long.yaml", {"after": ["tiny.yaml"], "state_seconds": 0, **epochs})
    terminal = fd2_run(expendable, "long", f"results/{HARD}.json")
    state = expendable.folder / "state"
    while not list(state.glob("evaluate-*/*")):
        assert terminal.alive, terminal.shown
        time.sleep(0.05)
    terminal.press(b"\x03")
    assert terminal.wait() not in (0, -signal.SIGKILL), terminal.shown
    assert f"stopped: {NAME}" in terminal.shown and "FAILED" not in terminal.shown
    assert "The same command goes on from here" in terminal.shown
    assert list(state.glob("evaluate-*/*"))
    assert not list(expendable.folder.glob(".snakemake/locks/*"))
    assert "Traceback" not in terminal.shown


def test_a_locked_folder_is_told(expendable: Any) -> None:
    (expendable.folder / f"results/{HARD}.json").unlink()
    locks = expendable.folder / ".snakemake/locks"
    locks.mkdir(exist_ok=True)
    (locks / "0.output.lock").write_text(f"results/{HARD}.json\n")
    terminal = fd2_run(expendable, "tiny", f"results/{HARD}.json")
    assert terminal.wait() == 1
    assert "cannot be locked" in terminal.shown and "--unlock" in terminal.shown


def test_targets_that_nothing_makes_are_refused(finished: Any) -> None:
    for target, words in (("tinny", "did you mean 'tiny'?"), ("results/x/y.json", "unknown")):
        terminal = fd2_run(finished, "tiny", target)
        assert terminal.wait() == 1
        assert words in terminal.shown and "Done" not in terminal.shown


def test_what_ended_in_this_run_tells_what_is_left(finished: Any) -> None:
    project = open_project(finished.folder, [CONFIG])
    jobs = read_jobs(project, [], ["--forceall"])
    before, numbers = predecessors(project, jobs), {key_of(job): n for n, job in enumerate(jobs)}
    watched = [
        watched_job(
            *(project, n, job.rule, job.outputs, (), 1),
            gpu=False,
            after=[numbers[earlier] for earlier in before[key_of(job)]],
        )
        for n, job in enumerate(jobs)
    ]
    measured = forecast(describe(project, jobs), read_measurements(project), "measured")
    known = {key_of(one.job): one.seconds or 0.0 for one in measured}
    machine = Machine(2)

    def expected(seconds: dict[tuple[str, str], float], gone: set[int]) -> float:
        tasks = [
            Task(one.number, seconds[key_of(one.made[0])], after=one.after)
            for one in watched
            if one.number not in gone
        ]
        return makespan(tasks, machine)

    forecaster = Forecaster(project, watched, machine)
    left = forecaster.remaining(set(), {})
    assert left.all_known and left.seconds == pytest.approx(expected(known, set()))
    # Soft labels of two sets are one kind of job: the second takes as long as the first did.
    first, second = (one for one in watched if one.rule == "relabel")
    assert first.made[0].ipc == second.made[0].ipc
    forecaster.ended(first.number, 1000.0)
    changed = known | {key_of(second.made[0]): 1000.0}
    left = forecaster.remaining({first.number}, {})
    kinds = [one.work for one in measured if one.job.rule == "relabel"]
    assert kinds[0] is not None and kinds[1] is not None
    if kinds[0].kind == kinds[1].kind:
        assert left.seconds == pytest.approx(expected(changed, {first.number}))
    waited = forecaster.remaining({first.number}, {second.number: 400.0})
    assert (waited.seconds or 0) < (left.seconds or 0)


def test_the_end_of_a_run_of_unknown_jobs_is_unknown(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.folder)
    project = open_project(tiny.folder, [CONFIG])
    jobs = read_jobs(project, [f"results/{HARD}.json"])
    watched = [
        watched_job(project, n, job.rule, job.outputs, (), 1, gpu=False, after=[])
        for n, job in enumerate(jobs)
    ]
    forecaster = Forecaster(project, watched, Machine(1))
    assert forecaster.remaining(set(), {}) == Remaining(None, all_known=False)
    (student,) = (one.number for one in watched if one.rule == "evaluate")
    forecaster.ended(student, 7.0)
    some = forecaster.remaining(set(), {})
    assert some.seconds == pytest.approx(7) and not some.all_known
