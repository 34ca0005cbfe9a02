"""The table of a run, and its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from benchmarks.processes import Measurement
from benchmarks.traffic import bound_seconds

COLUMNS = (
    *("", "median", "least", "most", "a second", "share of bound", "peak MiB", "against first"),
    "most time in",
)
HEADER = "| " + " | ".join(COLUMNS) + " |"
RULE = "|---" * len(COLUMNS) + "|"


def record(
    measurements: Sequence[Measurement],
    rates: Mapping[str, float],
    start_up: Mapping[str, list[float]],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """All numbers of a run.

    Args:
        measurements: of all contenders.
        rates: of `benchmarks.ceilings.ceilings`.
        start_up: of `benchmarks.jobs.start_up`.
        facts: hardware, versions, commit, load, sizes.
    """
    return {
        "facts": dict(facts),
        "ceilings": dict(rates),
        "measurements": [
            {**asdict(each), "share_of_bound": share_of_bound(each, rates)} for each in measurements
        ],
        "start_up_seconds": dict(start_up),
    }


def share_of_bound(measurement: Measurement, rates: Mapping[str, float]) -> float:
    """Bound on the time, over the median time: 1 is as fast as the machine can."""
    rate = rates[measurement.contender.precision]
    bound = bound_seconds(measurement.flops, measurement.moved, rate, rates["copy"])
    return bound / median(measurement.seconds)


def markdown(
    measurements: Sequence[Measurement],
    rates: Mapping[str, float],
    start_up: Mapping[str, list[float]],
    facts: Mapping[str, Any],
) -> str:
    """The tables that people read; arguments as for `record`."""
    lines = [f"- {name}: {value}" for name, value in facts.items() if name != "chain_seconds"]
    lines += [
        f"- matrix product: {rates['float32'] / 1e9:.0f} GFLOP/s in float32, "
        f"{rates['bfloat16'] / 1e9:.0f} in bfloat16; copy: {rates['copy'] / 1e9:.1f} GB/s"
    ]
    for group in dict.fromkeys(each.contender.group for each in measurements):
        members = [each for each in measurements if each.contender.group == group]
        unit = members[0].contender.unit
        lines += ["", f"**{group}**, seconds per {unit}", "", HEADER, RULE]
        lines += [_row(each, members[0], rates) for each in members]
        apart = [f"{one.difference:.1e}" for one in members if one.difference is not None]
        if apart:
            told = "Largest difference of the gradient from the first's, of its largest value: "
            lines += ["", f"{told}{', '.join(apart)}."]
    if start_up:
        lines += ["", "**Start of a process**, seconds", "", "| imports | median | least | most |"]
        lines += ["|---|---|---|---|"]
    lines += [
        f"| `{name}` | {median(times):.2f} | {min(times):.2f} | {max(times):.2f} |"
        for name, times in start_up.items()
    ]
    if facts.get("chain_seconds") is not None:
        lines += ["", f"**The whole quickstart**: {facts['chain_seconds']:.0f} s"]
    return "\n".join(lines) + "\n"


def _row(each: Measurement, first: Measurement, rates: Mapping[str, float]) -> str:
    times = [seconds / each.units for seconds in each.seconds]
    middle = median(times)
    ratio = median(first.seconds) / first.units / middle
    memory = each.peak_memory_mb.get("gpu", each.peak_memory_mb["resident"])
    figures = (_short(middle), _short(min(times)), _short(max(times)), f"{1 / middle:.3g}")
    share = f"{100 * share_of_bound(each, rates):.0f} %"
    most = ", ".join(f"{name} {100 * part:.0f} %" for name, part in each.operators.items())
    cells = (each.contender.label, *figures, share, f"{memory:.0f}", f"{ratio:.2f}×", most)
    return "| " + " | ".join(cells) + " |"


def _short(seconds: float) -> str:
    return f"{seconds:.3g}"
