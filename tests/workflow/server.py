"""Runs snakemake and its jobs in forks of processes that have imported what these import.

A run saves two seconds so, and a job of its up to four. Reads one request a line as JSON
(``arguments``, ``folder``, ``environment``, ``stdout``, ``stderr``) and answers each with the exit
status. Jobs under conda, and commands that tests start by themselves, are processes of their own.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What every run imports once more: packages of the workflow's, and plug-ins of snakemake's.
import jsonschema  # noqa: F401
import pandas  # noqa: F401
import smart_open  # noqa: F401
import yaml  # noqa: F401
from snakemake.benchmark import benchmarked
from snakemake.cli import get_argument_parser, main
from snakemake.script import PythonScript

get_argument_parser()

_SOCKET = Path(tempfile.mkdtemp(prefix="fd2-jobs-")) / "socket"
_THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "VECLIB", "NUMEXPR")
_TEMPORARY = ("TMPDIR", "TMP", "TEMPDIR", "TEMP")


def import_networks() -> None:
    """What jobs import, and plans with vision transformers, whose shapes timm is asked for."""
    from fd2.runtime.lazy_compiler import import_compiler_late

    import_compiler_late()
    import timm  # noqa: F401
    import torch  # noqa: F401
    import torchvision  # noqa: F401

    # Each run imports the sources of its own copy.
    for name in [name for name in sys.modules if name.partition(".")[0] == "fd2"]:
        del sys.modules[name]


def keep_shared() -> None:
    """Keep forks from copying memory: their collector would visit all objects, also at the end."""
    gc.collect()
    gc.freeze()


def become(request: dict[str, Any]) -> None:
    """Take over folder, environment and arguments of a request."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["arguments"]


def end_with(work: Callable[[], object]) -> None:
    """Work, and end the fork without freeing what it inherited, which takes as long as a small job.

    An error goes on as in any other process.
    """
    status = 0
    try:
        work()
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            raise
        status = end.code or 0
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def run(request: dict[str, Any]) -> None:
    """In the fork: become snakemake, whose jobs are asked for at the socket."""
    for stream, name in ((sys.stdout, "stdout"), (sys.stderr, "stderr")):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    become({**request, "arguments": ["snakemake", *request["arguments"]]})
    start = PythonScript.execute_script

    def ask(self: Any, fname: str, edit: bool = False) -> None:
        if self.conda_env is not None:
            return start(self, fname, edit)
        # The same variables as snakemake gives a process.
        threads = {f"{name}_NUM_THREADS": str(self.threads) for name in _THREADS}
        temporary = dict.fromkeys(_TEMPORARY, self.resources["tmpdir"])
        job = {
            "arguments": [fname],
            "folder": os.getcwd(),
            "environment": {**os.environ, **threads, **temporary},
        }
        with socket.socket(socket.AF_UNIX) as jobs:
            jobs.connect(str(_SOCKET))
            with jobs.makefile("rw") as stream:
                socket.send_fds(jobs, [b"\n"], [1, 2])
                print(json.dumps(job), file=stream, flush=True)
                number = int(stream.readline())
                record = self.bench_record
                with benchmarked(number, record) if record else contextlib.nullcontext():
                    print("measured", file=stream, flush=True)
                    status = int(stream.readline())
        if status:
            raise subprocess.CalledProcessError(status, fname)

    PythonScript.execute_script = ask
    end_with(main)


def serve_jobs(listener: socket.socket, parent: int) -> None:
    """Run each job in a fork, beside others, until the file ``parent`` is closed."""
    keep_shared()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while select.select([listener, parent], [], [])[0] == [listener]:
        asked, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return serve_job(asked)
        asked.close()


def serve_job(asked: socket.socket) -> None:
    """In a fork: tell the job's process and, at its end, its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with asked, asked.makefile("rw") as stream:
        _, files, _, _ = socket.recv_fds(asked, 1, 2)
        request = json.loads(stream.readline())
        child = os.fork()
        if child:
            print(child, file=stream, flush=True)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            stream.readline()
            print(status, file=stream, flush=True)
            os._exit(0)
    for file, standard in zip(files, (1, 2), strict=True):
        os.dup2(file, standard)
        os.close(file)
    become(request)
    script = request["arguments"][0]
    sys.path[0] = str(Path(script).parent)
    end_with(lambda: runpy.run_path(script, run_name="__main__"))


def serve() -> None:
    """Answer requests until their end."""
    import_networks()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(_SOCKET))
        listener.listen(64)
        parent, running = os.pipe()
        if os.fork() == 0:
            os.close(running)
            os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
            return serve_jobs(listener, parent)
        os.close(parent)
    keep_shared()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(json.loads(line))
            raise SystemExit("snakemake returned")
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    _SOCKET.unlink()
    _SOCKET.parent.rmdir()
    os.close(running)


serve()
