"""Schedules of jobs on a machine, between bounds that hold for any schedule."""

from __future__ import annotations

import random
from datetime import datetime

import pytest

from fd2.planning.moments import duration, moment
from fd2.planning.schedule import Machine, Task, makespan


def drawn(rng: random.Random, count: int) -> list[Task]:
    """Tasks of which each may wait for earlier ones, in mixed order."""
    tasks = [
        Task(
            name,
            rng.choice([0, 1, 2, 5, 13]),
            rng.choice([1, 1, 2, 9]),
            rng.random() < 0.4,
            tuple(rng.sample(range(name), min(name, rng.randrange(3)))),
        )
        for name in range(count)
    ]
    rng.shuffle(tasks)
    return tasks


def longest_chain(tasks: list[Task]) -> float:
    ends: dict[object, float] = {}
    for task in sorted(tasks, key=lambda one: one.name):
        ends[task.name] = task.seconds + max((ends[name] for name in task.after), default=0)
    return max(ends.values())


@pytest.mark.parametrize("cores", [1, 2, 4])
@pytest.mark.parametrize("gpu_jobs", [1, 2])
def test_a_schedule_lies_between_its_bounds(cores: int, gpu_jobs: int) -> None:
    rng = random.Random(cores)
    for _ in range(60):
        tasks = drawn(rng, rng.randrange(1, 30))
        found = makespan(tasks, Machine(cores, gpu_jobs))
        on_cores = sum(task.seconds * min(task.cores, cores) for task in tasks) / cores
        on_gpus = sum(task.seconds for task in tasks if task.gpu) / gpu_jobs
        assert max(longest_chain(tasks), on_cores, on_gpus) <= found
        assert found <= sum(task.seconds for task in tasks)
        if cores == 1:
            assert found == sum(task.seconds for task in tasks)


def test_greedy_schedules_keep_grahams_bound() -> None:
    rng = random.Random(0)
    for _ in range(60):
        tasks = [Task(one.name, one.seconds, after=one.after) for one in drawn(rng, 25)]
        bound = sum(task.seconds for task in tasks) / 3 + longest_chain(tasks)
        assert makespan(tasks, Machine(3)) <= bound


def test_what_most_waits_for_goes_first() -> None:
    short = [Task(name, 2) for name in "abc"]
    chain = [Task("first", 1), Task("second", 4, after=("first",))]
    assert makespan([*short, *chain], Machine(2)) == 6


def test_a_running_task_goes_on_and_those_that_ended_hold_nobody_up() -> None:
    tasks = [Task("late", 1, 2, after=("over",)), Task("running", 3, 1)]
    assert makespan(tasks, Machine(2), ["running"]) == 4
    assert makespan([], Machine(2)) == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (3569, "59 min"), (3571, "1 h")),
        *((7800, "2 h 10 min"), (50000, "14 h"), (259000, "72 h"), (864000, "10 days")),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_moments_name_the_day_where_it_is_another_one() -> None:
    now = datetime(2024, 12, 20, 16, 40)
    assert moment(7800, now) == "18:50"
    assert moment(8 * 3600, now) == "Sat 00:40"
    assert moment(10 * 86400, now) == "30 Dec"
