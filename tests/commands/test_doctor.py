"""What `fd2 doctor` says of good and of bad machines, folders and data."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from fd2.health.machine import check_slurm
from fd2.health.versions import check_versions
from fd2.stages.prepare import PrepareSettings, prepare


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
    prepare(settings, workflow / "results/data/cells", job)
    code, findings = doctor(datasets={"cells": {"path": "photos"}})
    told = "files passed over for their suffix: 1, first 'train/mono_000/*.heic'"
    assert (code, findings["data cells, told 1"]["fact"]) == (0, told)
    (photos / "train/mono_000/newer.heic").write_bytes(b"?")
    code, findings = doctor(datasets={"cells": {"path": "photos"}})
    now = findings["data cells, its folder now, told 1"]["fact"]
    assert (code, now) == (0, told.replace(": 1", ": 2").replace("heic'", "heic (2)'"))
    next((photos / "train/mono_000").glob("*.png")).unlink()
    code, findings = doctor(datasets={"cells": {"path": "photos"}})
    now = findings["data cells, its folder now"]["fact"]
    assert (code, now) == (0, "47 images are there, not prepared yet")


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
