"""`fd2 plan` and `fd2 cost` against what Snakemake plans and what lies on the disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from fd2.__main__ import main
from fd2.artifacts.benchmark_files import Benchmark, read_benchmark
from fd2.artifacts.files import read_json
from fd2.config.stages import BY_NAME
from fd2.image_counts import visible_difference
from fd2.planning.dependencies import key_of, predecessors
from fd2.planning.forecast import JobForecast, describe, forecast
from fd2.planning.jobs import read_jobs
from fd2.planning.measurements import read_measurements
from fd2.planning.probe_stages import timed
from fd2.planning.probe_trials import ProbeTask
from fd2.planning.project import Project, open_project
from fd2.planning.stage_settings import settings_of
from fd2.planning.wall_time import at_hand, wall_time

PROBED = [name for name, stage in BY_NAME.items() if stage.probed]
pytestmark = pytest.mark.workflow
TINY = ["--configfile", "config/tiny.yaml"]


@pytest.fixture
def fd2(
    finished: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in the finished workflow: exit code, standard output and error."""
    monkeypatch.chdir(finished.folder)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(words)
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def project(finished: Any) -> Project:
    """The finished workflow."""
    return open_project(finished.folder, ["config/tiny.yaml"])


@pytest.fixture(scope="module")
def every(project: Project) -> list[JobForecast]:
    """All jobs of the finished workflow, as if none had run, measured by its own run."""
    described = describe(project, read_jobs(project, [], ["--forceall"]))
    return forecast(described, read_measurements(project), "measured")


def tensor_bytes(path: Path) -> int:
    """Bytes of a file's arrays: all of an npy file, a safetensors file without its header."""
    if path.suffix == ".npy":
        return path.stat().st_size
    with path.open("rb") as stream:
        return path.stat().st_size - 8 - int.from_bytes(stream.read(8), "little")


def test_jobs_are_those_of_the_dry_run(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = tiny.dry_run(*TINY)
    monkeypatch.chdir(tiny.folder)
    project = open_project(tiny.folder, ["config/tiny.yaml"])
    described = describe(project, read_jobs(project, []))
    found: dict[str, int] = {}
    for one in described:
        assert one.job.pending
        found[one.job.rule] = found.get(one.job.rule, 0) + 1
    assert found | {"all": 1} == counted


def test_done_jobs_are_not_to_run(fd2: Any, every: list[JobForecast]) -> None:
    assert fd2("plan", *TINY)[:2] == (0, f"nothing to do: {len(every)} jobs done\n")
    assert fd2("plan", "--json", *TINY)[0] == 0


def test_predicted_bytes_are_those_on_disk(project: Project, every: list[JobForecast]) -> None:
    sizes = {path: size for one in every for path, size in one.sizes.items()}
    on_disk = sorted(
        str(path.relative_to(project.folder))
        for path in project.path("results").rglob("*.*")
        if path.suffix in (".npy", ".safetensors")
    )
    assert on_disk == sorted(path for path, size in sizes.items() if size is not None)
    for name in on_disk:
        assert sizes[name] == tensor_bytes(project.folder / name), name
    with safe_open(project.folder / on_disk[-1], framework="np") as stream:
        assert list(stream.keys()), "a tensor file"


def test_measured_jobs_are_forecast_as_they_were(
    project: Project, every: list[JobForecast]
) -> None:
    on_stage = [one for one in every if one.job.rule not in ("tabulate", "draw", "summarise")]
    assert [one.job.name for one in on_stage if one.basis != "measured"] == []
    assert {one.basis for one in every if one not in on_stage} == {None}
    alone = [
        one
        for one in on_stage
        if sum(other.work is not None and other.work.kind == one.work.kind for other in every) == 1
        and one.job.rule in ("pretrain", "patches", "evaluate")
    ]
    assert alone
    for one in alone:
        benchmark = read_benchmark(project.path("benchmarks", f"{one.job.name}.tsv"))
        record = read_json(project.path("results", f"{one.job.name}.json"))["run"]
        assert benchmark is not None
        assert one.seconds == pytest.approx(max(benchmark.seconds, record["seconds"]))
        resident = record["peak_memory_mb"]["resident"]
        assert one.memory_mb == pytest.approx(max(benchmark.memory_mb or 0, resident))


def test_time_grows_with_the_work_and_memory_with_the_data(
    finished: Any, project: Project, changed: Any
) -> None:
    name = "students/tiny/sre2lpp/fd2/base/ipc2/resnet10t/seed0"
    _, *files = changed({"evaluate": {"epochs": 4}, "relabel": {"epochs": 4}})
    longer = open_project(finished.folder, files)
    measured = [m for m in read_measurements(project) if m.work.stage == "evaluate"]
    cells = {}
    for one in (project, longer):
        jobs = [
            j for j in read_jobs(one, [f"results/{name}.json"], ["--forceall"]) if j.name == name
        ]
        (cells[one],) = forecast(describe(one, jobs), measured, "measured")
    short, long = cells[project], cells[longer]
    assert short.work is not None and long.work is not None
    # Four images, three passes a training step; six test images once.
    assert (short.work.units, long.work.units) == (3 * 2 * 4 + 6, 3 * 4 * 4 + 6)
    assert short.seconds is not None and long.seconds is not None
    assert long.seconds / short.seconds == pytest.approx(54 / 30)
    assert long.memory_mb is not None and short.memory_mb is not None
    assert long.memory_mb - short.memory_mb == pytest.approx(2 * 4 * 65 / 2**20, rel=1e-6)


def test_jobs_wait_for_those_that_snakemake_runs_before(
    project: Project, every: list[JobForecast]
) -> None:
    name = "students/tiny/sre2lpp/fd2/base/ipc2/resnet10t/seed0"
    before = predecessors(project, [one.job for one in every])
    found, waiting = set(), [("evaluate", name)]
    while waiting:
        key = waiting.pop()
        found.add(key)
        waiting += [earlier for earlier in before[key] if earlier not in found]
    jobs = read_jobs(project, [f"results/{name}.json"], ["--forceall"])
    assert found == {key_of(job) for job in jobs}


def test_a_run_takes_as_long_as_its_jobs_do_one_after_another_on_one_core(
    project: Project, every: list[JobForecast]
) -> None:
    pending = [replace(one, job=replace(one.job, pending=True)) for one in every]
    seconds = sum(one.seconds or 0 for one in every)
    alone = wall_time(project, pending, at_hand(project, ["--cores", "1"]))
    assert alone.seconds == pytest.approx(seconds) and not alone.unknown
    longest = max(one.seconds or 0 for one in every)
    two = wall_time(project, pending, at_hand(project, ["--cores", "2"]))
    assert max(longest, seconds / 2) <= (two.seconds or 0) < seconds
    asked = ["--forceall", "--resources", "mem_mb=9", "gpu=3"]
    assert at_hand(project, asked).gpu_jobs == 3 and at_hand(project, []).gpu_jobs == 1


def test_a_plan_tells_how_long_it_takes_and_what_test_images_can_tell(fd2: Any) -> None:
    code, out, _ = fd2("plan", "--json", *TINY, "--", "--forceall", "--cores", "1")
    plan = json.loads(out)
    assert code == 0 and plan["wall"]["machine"]["cores"] == 1
    core_hours = sum(stage["core_hours"] or 0 for stage in plan["stages"])
    assert plan["wall"]["seconds"] == pytest.approx(3600 * core_hours)
    (told,) = plan["test_images"]
    assert told["images"] == 6 and told["points"] == pytest.approx(visible_difference([3, 3]))
    assert "cannot be told" in fd2("plan", *TINY, "--", "--forceall")[1]


def test_a_disk_that_is_too_small_is_refused(fd2: Any, changed: Any) -> None:
    # 4 images, 2 classes: 69 bytes an epoch each. No disk holds these soft labels.
    arguments = changed({"relabel": {"epochs": 10**13}})
    code, out, err = fd2("plan", *arguments)
    assert code == 1
    assert "error: the plan writes" in err and "are free" in err and "pathvars.results" in err
    assert "relabel" in out, "the plan is shown all the same"


@pytest.mark.slow
def test_cost_sets_what_was_used_beside_the_plan(
    fd2: Any, project: Project, every: list[JobForecast]
) -> None:
    code, _, err = fd2("plan", "--save", *TINY, "--", "--forceall")
    assert (code, "plan saved" in err) == (0, True)
    code, out, _ = fd2("cost", "--json", *TINY)
    assert code == 0
    stages = {stage["rule"]: stage for stage in json.loads(out)["stages"]}
    for rule in ("pretrain", "distill", "relabel", "evaluate", "prepare"):
        names = [one.job.name for one in every if one.job.rule == rule]
        seconds = [read(project, name).seconds for name in names]
        stage = stages[rule]
        assert (stage["jobs"], stage["missing"], stage["unplanned"]) == (len(names), 0, 0)
        assert stage["core_hours"]["actual"] == pytest.approx(sum(seconds) / 3600)
        # Planned from these very jobs: by kind, the sums agree.
        assert stage["core_hours"]["ratio"] == pytest.approx(1)
    # The header of a tensor file is not planned.
    assert 1 <= stages["pretrain"]["bytes"]["ratio"] < 1.01
    assert stages["prepare"]["bytes"]["ratio"] == 1
    assert "actual / planned (ratio)" in fd2("cost", *TINY)[1]


def read(project: Project, name: str) -> Benchmark:
    benchmark = read_benchmark(project.path("benchmarks", f"{name}.tsv"))
    assert benchmark is not None
    return benchmark


def test_options_that_change_the_config_are_refused(fd2: Any) -> None:
    code, _, err = fd2("plan", *TINY, "--", "--config", "seeds=[1]")
    assert code == 1
    assert "option --config after '--'" in err


def test_what_snakemake_refuses_is_told_in_its_words(fd2: Any) -> None:
    code, _, err = fd2("plan", "results/teachers/tiny/resnet10t/call.json", *TINY)
    assert code == 1
    assert "unknown" in err and "call.json" in err


def test_why_tells_the_inputs_of_a_table(fd2: Any) -> None:
    code, out, _ = fd2("why", "results/tables/tiny.md", *TINY)
    assert code == 0, out
    for expected in ("rule      tabulate", "seed0.json", "cal.json", "no update"):
        assert expected in out, expected


@pytest.fixture(scope="module")
def tasks(project: Project, every: list[JobForecast]) -> dict[str, ProbeTask]:
    """One job of each stage, as a probe takes it."""
    from fd2.planning import probe

    first: dict[str, ProbeTask] = {}
    for one in every:
        if one.job.rule in PROBED and settings_of(project.settings, one.job):
            task = probe.task_of(project, one)
            assert task is not None
            first.setdefault(one.job.rule, task)
    return first


@pytest.mark.parametrize(
    "stage",
    [
        *("prepare", "distill"),
        *(
            pytest.param(stage, marks=pytest.mark.slow)
            for stage in ("pretrain", "patches", "relabel", "evaluate")
        ),
    ],
)
def test_a_probe_runs_the_stage_twice_and_scales_the_work(
    finished: Any,
    tasks: dict[str, ProbeTask],
    every: list[JobForecast],
    stage: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(finished.folder)
    result = timed(tasks[stage])
    assert 0 < result.short_units < result.work.units
    assert result.used.seconds > 0 and result.used.memory_mb > 0
    assert not result.used.gpu
    (kind, *_) = [one.work.kind for one in every if one.work and one.job.rule == stage]
    # Scoring crops does not depend on the classes, of which a probe has few.
    assert result.work.kind == kind


def unknown(lines: str) -> Iterator[str]:
    return (line.split()[0] for line in lines.splitlines() if "unknown" in line)


@pytest.mark.slow
def test_a_probe_fills_what_is_unknown(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tiny.folder)
    target = "results/data/tiny/manifest.json"
    assert main(["plan", target, *TINY]) == 0
    assert "unknown: run with --probe" in capsys.readouterr().out
    assert main(["plan", target, *TINY, "--probe"]) == 0
    printed = capsys.readouterr()
    assert "probing prepare" in printed.err
    assert "probed: a few steps here" in printed.out
    assert list(unknown(printed.out)) == []
    assert not (tiny.folder / "results").exists(), "a probe leaves nothing"
