"""The tiny workflow on two nodes, with a cancelled job, a pre-empted one and a broken node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cluster.conftest import CHAIN, ON_CLUSTER, start
from tests.cluster.slurm import NODES, Slurm, run, wait_for
from tests.workflow.conftest import Project, Server, tiny_project

pytestmark = pytest.mark.cluster

GPU_RULES = ("pretrain", "patches", "select_images", "distill", "relabel")
CELLS = "rule_cells_evaluate"
#: Seconds; far more than it takes, for machines that have other work.
LONG = 1800


def running(cluster: Slurm, rule: str, folder: Path, log: str) -> dict[str, str]:
    """The job of a rule once its script runs, which its log tells."""
    found: list[dict[str, str]] = []

    def at_work() -> bool:
        job = cluster.find(f"rule_{rule}", "RUNNING")
        if job is not None and (folder / "logs" / log).exists():
            found.append(job)
        return bool(found)

    wait_for(at_work, f"{rule} to run", LONG)
    return found[0]


def numbered(cluster: Slurm, job: str) -> dict[str, str]:
    return next(found for found in cluster.jobs() if found["JobId"] == job)


def start_again_at_once(cluster: Slurm, job: str) -> None:
    """SLURM waits two minutes before it starts again what it took away; the test does not."""
    wait_for(lambda: numbered(cluster, job)["JobState"] == "PENDING", f"requeue of {job}")
    run("scontrol", "update", f"jobid={job}", "starttime=now")


def break_a_node(cluster: Slurm, folder: Path) -> str:
    """The node where a teacher is trained loses its power; it is back when another has the job.

    Returns the job.
    """
    log = "teachers/tiny/resnet10t/cal.log"
    teacher = running(cluster, "pretrain_wildcards_tiny_resnet10t_cal", folder, log)
    node = teacher["BatchHost"]
    on_node = [job for job in cluster.jobs() if job.get("BatchHost") == node]
    cluster.break_node(node)
    run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    for job in on_node:
        if job["JobState"] == "RUNNING":
            start_again_at_once(cluster, job["JobId"])
    # Not before: the order to end the jobs that the node had would reach the one it has now.
    wait_for(lambda: numbered(cluster, teacher["JobId"])["JobState"] != "PENDING", "a start", LONG)
    cluster.start_node(node)
    return teacher["JobId"]


def cancel(cluster: Slurm, folder: Path) -> str:
    """scancel on a job that labels. Returns the job."""
    log = "labels/tiny/sre2lpp/plain/base/ipc2.log"
    job = running(cluster, "relabel_wildcards_tiny_sre2lpp_plain", folder, log)["JobId"]
    run("scancel", job)
    return job


def preempt(cluster: Slurm, folder: Path) -> str:
    """A more urgent job needs the GPU of one that distils. Returns the job."""
    log = "distilled/tiny/sre2lpp/fd2/base/group0.log"
    job = running(cluster, "distill_wildcards_tiny_sre2lpp_fd2", folder, log)
    urgent = ("--partition=urgent", "--gpus=1", f"--nodelist={job['BatchHost']}")
    run("sbatch", *urgent, "--output=/dev/null", "--wrap=true")
    start_again_at_once(cluster, job["JobId"])
    return job["JobId"]


@pytest.fixture(scope="module")
def disturbed(
    cluster: Slurm, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Project, dict[str, str]]:
    """The workflow after a bad day, and the jobs that were disturbed, by what happened to them."""
    project = tiny_project(tmp_path_factory.mktemp("disturbed") / "repository", server)
    process = start(project, *ON_CLUSTER, *CHAIN)
    try:
        jobs = {"broken": break_a_node(cluster, project.folder)}
        jobs["preempted"] = preempt(cluster, project.folder)
        jobs["cancelled"] = cancel(cluster, project.folder)
        output = process.communicate(timeout=LONG)[0]
    except BaseException:
        process.terminate()
        print(process.communicate()[0])
        raise
    assert process.returncode == 0, output
    return project, jobs


def of_rule(cluster: Slurm, rule: str) -> list[dict[str, str]]:
    return [job for job in cluster.jobs() if job.get("Comment", "").startswith(f"rule_{rule}_")]


def content(file: Path) -> object:
    """Bytes, or a record without the circumstances of its run."""
    if file.suffix != ".json":
        return file.read_bytes()
    # The digest covers the run too.
    apart = ("run", "record_sha256")
    return {
        key: value
        for key, value in json.loads(file.read_text(encoding="utf-8")).items()
        if key not in apart
    }


def artefacts(project: Project) -> dict[str, object]:
    root = project.folder / "results"
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): content(path) for path in files}


def test_a_bad_day_ends_in_the_artefacts_of_a_good_one(
    disturbed: tuple[Project, dict[str, str]], undisturbed: Project
) -> None:
    found, wanted = artefacts(disturbed[0]), artefacts(undisturbed)
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if found[name] != wanted[name]] == []


def test_jobs_ran_on_both_nodes(cluster: Slurm, disturbed: tuple[Project, dict[str, str]]) -> None:
    assert {job["BatchHost"] for job in cluster.jobs() if job["JobState"] == "COMPLETED"} == {
        *NODES
    }


def test_each_job_asks_for_its_row_of_the_profile(
    cluster: Slurm, disturbed: tuple[Project, dict[str, str]]
) -> None:
    for rule in GPU_RULES:
        for job in of_rule(cluster, rule):
            assert (job["Partition"], job["TresPerJob"]) == ("gpu", "gres:gpu:1"), job
            assert job["JOB_GRES"] == "gpu:1", job
    for rule in ("prepare", "assemble", "tabulate"):
        for job in of_rule(cluster, rule):
            assert job["Partition"] == "cpu" and "TresPerJob" not in job, job
    prepare = of_rule(cluster, "prepare")[0]
    assert (prepare["MinMemoryNode"], prepare["TimeLimit"]) == ("8000M", "01:00:00")
    assert (prepare["NumCPUs"], prepare["Requeue"]) == ("1", "1")


def test_cells_share_a_submission_and_a_gpu(
    cluster: Slurm, disturbed: tuple[Project, dict[str, str]]
) -> None:
    (cells,) = (job for job in cluster.jobs() if job.get("Comment") == CELLS)
    assert (cells["JOB_GRES"], cells["NumCPUs"]) == ("gpu:1", "1")
    assert (cells["MinMemoryNode"], cells["TimeLimit"]) == ("8000M", "01:30:00")


@pytest.mark.parametrize("event", ["broken", "preempted"])
def test_slurm_starts_again_what_it_took_away(
    cluster: Slurm, disturbed: tuple[Project, dict[str, str]], event: str
) -> None:
    job = numbered(cluster, disturbed[1][event])
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "1")
    same = [other for other in cluster.jobs() if other.get("Comment") == job["Comment"]]
    assert len(same) == 1, "submitted a second time"


def test_snakemake_submits_again_what_ended_and_asks_for_more(
    cluster: Slurm, disturbed: tuple[Project, dict[str, str]]
) -> None:
    cancelled = numbered(cluster, disturbed[1]["cancelled"])
    assert cancelled["JobState"] == "CANCELLED"
    same = [job for job in cluster.jobs() if job.get("Comment") == cancelled["Comment"]]
    assert [job["JobState"] for job in same] == ["CANCELLED", "COMPLETED"]
    assert [job["MinMemoryNode"] for job in same] == ["8000M", "16000M"]
    assert [job["TimeLimit"] for job in same] == ["01:00:00", "02:00:00"]


def test_another_style_of_gpu_request_and_other_options(
    cluster: Slurm, disturbed: tuple[Project, dict[str, str]]
) -> None:
    """The lines that the profile tells a user to change."""
    project = disturbed[0]
    profile = "profiles/slurm/profile.yaml"
    text = (project.folder / profile).read_text()
    for shipped, other in (
        (
            "&gpu {slurm_partition: gpu, gpu: 1}",
            '&gpu {slurm_partition: gpu, gpu: 0, gres: "gpu:1"}',
        ),
        ("# slurm_extra: \"'--mail-type=FAIL --constraint=a100'\"", "slurm_extra: \"'--nice=7'\""),
    ):
        assert text.count(shipped) == 1
        text = text.replace(shipped, other)
    target = "results/students/tiny/random/plain/hard-labels/ipc2/resnet10t/seed1.json"
    with project.edited(profile, text):
        process = start(project, *ON_CLUSTER, *CHAIN[:-1], target)
        output = process.communicate(timeout=LONG)[0]
    assert process.returncode == 0, output
    job = [job for job in cluster.jobs() if job.get("Comment") == CELLS][-1]
    assert "TresPerJob" not in job
    assert (job["TresPerNode"], job["JOB_GRES"], job["Nice"]) == ("gres:gpu:1", "gpu:1", "7")
    assert (project.folder / target).exists()
