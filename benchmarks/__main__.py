"""``python -m benchmarks``: every measurement in one run; see benchmarks/README.md."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.ceilings import ceilings
from benchmarks.contenders import FULL, QUICK, Sizes, contenders
from benchmarks.jobs import ROOT, chain, start_up
from benchmarks.processes import Measurement, measure_group
from benchmarks.report import markdown, record

QUICK_TEACHERS = ("resnet18", "shufflenet_v2")
QUICK_TRAINED = ("resnet10t",)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the tables, write ``OUTPUT.md`` and ``OUTPUT.json``."""
    options = _options().parse_args(arguments)
    sizes = _sizes(options)
    facts: dict[str, Any] = {**_machine(options), "sizes": asdict(sizes), "chain_seconds": None}
    # Apart, since a process counts its parent's peak memory as its own from before it started.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
        asked = (options.device, options.threads, sizes.matrix, max(sizes.repetitions, 3))
        rates = apart.submit(ceilings, *asked).result()
    chosen = contenders(QUICK_TEACHERS, QUICK_TRAINED) if options.quick else contenders()
    groups = list(dict.fromkeys(each.group for each in chosen if options.only in each.group))
    measurements: list[Measurement] = []
    for group in groups:
        members = [each for each in chosen if each.group == group]
        print(f"measuring: {group}", flush=True)
        measurements += measure_group(members, sizes, options.threads, options.device)
        # A run takes long: what is measured stays if it is broken off.
        _write(options.output, measurements, rates, {}, {**facts, "load_after": _load()})
    starts = start_up(sizes.repetitions) if options.only in "start of a process" else {}
    if options.chain:
        facts["chain_seconds"] = chain(options.threads)
    facts["load_after"] = _load()
    print(_write(options.output, measurements, rates, starts, facts))


def _write(
    output: str,
    measurements: list[Measurement],
    rates: dict[str, float],
    starts: dict[str, list[float]],
    facts: dict[str, Any],
) -> str:
    """Write ``OUTPUT.md`` and ``OUTPUT.json``; returns the former's text."""
    text = markdown(measurements, rates, starts, facts)
    stem = Path(output)
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".md").write_text(text, encoding="utf-8")
    content = record(measurements, rates, starts, facts)
    stem.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return text


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny problems: does it all run?")
    parser.add_argument(
        "--only",
        default="",
        help="only groups whose name contains this; 'start of a process' is one",
    )
    parser.add_argument("--chain", action="store_true", help="also the whole quickstart")
    parser.add_argument("--classes", type=int, help="images optimised together")
    parser.add_argument("--repetitions", type=int, help="of every contender")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--output", default="results/benchmarks/benchmark", help="without suffix")
    return parser


def _sizes(options: argparse.Namespace) -> Sizes:
    sizes = QUICK if options.quick else FULL
    asked = {"classes": options.classes, "repetitions": options.repetitions}
    return replace(sizes, **{name: value for name, value in asked.items() if value is not None})


def _machine(options: argparse.Namespace) -> dict[str, Any]:
    import torch

    gpu = torch.cuda.get_device_name() if options.device == "cuda" else None
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    return {
        "hardware": gpu or _processor(),
        "threads": options.threads,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "commit": commit.stdout.strip() or "unknown",
        "load_before": _load(),
    }


def _processor() -> str:
    """The processor's name where Linux tells it."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _load() -> str:
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


if __name__ == "__main__":
    main()
