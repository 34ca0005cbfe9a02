"""What the results folder tells of the runs that made it: times, memory, hardware, versions."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.artifacts.files import damaged, read_json

#: In the order of the chain; other stages follow by name.
STAGES = (
    *("prepare", "pretrain", "patches", "distill", "assemble", "select_images"),
    *("relabel", "evaluate"),
)
#: A record beside several files of one folder, and then named after none of them.
_OF_FOLDER = "record.json"


@dataclass(frozen=True)
class Record:
    """One finished job, as its artefact's JSON file tells it.

    Attributes:
        path: the file, which is a target by its path.
        stage, dataset: what was done, and with which data.
        protocol: ``paper`` or ``release``; None for a stage that knows no preset.
        scores: top-1 and class-balanced top-1 of a cell in percent; None for other artefacts.
        run: commit, versions, device, times and peak memory; see `fd2.artifacts.provenance`.
        job_seconds: wall-clock time of the whole job, from its benchmark; None without one.
        job_memory: its largest resident set in MiB; None where it was not sampled.
    """

    path: Path
    stage: str
    dataset: str
    protocol: str | None
    scores: tuple[float, float] | None
    run: Mapping[str, Any]
    job_seconds: float | None
    job_memory: float | None


@dataclass(frozen=True)
class Cost:
    """Jobs of one stage on one dataset and one kind of hardware. Times in s, memory in MiB.

    Attributes:
        stage, dataset, hardware: what the jobs have in common.
        jobs: their number.
        seconds: measured by the stages themselves, summed.
        longest: the longest of them.
        job_seconds: whole jobs with imports, summed over those with a benchmark; None without.
        benchmarks: number of jobs with a benchmark.
        memory: largest resident set of a job, by either measurement.
        gpu_memory: most memory allocated on a GPU; None on a CPU.
    """

    stage: str
    dataset: str
    hardware: str
    jobs: int
    seconds: float
    longest: float
    job_seconds: float | None
    benchmarks: int
    memory: float
    gpu_memory: float | None


def read_records(results: Path, benchmarks: Path) -> list[Record]:
    """All records below the results folder, by path; hidden folders hold unfinished work.

    Args:
        results: the results folder.
        benchmarks: the folder of Snakemake's benchmark files, with the same tree.

    Raises:
        FD2Error: for a damaged record.
    """
    found = []
    for path in sorted(results.rglob("*.json")):
        inside = path.relative_to(results)
        if not any(part.startswith(".") for part in inside.parts):
            content = read_json(path)
            if isinstance(content, dict) and {"stage", "run"} <= content.keys():
                found.append(_record(path, inside, content, benchmarks))
    return found


def costs(records: Sequence[Record]) -> list[Cost]:
    """One line a stage, dataset and kind of hardware, in the order of the chain."""
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        key = (record.stage, record.dataset, str(record.run["device_name"]))
        groups.setdefault(key, []).append(record)
    return [_cost(key, groups[key]) for key in sorted(groups, key=_chain_order)]


def counted(records: Sequence[Record], key: str) -> list[tuple[str, int]]:
    """The values of a field of ``run`` and how many records have each, sorted by value."""
    return _counts([_shown(record.run[key]) for record in records])


def commits(records: Sequence[Record]) -> list[tuple[str, int]]:
    """Commits, whole, with a remark on uncommitted changes, and how many records have each."""
    return _counts(
        [
            "unknown: not run in a checkout"
            if record.run["commit"] is None
            else str(record.run["commit"])
            + (" with uncommitted changes" if record.run["dirty"] else "")
            for record in records
        ]
    )


def versions(records: Sequence[Record]) -> list[tuple[str, list[tuple[str, int]]]]:
    """Packages in recorded order, and the versions of each with their counts."""
    packages = dict.fromkeys(name for record in records for name in record.run["versions"])
    return [
        (name, _counts([_shown(record.run["versions"].get(name)) for record in records]))
        for name in packages
    ]


def _record(path: Path, inside: Path, content: Mapping[str, Any], benchmarks: Path) -> Record:
    name = inside.parent if inside.name == _OF_FOLDER else inside.with_suffix("")
    seconds, memory = _benchmark(benchmarks / name.with_name(f"{name.name}.tsv"))
    try:
        run, settings = content["run"], content["settings"]
        last = content["result"]["last"] if "cell" in content else None
        float(run["seconds"]), float(run["peak_memory_mb"]["resident"])
        return Record(
            path=path,
            stage=str(content["stage"]),
            dataset=inside.parts[1],
            protocol=content.get("protocol", settings.get("protocol")),
            scores=(float(last["top1"]), float(last["balanced_top1"])) if last else None,
            run={key: run[key] for key in _FIELDS},
            job_seconds=seconds,
            job_memory=memory,
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise damaged(path, f"{type(error).__name__} {error}") from error


_FIELDS = (
    *("commit", "dirty", "versions", "host", "device_name", "threads"),
    *("started", "finished", "seconds", "peak_memory_mb"),
)


def _benchmark(path: Path) -> tuple[float | None, float | None]:
    """Seconds, summed over repetitions, and largest resident set in MiB; a dash is no number."""
    if not path.is_file():
        return None, None
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    seconds = [float(row["s"]) for row in rows]
    memory = [float(row["max_rss"]) for row in rows if row["max_rss"] not in ("-", "NA", "")]
    return sum(seconds) if seconds else None, max(memory, default=None)


def _cost(key: tuple[str, str, str], records: Sequence[Record]) -> Cost:
    seconds = [float(record.run["seconds"]) for record in records]
    jobs = [record.job_seconds for record in records if record.job_seconds is not None]
    own = [record.run["peak_memory_mb"] for record in records]
    memory = [record.job_memory for record in records if record.job_memory is not None]
    return Cost(
        *key,
        jobs=len(records),
        seconds=sum(seconds),
        longest=max(seconds),
        job_seconds=sum(jobs) if jobs else None,
        benchmarks=len(jobs),
        memory=max([*memory, *(peak["resident"] for peak in own)]),
        gpu_memory=max((peak["gpu"] for peak in own if "gpu" in peak), default=None),
    )


def _chain_order(key: tuple[str, str, str]) -> tuple[int, tuple[str, str, str]]:
    return (STAGES.index(key[0]) if key[0] in STAGES else len(STAGES), key)


def _counts(words: Sequence[str]) -> list[tuple[str, int]]:
    return [(word, words.count(word)) for word in sorted(set(words))]


def _shown(value: Any) -> str:
    return "not recorded" if value is None else str(value)
