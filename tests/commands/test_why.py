"""Where `fd2 why` says that real artefacts come from."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fd2.artifacts.files import file_digest, read_json
from fd2.artifacts.manifests import read_manifest, write_manifest
from fd2.config.settings import DiagnoseSettings
from fd2.stages.diagnose import diagnose
from fd2.stages.select_images import select_images

CELL = "cells/sre2lpp/fd2/base"
SET = f"results/distilled/{CELL}/ipc3.safetensors"
GROUP = f"results/distilled/{CELL}/group0.safetensors"
LOGITS = f"results/labels/{CELL}/ipc3/logits.npy"
TEACHERS = "results/teachers/cells/resnet10t"


@pytest.fixture
def artefacts(workflow: Path, chain: Any, group: Path, nine: Path, labels: Path) -> Path:
    """The workflow with the chain's artefacts at their places."""
    places = {
        f"{TEACHERS}/plain": chain.plain,
        f"{TEACHERS}/cal": chain.cal,
        "results/patches/cells/1x1": chain.patches,
        f"results/distilled/{CELL}/group0": group,
        f"results/distilled/{CELL}/ipc3": nine,
    }
    for name, path in places.items():
        (workflow / name).parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".safetensors", ".json"):
            shutil.copyfile(path.with_suffix(suffix), workflow / f"{name}{suffix}")
    shutil.copytree(labels, workflow / f"results/labels/{CELL}/ipc3")
    return workflow


def test_the_origin_goes_down_to_the_data(artefacts: Path, fd2: Any) -> None:
    done = fd2("why", LOGITS, "--all", "--json")
    assert done.code == 0, done.out
    found = json.loads(done.out)
    assert (found["stage"], found["faults"]) == ("relabel", [])
    assert found["settings"]["epochs"] == 2
    assert found["manifest"] == read_json("results/data/cells/manifest.json")["digest"]
    assert found["run"]["device"] == "cpu" and found["run"]["versions"]["torch"]

    def paths(origin: dict[str, Any]) -> dict[str, Any]:
        for one in origin["inputs"]:
            assert one["sha256"] == file_digest(one["path"])
        return {
            str(Path(one["path"]).relative_to(artefacts)): paths(one["origin"])
            for one in origin["inputs"]
        }

    plain = {f"{TEACHERS}/plain.safetensors": {}}
    patches = {"results/patches/cells/1x1.safetensors": plain}
    cal = {f"{TEACHERS}/cal.safetensors": {}}
    assert paths(found) == {SET: {GROUP: patches | cal}, **cal}


def test_networks_that_look_at_images_are_found(artefacts: Path, chain: Any, fd2: Any) -> None:
    """The one of a diagnosis by its name; a coreset's is plain, also where FD² labels it."""
    diagnosed = Path("results/diagnostics", CELL, "ipc3/resnet10t/plain.safetensors")
    values = ("cells", "sre2lpp", "fd2", "base", 3, "resnet10t", "plain", "paper", 2)
    beside = diagnosed.with_suffix(".json")
    settings = DiagnoseSettings(*values)
    diagnose(settings, chain.data, Path(SET), chain.plain, diagnosed, beside, chain.job)
    chosen = Path("results/distilled/cells/herding/fd2/base/ipc1.safetensors")
    selection = chain.select_settings("herding", 1, teachers=["resnet10t"], order="nearest")
    teachers, record = [chain.plain], chosen.with_suffix(".json")
    select_images(selection, chain.data, None, teachers, chosen, record, chain.job)
    for path in (diagnosed, chosen):
        done = fd2("why", str(path))
        assert done.code == 0, done.out
        assert f"{TEACHERS}/plain.safetensors, unchanged" in done.out


def test_the_text_names_what_a_reader_asks_for(artefacts: Path, fd2: Any) -> None:
    text = fd2("why", GROUP).out
    record = read_json(Path(GROUP).with_suffix(".json"))
    for expected in (
        *("stage     distill", record["run"]["started"], record["run"]["device_name"]),
        *(f"torch {record['run']['versions']['torch']}", "input     teacher0", "unchanged"),
        *('setting   method: "sre2lpp"', "as it lies here"),
    ):
        assert expected in text, expected


@pytest.mark.parametrize("path", [GROUP, GROUP.replace(".safetensors", ".json")])
def test_a_changed_input_is_found(artefacts: Path, fd2: Any, path: str) -> None:
    shutil.copyfile(f"{TEACHERS}/plain.safetensors", f"{TEACHERS}/cal.safetensors")
    done = fd2("why", path)
    assert done.code == 1
    assert "input 'teacher0' is gone or was changed" in done.out
    assert "looked at" in done.out and "input     patches" in done.out


def test_a_changed_input_of_an_input_is_found_with_all(artefacts: Path, fd2: Any) -> None:
    Path("results/patches/cells/1x1.safetensors").unlink()
    assert fd2("why", SET).code == 0
    done = fd2("why", SET, "--all")
    assert done.code == 1
    assert "'patches' is gone" in done.out


def test_data_prepared_anew_is_found(artefacts: Path, fd2: Any) -> None:
    path = Path("results/data/cells/manifest.json")
    other = replace(read_manifest(path), std=(0.1, 0.2, 0.3))
    write_manifest(path, other)
    done = fd2("why", f"{TEACHERS}/plain.safetensors")
    assert done.code == 1
    assert f"prepared anew since: its digest is {other.digest()[:12]} now" in done.out


def test_changed_pixels_are_found(artefacts: Path, fd2: Any) -> None:
    path = Path("results/data/cells/test.npy")
    assert fd2("why", str(path)).code == 0
    np.save(path, 255 - np.load(path))
    done = fd2("why", str(path))
    assert done.code == 1
    assert "pixels" in done.out and "test.npy" in done.out


def test_a_record_of_another_file_is_found(artefacts: Path, fd2: Any) -> None:
    shutil.copyfile(f"{TEACHERS}/plain.json", f"{TEACHERS}/cal.json")
    done = fd2("why", f"{TEACHERS}/cal.safetensors")
    assert done.code == 1
    assert "the record beside it is of another file" in done.out


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("results/nothing.json", "file not found"),
        ("results/data", "a folder, not a file"),
        ("config/config.yaml", "not below"),
    ],
)
def test_what_is_no_artefact_is_refused(
    artefacts: Path, fd2: Any, path: str, expected: str
) -> None:
    done = fd2("why", path)
    assert done.code == 1
    assert expected in done.err


def test_a_damaged_artefact_is_refused(artefacts: Path, fd2: Any) -> None:
    content = Path(SET).read_bytes()
    Path(SET).write_bytes(content[:100])
    done = fd2("why", SET)
    assert done.code == 1
    assert "damaged file" in done.err
