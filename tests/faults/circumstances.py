"""Two runs at once, clocks that jump, losses that are not finite."""

from __future__ import annotations

import json
import os
import random
import shlex
import subprocess
import time

from chain import CELL, Chain
from tally import Tally

TEN_YEARS = 10 * 365 * 86400


def two_runs(chain: Chain, wanted: dict[str, str], tally: Tally) -> None:
    """A second run in the same folder is refused, and does not disturb the first."""
    chain.forget(["evaluate"])
    with (chain.folder / "first.out").open("w") as log:
        first = chain.start(log)
        while first.poll() is None and not list(chain.folder.glob(".snakemake/locks/*")):
            time.sleep(0.02)
        path = chain.folder / "second.out"
        with path.open("w") as second_log:
            second = chain.start(second_log).wait()
        refused = second != 0 and "lock" in path.read_text().lower()
        survived = first.wait() == 0 and chain.artefacts() == wanted
    tally.add("two runs at once", refused and survived, f"second {second}, {path.read_text()}")


def jumping_clock(
    chain: Chain, wanted: dict[str, str], tally: Tally, count: int, rng: random.Random
) -> None:
    """Time stamps of artefacts up to ten years in the past or the future.

    A file from the future is refused before the first job; ``fd2 doctor`` names the command that
    helps. Then ``fd2 adopt`` makes all of it current: no job runs again.
    """
    before = {name: (chain.results / name).stat().st_mtime_ns for name in wanted}
    for _ in range(count):
        for name in wanted:
            stamp = time.time() + rng.randint(-TEN_YEARS, TEN_YEARS)
            os.utime(chain.results / name, (stamp, stamp))
        done = chain.run("--dry-run")
        if done.returncode:
            advice = json.loads(chain.fd2("doctor", "--json").output)["findings"]
            found = next(finding for finding in advice if finding["subject"] == "time stamps")
            subprocess.run(shlex.split(found["fix"].partition("then: ")[2]), check=True)
        clear = done.returncode == 0 or "in the future" in done.output
        adopted = chain.fd2("adopt", f"results/{CELL}")
        again = chain.run("--dry-run")
        same = "Nothing to be done" in again.output and chain.artefacts() == wanted
        said = done.output[-2000:] + adopted.output[-2000:] + again.output[-2000:]
        tally.add("jumping clock", clear and adopted.returncode == 0 and same, said)
    for name, stamp in before.items():
        os.utime(chain.results / name, ns=(stamp, stamp))


def diverging_loss(chain: Chain, wanted: dict[str, str], tally: Tally) -> None:
    """A learning rate that cannot work: refused by name; with the right one all is as before."""
    chain.forget(["evaluate"])
    config = chain.own
    before = config.read_text()
    settings = json.loads(before)
    too_high = {**settings.get("evaluate", {}), "learning_rate": 1e15}
    config.write_text(json.dumps({**settings, "evaluate": too_high}))
    done = chain.run()
    config.write_text(before)
    words = ("not finite: distillation, first in step", "classes", "evaluate.learning_rate")
    clear = done.returncode != 0 and all(word in done.output for word in words)
    there = (chain.results / CELL).exists()
    again = chain.run()
    same = again.returncode == 0 and chain.artefacts() == wanted
    tally.add("loss not finite", clear and same and not there, done.output[-2000:])
