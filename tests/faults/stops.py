"""Signals at random points of the chain, again and again until it is through."""

from __future__ import annotations

import random
import signal
from collections.abc import Sequence

from chain import Chain
from tally import Tally

#: Snakemake and torch start in about this many seconds; nothing is under way before.
START = 1.0


def stop_at_random_points(
    chain: Chain,
    wanted: dict[str, str],
    tally: Tally,
    number: signal.Signals,
    count: int,
    seconds: float,
    stages: Sequence[str],
    rng: random.Random,
) -> None:
    """Stop the chain ``count`` times; after each, nothing that is there may differ.

    Args:
        chain: finished; ``stages`` are made anew.
        wanted: digests of the undisturbed run's artefacts.
        tally: counts.
        number: the signal, to snakemake and its jobs at once.
        count: of signals that reach a running chain.
        seconds: that the undisturbed run of the stages took.
        stages: the last ones of the chain.
        rng: draws the points.
    """
    done = 0
    while done < count:
        chain.forget(stages)
        whole = False
        while not whole and done < count:
            longest = START + max(2 * seconds / count, seconds / 2)
            if not chain.stopped(rng.uniform(START, longest), number):
                whole = True
                continue
            done += 1
            there = chain.artefacts()
            wrong = [path for path, digest in there.items() if wanted[path] != digest]
            tally.add(number.name, not wrong, f"not whole: {wrong}")
        last = chain.run()
        tally.require(number.name, last.returncode == 0, last.output[-2000:])
        tally.require(number.name, chain.artefacts() == wanted, "other bytes in the end")
        tally.require(number.name, not chain.leftovers(), f"left over: {chain.leftovers()}")
