"""Runs snakemake in forks of a process that has imported it, which saves two seconds a run.

Reads one request a line as JSON (``arguments``, ``folder``, ``environment``, ``stdout``,
``stderr``) and answers each with the exit status.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

# What every run imports once more: packages of the workflow's, and plug-ins of snakemake's.
import jsonschema  # noqa: F401
import pandas  # noqa: F401
import smart_open  # noqa: F401
import yaml  # noqa: F401
from snakemake.cli import get_argument_parser, main

get_argument_parser()


def run(request: dict[str, Any]) -> None:
    """In the fork: become the command."""
    for stream, name in ((sys.stdout, "stdout"), (sys.stderr, "stderr")):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["snakemake", *request["arguments"]]
    main()


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(json.loads(line))
        raise SystemExit("snakemake returned")
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
