"""Injects faults into the tiny chain and prints how many were tried and survived.

``python tests/faults`` makes a project of its own, which takes minutes. ``--project`` takes one
that has run (the tests' tiny workflow), and ``--stages`` only the chain's last stages.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from chain import STAGES, TWIN, Chain
from circumstances import diverging_loss, jumping_clock, two_runs
from damage import ARTEFACTS, damage
from disk import full_disks
from project import make_project
from stops import stop_at_random_points
from tally import Tally


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python tests/faults", description=__doc__)
    parser.add_argument("--project", type=Path, help="a finished tiny workflow, copied first")
    parser.add_argument("--stages", default="all", help="how many of the last stages are stopped")
    parser.add_argument("--kills", type=int, default=20, help="SIGKILL at so many random points")
    parser.add_argument("--terms", type=int, default=20, help="SIGTERM at so many")
    parser.add_argument("--hups", type=int, default=20, help="SIGHUP at so many")
    parser.add_argument("--clocks", type=int, default=5, help="so many jumps of the clock")
    parser.add_argument("--damaged", type=int, default=len(ARTEFACTS), help="so many artefacts")
    parser.add_argument("--disks", type=int, default=len(STAGES), help="full in so many stages")
    parser.add_argument("--seed", type=int, default=0, help="of the random points")
    return parser.parse_args()


def main() -> int:
    """Run all faults; 1 if any was not survived."""
    given = arguments()
    if given.disks and os.geteuid() != 0:
        # Mounts are allowed in a user namespace.
        namespace = ["unshare", "--user", "--map-root-user", "--mount"]
        os.execvp("unshare", [*namespace, sys.executable, *sys.argv])
    rng = random.Random(given.seed)
    tally = Tally()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        if given.project is None:
            make_project(folder)
        else:
            shutil.copytree(given.project, folder)
        chain = Chain(folder, longer=given.project is None)
        names = list(STAGES)
        stages = names if given.stages == "all" else names[-int(given.stages) :]
        first = chain.run(f"results/{TWIN}")
        assert first.returncode == 0, first.output
        chain.forget(stages)
        begun = time.monotonic()
        assert chain.run().returncode == 0
        seconds = time.monotonic() - begun
        wanted = chain.artefacts()
        assert chain.moved() > 0.5, "images as they began are the same after any fault"
        facts = f"{seconds:.0f} s, {len(wanted)} artefacts, seed {given.seed}"
        print(f"undisturbed: {', '.join(stages)} in {facts}", flush=True)
        for number, count in (
            (signal.SIGKILL, given.kills),
            (signal.SIGTERM, given.terms),
            (signal.SIGHUP, given.hups),
        ):
            if count:
                stop_at_random_points(chain, wanted, tally, number, count, seconds, stages, rng)
        damage(chain, wanted, tally, rng.sample(ARTEFACTS, given.damaged), rng)
        two_runs(chain, wanted, tally)
        jumping_clock(chain, wanted, tally, given.clocks, rng)
        diverging_loss(chain, wanted, tally)
        full_disks(chain, wanted, tally, list(STAGES)[len(STAGES) - given.disks :])
    print(f"\n{tally.table()}")
    print("\n".join(tally.failures))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
