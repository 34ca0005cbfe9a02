"""Snakemake's benchmark files: what the process of a job took, imports included."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from fd2.artifacts.values import number_fault
from fd2.errors import FD2Error


@dataclass(frozen=True)
class Benchmark:
    """Wall-clock time of a job's process, and its largest resident set in MiB.

    The latter is None for a job that ended before Snakemake looked at it first.
    """

    seconds: float
    memory_mb: float | None


def read_benchmark(path: Path) -> Benchmark | None:
    """The last line of a benchmark file; None if there is none.

    A file may hold several lines, one a repetition of the job. Each repetition overwrites the
    artefact and the record beside it, so only the last line is of the run that these tell about.

    Raises:
        FD2Error: if it is not one of Snakemake's.
    """
    if not path.is_file():
        return None
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            *_, last = csv.DictReader(stream, delimiter="\t")
        memory = last["max_rss"]
        found = Benchmark(float(last["s"]), None if memory in ("-", "NA", "") else float(memory))
        if fault := number_fault({"seconds": found.seconds, "peak_memory_mb": found.memory_mb}):
            raise ValueError(fault)
        return found
    except (KeyError, TypeError, ValueError) as error:
        raise FD2Error(f"not a benchmark: {error}", str(path), "delete the file") from error


def job_name(record: Path, results: Path) -> str:
    """The path, without suffix, that a job's log and benchmark have below their folders.

    A ``record.json`` stands in the folder that the job wrote.
    """
    name = record.relative_to(results)
    return str(name.parent if name.name == "record.json" else name.with_suffix(""))
