"""How long jobs take together: list scheduling over cores and GPUs."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter


@dataclass(frozen=True)
class Machine:
    """What jobs share.

    Attributes:
        cores: at least 1.
        gpu_jobs: jobs that may hold a GPU at once, at least 1; without a GPU no job holds one.
    """

    cores: int
    gpu_jobs: int = 1


@dataclass(frozen=True)
class Task:
    """One job to come.

    Attributes:
        name: tells it from others.
        seconds: that it will take, or still takes if it runs; at least 0.
        cores: that it asks for; more than there are count as all.
        gpu: whether it holds a GPU.
        after: names of tasks that must end before; others than those to come do not count.
    """

    name: Hashable
    seconds: float
    cores: int = 1
    gpu: bool = False
    after: tuple[Hashable, ...] = ()


def makespan(tasks: Sequence[Task], machine: Machine, running: Iterable[Hashable] = ()) -> float:
    """Seconds from now until the last task ends.

    A task starts as soon as those before it have ended and its cores, and its share of the GPUs,
    are free; where several could, the one that most work waits for goes first.

    Args:
        tasks: to come, without circles.
        machine: what they share.
        running: names of those that run already; they hold what they hold.
    """
    known = {task.name: task for task in tasks}
    before = {t.name: {name for name in t.after if name in known} for t in tasks}
    urgency = _path_lengths(known, before)
    followers: dict[Hashable, list[Hashable]] = {name: [] for name in known}
    for name, earlier in before.items():
        for one in earlier:
            followers[one].append(name)
    position = {name: at for at, name in enumerate(known)}
    # Those that run come first, whatever they wait for on paper.
    first = {name for name in running if name in known}
    ready = [(-urgency[n], position[n], n) for n in known if n not in first and not before[n]]
    heapq.heapify(ready)
    cores, shares, now = machine.cores, max(machine.gpu_jobs, 1), 0.0
    ends: list[tuple[float, int, Hashable]] = []

    def start(name: Hashable) -> None:
        nonlocal cores, shares
        task = known[name]
        cores -= min(task.cores, machine.cores)
        shares -= task.gpu
        heapq.heappush(ends, (now + task.seconds, position[name], name))

    for name in first:
        start(name)
    while ready or ends:
        waiting = []
        while ready and cores > 0:
            entry = heapq.heappop(ready)
            task = known[entry[2]]
            if min(task.cores, machine.cores) <= cores and (shares > 0 or not task.gpu):
                start(task.name)
            else:
                waiting.append(entry)
        for entry in waiting:
            heapq.heappush(ready, entry)
        now, _, ended = heapq.heappop(ends)
        cores += min(known[ended].cores, machine.cores)
        shares += known[ended].gpu
        for name in followers[ended]:
            before[name].discard(ended)
            if not before[name] and name not in first:
                heapq.heappush(ready, (-urgency[name], position[name], name))
    return now


def _path_lengths(
    known: Mapping[Hashable, Task], before: Mapping[Hashable, set[Hashable]]
) -> dict[Hashable, float]:
    """Of each task its seconds and those of the longest chain of tasks that wait for it."""
    lengths = {name: task.seconds for name, task in known.items()}
    for name in reversed(list(TopologicalSorter(before).static_order())):
        for earlier in before[name]:
            lengths[earlier] = max(lengths[earlier], known[earlier].seconds + lengths[name])
    return lengths
