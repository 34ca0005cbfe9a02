"""A few real steps of each kind of pending job, timed in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import cache
from multiprocessing import get_context

from fd2.config.datasets import download_kind
from fd2.config.stages import BY_NAME
from fd2.errors import FD2Error
from fd2.planning.datasets import planned_size
from fd2.planning.forecast import JobForecast
from fd2.planning.measurements import Measurement
from fd2.planning.probe_stages import Timed, timed
from fd2.planning.probe_trials import ProbeTask
from fd2.planning.project import Project
from fd2.planning.stage_settings import settings_of, teachers_of
from fd2.runtime.threads import usable_cores

#: Probes start with what most jobs import, which takes longer than many of them.
_IMPORTED = ["fd2.planning.probe_stages", "fd2.networks.timm_network"]
#: Probes side by side on a CPU, where cores allow it. So are the jobs of a run.
_SIDE_BY_SIDE = 2


def probe(
    project: Project, described: Sequence[JobForecast], say: Callable[[str], None]
) -> list[Measurement]:
    """Run a few steps of one job of each kind that is pending and not yet known.

    Each runs through its stage, in a temporary folder, on random pixels of the right shape
    (``prepare``: on the first of the real images), with untrained networks; none of these changes
    how long a step takes. A shorter and a longer run tell the fixed part from that of the steps.
    The time in which a job starts is measured once.

    Args:
        project: the workflow.
        described: the plan's jobs.
        say: told what is probed.

    Raises:
        FD2Error: if the device is not there, or a probe fails or is killed.
    """
    kinds: dict[tuple[str, str], JobForecast] = {}
    for one in described:
        if one.job.pending and one.basis is None and one.work and BY_NAME[one.job.rule].probed:
            kinds.setdefault((one.job.rule, one.work.kind), one)
    wanted = [(one, task) for one in kinds.values() if (task := task_of(project, one))]
    startup = _startup() if wanted else 0.0

    def measured(asked: tuple[JobForecast, ProbeTask]) -> Measurement:
        one, task = asked
        say(f"probing {one.job.rule}: a few steps as for {one.job.name}")
        return _measurement(one, _run(one, task), startup)

    narrow = [asked for asked in wanted if _has_room_beside(asked[1])]
    found = [measured(asked) for asked in wanted if asked not in narrow]
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as side_by_side:
        return found + list(side_by_side.map(measured, narrow))


def _has_room_beside(task: ProbeTask) -> bool:
    """Whether there are cores for another such probe, and neither needs a GPU."""
    return task.device == "cpu" and _SIDE_BY_SIDE * task.threads <= usable_cores()


def task_of(project: Project, one: JobForecast) -> ProbeTask | None:
    """What the process needs to know; None where the real images of `prepare` are not there."""
    job = one.job
    size = planned_size(project, job.dataset) if job.dataset else None
    settings = settings_of(project.settings, job)
    if job.dataset is None or size is None or settings is None:
        return None
    if job.rule == "prepare":
        kind = download_kind(project.settings.values, job.dataset)
        if kind is not None:
            folder = project.path("resources", kind)
            if not (folder / "downloaded.json").is_file():
                return None
            settings["options"] = {**settings["options"], "local_path": str(folder)}
    trained = {
        teacher.backbone: project.settings.pretrain(teacher)
        for teacher in teachers_of(project.settings, job)
    }
    return ProbeTask(
        stage=job.rule,
        settings=settings,
        size=size,
        count=job.ipc or 1,
        teachers={
            name: (
                values["cal"] and values["cal"]["attention_maps"],
                {key: values[key] for key in ("stem", "transformer")},
            )
            for name, values in trained.items()
        },
        device="cuda" if one.gpu else "cpu",
        threads=one.threads,
    )


@cache
def _startup() -> float:
    """Seconds until a process has imported what most jobs do, from which later ones are forked."""
    begun = time.monotonic()
    context = get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    with ProcessPoolExecutor(1, context) as pool:
        pool.submit(int).result()
    return time.monotonic() - begun


def _run(one: JobForecast, task: ProbeTask) -> Timed:
    # A process of its own, so that its peak memory is its own.
    with ProcessPoolExecutor(1, get_context("forkserver")) as pool:
        try:
            return pool.submit(timed, task).result()
        except BrokenProcessPool as error:
            raise FD2Error(
                "the probe was killed, perhaps for want of memory",
                f"stage {task.stage}, job {one.job.name}",
                "run on a machine with more memory, or lower its batch or the resolution",
            ) from error


def _measurement(one: JobForecast, result: Timed, startup: float) -> Measurement:
    more = result.used.seconds - result.short_seconds
    units = result.work.units - result.short_units
    fixed = result.short_seconds - more / units * result.short_units if units else 0.0
    if more <= 0 or fixed < 0:
        # Below the noise of the clock: let the steps carry all of it.
        fixed = 0.0
    assert one.work is not None
    return Measurement(
        replace(result.work, kind=one.work.kind),
        replace(result.used, seconds=startup + result.used.seconds),
        fixed_seconds=startup + fixed,
    )
