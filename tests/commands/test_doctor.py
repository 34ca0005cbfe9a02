"""What `fd2 doctor` says of good and of bad machines, folders and data."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from fd2.health.folders import check_access, check_own_folders
from fd2.health.machine import check_slurm
from fd2.health.versions import check_versions
from fd2.planning.project import open_project
from fd2.stages.prepare import PrepareSettings, prepare
from fd2.stages.select_images import select_images

#: Of a distilled set and its record.
ENDS = ("safetensors", "json")
SOURCES = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture
def doctor(workflow: Path, fd2: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Findings by subject and the exit code, without the machine's SLURM and GPUs."""
    monkeypatch.setenv("PATH", "")

    def run(**changes: Any) -> tuple[int, dict[str, dict[str, Any]]]:
        (workflow / "changed.yaml").write_text(yaml.safe_dump(changes))
        done = fd2("doctor", "--json", "--configfile", "changed.yaml")
        content = json.loads(done.out)
        assert content["ok"] == (done.code == 0) == all(f["ok"] for f in content["findings"])
        return done.code, {finding["subject"]: finding for finding in content["findings"]}

    return run


def test_a_good_machine_is_ok(doctor: Any, fd2: Any) -> None:
    code, findings = doctor()
    assert code == 0, [finding for finding in findings.values() if not finding["ok"]]
    assert "36 train, 12 test, digests fit" in findings["data cells"]["fact"]
    for subject in ("python", "torch", "snakemake", "locale", "SLURM", "config", "cores", "disk"):
        assert subject in findings
    lines = fd2("doctor").out.splitlines()
    assert lines[-1] == "all ok"
    assert all(line.startswith("ok ") for line in lines[:-2])


def test_changed_pixels_are_found(doctor: Any, workflow: Path) -> None:
    path = workflow / "results/data/cells/train.npy"
    pixels = np.load(path)
    pixels[5, 3, 2, 1] ^= 1
    np.save(path, pixels)
    code, findings = doctor()
    assert code == 1
    assert "pixels" in findings["data cells"]["fact"]
    assert "train.npy" in findings["data cells"]["fact"]
    assert findings["data cells"]["fix"]


def test_a_manifest_changed_by_hand_is_found(doctor: Any, workflow: Path) -> None:
    path = workflow / "results/data/cells/manifest.json"
    path.write_text(path.read_text().replace('"mono_000"', '"sound"'))
    code, findings = doctor()
    assert code == 1
    assert "changed by hand" in findings["data cells"]["fact"]


def test_missing_images_are_found(doctor: Any, workflow: Path) -> None:
    (workflow / "results/data/cells/manifest.json").unlink()
    code, findings = doctor()
    assert (code, findings["data cells"]["fact"]) == (0, "48 images are there, not prepared yet")
    code, findings = doctor(datasets={"cells": {"path": "nowhere"}})
    assert code == 1
    assert "nowhere" in findings["data cells"]["fact"]


def test_pictures_are_looked_at_before_they_are_prepared(
    doctor: Any, workflow: Path, chain: Any, fd2: Any
) -> None:
    (workflow / "results/data/cells/manifest.json").unlink()
    photos = Path(shutil.copytree(chain.images, workflow / "photos"))
    first, second = sorted((photos / "train/mono_000").iterdir())[:2]
    shutil.copy(first, photos / "train/mono_100/other.png")
    (photos / "valid").mkdir()
    shutil.copy(first, photos / "valid/third.png")
    code, findings = doctor(datasets={"cells": {"path": "photos"}})
    told = [finding["fact"] for name, finding in findings.items() if name.startswith("data cells,")]
    assert (code, told) == (
        0,
        [
            "pictures in folders beside the split folders, not used: 1, first 'valid (1)'",
            "copies of a picture of another class: 1, first "
            f"'train/mono_100/other.png = train/mono_000/{first.name}'",
        ],
    )
    second.write_bytes(second.read_bytes()[:9000])
    code, findings = doctor(datasets={"cells": {"path": "photos"}})
    assert code == 1
    assert "1 broken image(s)" in findings["data cells"]["fact"]
    assert second.name in findings["data cells"]["fact"]


def test_what_was_told_of_prepared_pictures_is_told_again(
    doctor: Any, workflow: Path, chain: Any, job: Any
) -> None:
    photos = Path(shutil.copytree(chain.images, workflow / "photos"))
    (photos / "train/mono_000/new.heic").write_bytes(b"?")
    settings = PrepareSettings("cells", "imagefolder", 32, {"path": "photos"})
    results = workflow / "results"
    prepare(settings, results / "data/cells", job, results=results)
    made = [results / f"distilled/cells/random/plain/base/ipc1.{end}" for end in ENDS]
    select_images(chain.select_settings("random", 1), results / "data/cells", None, [], *made, job)
    code, findings = doctor(datasets={"cells": {"path": "photos"}})
    told = "files passed over for their suffix: 1, first 'train/mono_000/*.heic'"
    assert (code, findings["data cells, told 1"]["fact"]) == (0, told)
    (photos / "train/mono_000/newer.heic").write_bytes(b"?")
    code, findings = doctor(datasets={"cells": {"path": "photos"}})
    now = findings["data cells, its folder now, told 1"]["fact"]
    assert (code, now) == (0, told.replace(": 1", ": 2").replace("heic'", "heic (2)'"))
    gone = next((photos / "train/mono_000").glob("*.png"))
    gone.unlink()
    code, findings = doctor(datasets={"cells": {"path": "photos"}})
    now = findings["data cells, its folder now"]["fact"]
    assert (code, now) == (0, "47 images are there, not prepared yet")
    what = findings["data cells, its folder now, changed 1"]["fact"]
    assert what == f"pictures to train on that went: 1, first 'train/mono_000/{gone.name}'"
    kept = findings["data cells, its folder now, results"]["fact"]
    assert kept.startswith("1 will be kept in ")


def test_archives_of_unknown_size_are_not_said_to_be_empty(doctor: Any, workflow: Path) -> None:
    sheet = workflow / "config/tables/cells.csv"
    sheet.write_text(sheet.read_text().replace("cells,", "imagewoof,").replace(",3,", ",1,"))
    assert "fetches archives of unknown size" in doctor()[1]["data imagewoof"]["fact"]


def test_a_damaged_archive_is_found(doctor: Any, workflow: Path) -> None:
    archive = workflow / "resources/cub200/CUB_200_2011.tgz"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"<html>too many requests</html>")
    sheet = workflow / "config/tables/cells.csv"
    sheet.write_text(sheet.read_text().replace("cells,", "cub200,").replace(",3,", ",1,"))
    code, findings = doctor()
    assert code == 1
    finding = findings["archive CUB_200_2011.tgz"]
    assert "30 bytes, not 1150585339" in finding["fact"]
    assert f"delete {archive}" in finding["fix"]


def test_a_file_from_the_future_is_found_and_the_remedy_mends_it(
    doctor: Any, workflow: Path
) -> None:
    path = workflow / "results/data/cells/manifest.json"
    os.utime(path, (time.time() + 86400,) * 2)
    code, findings = doctor()
    finding = findings["time stamps"]
    assert code == 1
    assert finding["fact"].startswith("1 in the future") and str(path) in finding["fact"]
    command = finding["fix"].partition("then: ")[2]
    subprocess.run(shlex.split(command), check=True, env={"PATH": os.defpath})
    code, findings = doctor()
    assert (code, findings["time stamps"]["fact"]) == (0, "none is in the future")


@pytest.mark.parametrize("folder", ["/proc/fd2", "Snakefile"])
def test_a_folder_that_cannot_be_written_is_found(doctor: Any, folder: str) -> None:
    # /proc takes no new file, also not of root, whom permissions do not stop.
    code, findings = doctor(pathvars={"logs": folder})
    assert code == 1
    assert not findings["logs"]["ok"] and findings["results"]["ok"]


def test_a_refused_config_is_found(doctor: Any) -> None:
    code, findings = doctor(evaluate={"epoch": 3})
    assert code == 1
    assert "unknown key 'evaluate.epoch'" in findings["config"]["fact"]


def test_more_threads_than_cores_are_found(doctor: Any) -> None:
    code, findings = doctor(threads={"distill": 100_000})
    assert code == 1
    assert "'threads.distill'" in findings["cores"]["fix"]


def test_a_missing_compiler_is_found_where_networks_are_compiled(
    doctor: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    assert "compiler" not in doctor()[1], "nothing is compiled"
    code, findings = doctor(distill={"compile": "default"})
    assert code == 1
    assert "'distill.compile' is 'default'" in findings["compiler"]["fact"]
    assert "g++ is not found" in findings["compiler"]["fact"]
    assert "CXX" in findings["compiler"]["fix"]
    (tmp_path / "compiler").touch(0o755)
    monkeypatch.setenv("CXX", str(tmp_path / "compiler"))
    assert doctor(distill={"compile": "default"})[0] == 0


def test_data_of_figures_that_are_not_drawn_is_no_matter(doctor: Any) -> None:
    figure = {"kind": "training_curves", "dataset": "cub200", "ipc": 1, "student": "resnet18"}
    sets = [{"method": "random", "fd2": "plain", "variant": "base"}]
    code, findings = doctor(figures={"far": {**figure, "rows": sets}})
    assert code == 0
    assert "data cells" in findings and "data cub200" not in findings


def test_versions_outside_the_bounds_are_found(tmp_path: Path) -> None:
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(
        '[project]\nrequires-python = ">=3.11"\n'
        'dependencies = ["numpy>=1,<2", "torch>=2.10", "fd2-not-there>=1"]\n'
        "[project.optional-dependencies]\n"
        'more = ["fd2-not-there-either>=1"]\ndev = ["ruff>=0.12"]\n'
    )
    findings = {finding.subject: finding for finding in check_versions(pyproject)}
    assert {name: finding.ok for name, finding in findings.items()} == {
        **{"python": True, "numpy": False, "torch": True, "fd2-not-there": False},
        "fd2-not-there-either": True,
    }
    assert findings["numpy"].fix in ("pip install 'numpy<2,>=1'", "pip install 'numpy>=1,<2'")


def test_a_cluster_that_does_not_answer_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "sinfo"
    tool.write_text("#!/bin/sh\necho 'slurm_load_partitions: Unable to contact' >&2\nexit 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    assert check_slurm().ok, "what is not executable is not installed"
    tool.chmod(0o755)
    finding = check_slurm()
    assert not finding.ok
    assert "Unable to contact" in finding.fact


def test_a_machine_that_does_not_tell_its_cores(
    doctor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As macOS."""
    monkeypatch.delattr(os, "sched_getaffinity")
    code, findings = doctor()
    assert code == 0 and f"{os.cpu_count()} cores" in findings["cores"]["fact"]


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "TORCH_HOME", "HOME", "TMPDIR"])
def test_a_folder_beside_the_outputs_that_cannot_be_written_is_found(
    monkeypatch: pytest.MonkeyPatch, workflow: Path, variable: str
) -> None:
    monkeypatch.setenv(variable, "/proc/fd2")
    found = {finding.subject: finding for finding in check_own_folders()}[variable]
    assert "/proc/fd2" in found.fact and f"export {variable}=" in str(found.fix)


def test_a_lock_is_found(doctor: Any, workflow: Path) -> None:
    (workflow / ".snakemake/locks").mkdir(parents=True)
    assert doctor()[1]["lock"]["ok"]
    (workflow / ".snakemake/locks/0.input.lock").touch()
    code, findings = doctor()
    assert code == 1 and "snakemake --unlock" in findings["lock"]["fix"]


def test_a_source_from_the_future_is_found(doctor: Any, workflow: Path) -> None:
    path = workflow / "config/tables/cells.csv"
    os.utime(path, (time.time() + 86400,) * 2)
    code, findings = doctor()
    assert code == 1 and str(path) in findings["time stamps"]["fact"]


def test_one_broken_thing_does_not_hide_the_others(
    doctor: Any, workflow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that cannot be imported, here torch, and a path that commands break at."""
    monkeypatch.setitem(sys.modules, "fd2.health.machine", None)
    code, findings = doctor(pathvars={"logs": "/proc/fd2"})
    assert code == 1
    wrong = {subject for subject, finding in findings.items() if not finding["ok"]}
    assert wrong == {"memory", "SLURM", "cores", "devices", "compiler", "logs"}
    assert "ModuleNotFoundError" in findings["cores"]["fact"]
    assert "digests fit" in findings["data cells"]["fact"]


@pytest.mark.parametrize("name", ["my clone", "it's", "$HOME", "a&b"])
def test_a_path_that_commands_break_at_is_found(
    doctor: Any, workflow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    workflow.rename(tmp_path / name)
    monkeypatch.chdir(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", "from fd2.health.folders import check_path; check_path()"],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1 and "where the commands of Snakemake and conda break" in done.stderr


def test_doctor_speaks_where_there_is_neither_locale_nor_home_nor_git(workflow: Path) -> None:
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": "", "HOME": "~"}
    done = subprocess.run(
        [sys.executable, "-m", "fd2", "doctor"],
        env={**bare, "PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    for line in ("WRONG  locale:", "WRONG  HOME:", "ok     commit: none", "ok     data cells:"):
        assert line in done.stdout


def as_another_user(look: Callable[[], object]) -> Any:
    """What a function returns in a process that root's rights do not help."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresuid(65534, 65534, 65534)
        os.write(writer, json.dumps(look()).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said = stream.read()
    assert os.waitpid(child, 0)[1] == 0
    return json.loads(said)


def test_what_another_user_closed_is_found(workflow: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        for folder in ("results/open", "results/closed", "resources"):
            (root / folder).mkdir(parents=True)
        for folder in ("results", "results/open", "resources"):
            (root / folder).chmod(0o777)
        (root / "results/open/a.json").touch(0o644)
        (root / "results/open/b.json").touch(0)
        (root / "results/closed").chmod(0)
        folders = {"resources": str(root / "resources"), "results": str(root / "results")}
        (workflow / "there.yaml").write_text(yaml.safe_dump({"pathvars": folders}))
        project = open_project(workflow, ["there.yaml"])
        found = as_another_user(lambda: [asdict(finding) for finding in check_access(project)])
        (root / "results/closed").chmod(0o700)
    resources, results = found
    assert resources["fix"] is None and "chown" in results["fix"]
    assert results["fact"].startswith("2 files or folders are closed to you")
    assert "b.json" in results["fact"] and "closed" in results["fact"]
