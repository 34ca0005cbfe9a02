"""One contender in a process of its own: builds its repetition, then runs one for each line read.

The allocator's thresholds and the peak memory belong to a process, so contenders do not share one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.ceilings import synchronise
from benchmarks.traffic import arithmetic_and_traffic


def main(case: dict[str, Any]) -> None:
    """Answer on standard output, one JSON object a line; what stages print goes to the error log.

    Args:
        case: see `benchmarks.contenders.Contender`.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    import torch

    from fd2.runtime.job import Job
    from fd2.runtime.memory import keep_freed_memory, peak_memory_mb

    if case["allocator"] == "tuned":
        keep_freed_memory()
    torch.set_num_threads(case["threads"])
    job = Job(device=torch.device(case["device"]), threads=case["threads"], started="")
    repetition, units = build(case, job)
    # Counters and the profiler take memory of their own; the second run has what is kept.
    repetition()
    repetition()
    peak = peak_memory_mb(job.device)
    flops, moved = arithmetic_and_traffic(repetition)
    shares = operator_shares(repetition, job.device)
    counted = {"units": units, "flops": flops, "bytes": moved, "operators": shares}
    counted["difference"] = difference(case, job.device)
    print(json.dumps(counted), file=answers)
    for _ in sys.stdin:
        synchronise(job.device)
        start = time.perf_counter()
        repetition()
        synchronise(job.device)
        print(json.dumps({"seconds": time.perf_counter() - start}), file=answers)
    print(json.dumps({"peak_memory_mb": peak}), file=answers)


def operator_shares(
    repetition: Callable[[], object], device: Any, shown: int = 4
) -> dict[str, float]:
    """Shares of a repetition's time in the operators that take most, the largest first."""
    from torch.profiler import profile

    with profile() as profiler:
        repetition()
        synchronise(device)
    field = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    times = {each.key: getattr(each, field) for each in profiler.key_averages()}
    most = sorted(times, key=lambda name: times[name], reverse=True)[:shown]
    return {name.removeprefix("aten::"): times[name] / sum(times.values()) for name in most}


def difference(case: dict[str, Any], device: Any) -> float | None:
    """Of what is computed from the reference's; None where a test compares them instead."""
    if case["measure"] != "trajectory":
        return None
    from benchmarks.matching import gradient_difference

    return gradient_difference(case, device)


def build(case: dict[str, Any], job: Any) -> tuple[Callable[[], object], int]:
    """The repetition and how many units (iterations, images, steps) it holds."""
    from benchmarks import stages

    classes, size, images = case["classes"], case["size"], case["images"]
    backbone = next(iter(case["teachers"]), "")
    ways = {key: case[key] for key in ("memory_format", "compile")}
    ways |= {"mixed_precision": case["precision"] == "bfloat16"}
    if case["measure"] == "teacher":
        recipe = case["implementation"]
        return stages.teacher_training(recipe, backbone, ways, classes, size, images, job)
    if case["measure"] == "patches":
        return stages.patch_scoring(classes, size, images, job)
    if case["measure"] == "relabel":
        return stages.relabelling(classes, size, images, job)
    if case["measure"] == "student":
        return stages.student_training(backbone, ways, classes, size, images, job)
    if case["measure"] in ("dm", "dsa", "direct"):
        from benchmarks.matching import matching_repetition

        return matching_repetition(case, job.device)
    if case["measure"] == "trajectory":
        from benchmarks.matching import trajectory_repetition

        return trajectory_repetition(case, job.device)
    return _distil(case, job)


def _distil(case: dict[str, Any], job: Any) -> tuple[Callable[[], object], int]:
    from benchmarks.engine_step import EngineStep
    from benchmarks.problem import make_problem
    from benchmarks.reference import ReferenceStep

    problem = make_problem(
        case["teachers"],
        case["classes"],
        case["size"],
        fd2=case["fd2"],
        mixed=case["precision"] == "bfloat16",
    )
    step: Callable[[], object]
    if case["implementation"] == "reference":
        step = ReferenceStep(problem)
    else:
        step = EngineStep(problem, job.device, case["memory_format"], case["compile"])
    turns = len(case["teachers"])

    def every_teacher_once() -> None:
        for _ in range(turns):
            step()

    return every_teacher_once, turns


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
