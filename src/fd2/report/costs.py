"""What the finished jobs took, and on what they ran: times, memory, hardware, versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from fd2.artifacts.benchmark_files import job_name, read_benchmark
from fd2.artifacts.records import Record
from fd2.config.stages import STAGES

Counts = list[tuple[str, int]]


def costs(records: Sequence[Record], results: Path, benchmarks: Path) -> pd.DataFrame:
    """One line a stage, dataset and kind of hardware, in the order of the chain; others follow.

    The folder of Snakemake's benchmark files has the tree of the results folder, of the records.

    Returns:
        ``stage``, ``dataset``, ``hardware``; number of ``jobs``; ``seconds`` that the stages
        measured themselves, summed, and the ``longest``; ``job_seconds`` of whole jobs with
        imports, summed over those with a benchmark, and the number of these, ``benchmarks``;
        largest resident set of a job, by either measurement, as ``memory``, and ``gpu_memory``, in
        MiB. Unknowns are NaN.

    Raises:
        FD2Error: for a damaged benchmark.
    """
    keys = ["stage", "dataset", "hardware"]
    columns = ["seconds", "job_seconds", "memory", "gpu_memory"]
    jobs = pd.DataFrame(
        [_job(record, results, benchmarks) for record in records], columns=[*keys, *columns]
    )
    jobs[columns] = jobs[columns].astype(float)
    lines = jobs.groupby(keys, as_index=False).agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        longest=("seconds", "max"),
        job_seconds=("job_seconds", lambda known: known.sum(min_count=1)),
        benchmarks=("job_seconds", "count"),
        memory=("memory", "max"),
        gpu_memory=("gpu_memory", "max"),
    )
    place = {stage.name: position for position, stage in enumerate(STAGES)}
    order = lines["stage"].map(place).fillna(len(STAGES))
    return lines.iloc[order.argsort(kind="stable")]


def _job(record: Record, results: Path, benchmarks: Path) -> tuple[object, ...]:
    name, run = job_name(record.path, results), record.run
    measured = read_benchmark(benchmarks / f"{name}.tsv")
    if measured and measured.seconds < run.seconds:
        # Of a job that took its finished result back, which another one had computed.
        measured = None
    peaks = run.peak_memory_mb
    sampled = (measured and measured.memory_mb) or 0.0
    return (
        *(record.stage, Path(name).parts[1], run.device_name),
        *(run.seconds, measured and measured.seconds),
        *(max(sampled, peaks["resident"]), peaks.get("gpu")),
    )


def circumstances(records: Sequence[Record]) -> dict[str, Counts]:
    """Hardware, system, commit and the version of each package, with their numbers of records."""
    runs = [record.run for record in records]
    packages = dict.fromkeys(name for run in runs for name in run.versions)
    return {
        "hardware": _counts(run.device_name for run in runs),
        "system": _counts(run.host for run in runs),
        "commit of fd2": _counts(run.source(digits=None) for run in runs),
        **{
            name: _counts(run.versions.get(name) or "not installed" for run in runs)
            for name in packages
        },
    }


def _counts(words: Iterable[str]) -> Counts:
    return sorted(Counter(words).items())
