"""Every fault of a user ends in one message with the thing, the place and the remedy."""

from __future__ import annotations

import os
import shutil
import time
from copy import copy
from typing import Any

import pytest

pytestmark = pytest.mark.workflow
TINY = ["--configfile", "config/tiny.yaml"]
HARD_CELL = "results/students/tiny/random/plain/hard-labels/ipc2/resnet10t/seed0.json"


def refused(project: Any, *arguments: str) -> str:
    """What snakemake says when it refuses to plan."""
    done = project.snakemake(*arguments)
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "Traceback (most recent call last)" not in output
    return str(output)


def failed(project: Any, log: str, *arguments: str, **environment: str) -> str:
    """What a job that fails writes to the terminal; the log must hold the same error."""
    done = project.snakemake(*arguments, "--cores", "1", *TINY, **environment)
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    content = (project.folder / log).read_text()
    assert "Traceback" not in output + content
    error = content[content.index("error: ") :].strip()
    assert "\n  where: " in error and "\n  fix:   " in error
    assert error in output
    return error


def test_setting(sources: Any) -> None:
    """One for all: `tests/config/test_refusals.py` has each fault, without Snakemake."""
    name = sources.write("config/wrong.yaml", {"seed": 1})
    output = refused(sources, "--dry-run", "--configfile", name)
    for message in ("unknown key 'seed'", "did you mean 'seeds'?", "where:", "fix:"):
        assert message in output


def test_sheet(sources: Any) -> None:
    row = "dataset,method,fd2,variant,ipc,student,published\nelpv,sre2lp,plain,base,1,resnet18,\n"
    with sources.edited("config/tables/table1.csv", row):
        output = refused(sources, "--dry-run")
    for message in ("unknown method 'sre2lp'", "config/tables/table1.csv", "fix:"):
        assert message in output


@pytest.mark.parametrize(
    ("target", "messages"),
    [
        (
            "students/elpv/sre2lp/fd2/base/ipc1/resnet18/seed0.json",
            ["unknown method 'sre2lp'", "did you mean 'sre2lpp'?"],
        ),
        (
            "students/elpv/rded/plain/base/ipc9/resnet18/seed0.json",
            ["ipc 9 of method 'rded' on 'elpv'", "only 5 slots are distilled"],
        ),
        (
            "labels/elpv/rded/plain/hard-labels/ipc1/logits.npy",
            ["variant 'hard-labels' has no labels/ of its own", "rded/plain/base/ipc1/logits.npy"],
        ),
    ],
    ids=str,
)
def test_target(sources: Any, target: str, messages: list[str]) -> None:
    output = refused(sources, "--dry-run", f"results/{target}")
    for message in [*messages, "where:", "fix:"]:
        assert message in output


def test_word_that_is_no_target(sources: Any) -> None:
    output = refused(sources, "--dry-run", "quickstrt", "--configfile", "config/quickstart.yaml")
    for message in ("no target 'quickstrt'", "did you mean 'quickstart'?", "fix:"):
        assert message in output


def test_figure(finished: Any, changed: Any) -> None:
    arguments = changed({"figures": {"figure1b": {"class": "craked"}}})
    output = refused(finished, "--dry-run", "figure1b", *arguments)
    for message in ("unknown class 'craked'", "did you mean 'cracked'?", "where:", "fix:"):
        assert message in output


@pytest.mark.parametrize("content", ["a: [1,\nb: 2\n", "- 1\n- 2\n"], ids=["syntax", "list"])
def test_config_that_is_no_mapping(sources: Any, content: str) -> None:
    name = sources.write("config/wrong.yaml", content)
    for first in ([], ["config/quickstart.yaml"]):
        output = refused(sources, "--dry-run", "--configfile", *first, name)
        assert "where: config/wrong.yaml, line 1" in output and "fix:" in output


def test_results_that_are_a_file(tiny: Any) -> None:
    tiny.write("results", "in the way")
    output = refused(tiny, "--dry-run", *TINY)
    assert "'results' is a file, a folder is needed" in output


def test_what_no_job_survives(tiny: Any) -> None:
    """Refused before the first one: it would compute to its end, or not start."""
    source = tiny.folder / "src/fd2/errors.py"
    os.utime(source, (time.time() + 3600,) * 2)
    output = refused(tiny, "--dry-run", *TINY)
    assert "1 in the future" in output and str(source) in output and "touch -d" in output
    os.utime(source)
    clone = tiny.folder.with_name("my clone")
    shutil.copytree(tiny.folder, clone)
    there = copy(tiny)
    there.folder = clone
    output = refused(there, "--dry-run", *TINY)
    assert "the path holds ' '" in output and str(clone) in output


def test_missing_folder_of_images(tiny: Any) -> None:
    # The message is edited in the copy: what runs is the library beside the Snakefile, not one
    # that is installed.
    plugin = tiny.folder / "src/fd2/datasets/imagefolder.py"
    plugin.write_text(plugin.read_text().replace("no such folder", "no folder here"))
    (tiny.folder / "photos").rename(tiny.folder / "images")
    output = refused(tiny, "--dry-run", "tiny", *TINY)
    assert "no folder here: photos" in output
    assert "setting 'datasets.tiny', config/tiny.yaml, line " in output


@pytest.mark.slow
def test_corrupt_images_are_all_named(tiny: Any) -> None:
    folder = tiny.folder / "photos" / "train"
    cut, empty = (next((folder / name).iterdir()) for name in ("sound", "cracked"))
    cut.write_bytes(cut.read_bytes()[:500])
    empty.write_bytes(b"")
    error = failed(tiny, "logs/data/tiny.log", "results/data/tiny/manifest.json")
    assert "2 broken image(s)" in error
    for path in (cut, empty):
        assert str(path.relative_to(tiny.folder)) in error
    assert not list((tiny.folder / "results").rglob("*.*"))


@pytest.mark.slow
def test_device_that_is_not_there(expendable: Any) -> None:
    expendable.write(
        "config/tiny.yaml",
        (expendable.folder / "config/tiny.yaml").read_text().replace("device: cpu", "device: cuda"),
    )
    arguments = (HARD_CELL, "--forcerun", "evaluate", *TINY)
    for log in (expendable.folder / "logs").rglob("*/random/**/seed0.log"):
        log.unlink()
    assert expendable.dry_run(*arguments)["evaluate"] == 1
    done = expendable.snakemake(*arguments, "--cores", "1", CUDA_VISIBLE_DEVICES="")
    output = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in output
    assert "device 'cuda', and no GPU on this machine" in output
    assert "setting 'device', config/tiny.yaml, line" in output
    assert "'device: cpu' or 'device: auto'" in output
    assert not list((expendable.folder / "logs").rglob("*/random/**/seed0.log"))


def test_class_with_too_few_images_for_the_patches(tiny: Any) -> None:
    """Counted in the user's folder, so that no teacher is trained in vain."""
    config = (tiny.folder / "config/tiny.yaml").read_text()
    tiny.write("config/tiny.yaml", config.replace("slots: 2", "slots: 3"))
    output = refused(tiny, "--dry-run", "results/patches/tiny/2x2.safetensors", *TINY)
    assert "class 'cracked' has 8 images to score, 3 slots of 2x2 patches need 12" in output
    assert "lower 'distill.slots'" in output


def test_class_with_too_few_images_to_choose_from(tiny: Any) -> None:
    config = (tiny.folder / "config/tiny.yaml").read_text()
    tiny.write("config/tiny.yaml", config.replace("slots: 2", "slots: 9"))
    target = "results/distilled/tiny/random/plain/base/ipc9.safetensors"
    output = refused(tiny, "--dry-run", target, *TINY)
    assert "class 'cracked' has 8 training images, 9 are wanted" in output
    assert "ask for at most 8 images per class" in output


@pytest.mark.parametrize(
    "target",
    [
        "labels/tiny/sre2lpp/fd2/base/ipc1/logits.npy",
        "students/tiny/random/plain/hard-labels/ipc1/resnet10t/seed0.json",
    ],
)
def test_distilled_set_too_small_for_batches(tiny: Any, target: str) -> None:
    output = refused(tiny, "--dry-run", f"results/{target}", *TINY)
    assert "2 images in batches of at most 4 leave a half batch of 1" in output
    assert "distil at least 4 images in all" in output


@pytest.mark.slow
def test_artefacts_of_other_data_are_not_combined(expendable: Any) -> None:
    next((expendable.folder / "photos/train/sound").iterdir()).unlink()
    results = expendable.folder / "results"

    def run(*arguments: str) -> None:
        done = expendable.snakemake(*arguments, "--cores", "1", *TINY)
        assert done.returncode == 0, done.stderr

    run("results/data/tiny/manifest.json")
    # By hand: those of the earlier images.
    for name in ("distilled", "students"):
        kept = next((results / "earlier/tiny").glob(f"*/{name}"))
        shutil.copytree(kept, results / name, dirs_exist_ok=True)
    run(HARD_CELL, "--touch")
    log = HARD_CELL.replace("results", "logs").replace(".json", ".log")
    error = failed(expendable, log, HARD_CELL, "--forcerun", "evaluate")
    assert "artefacts of different manifests cannot be combined" in error
    assert "results/data/tiny" in error and "random/plain/base/ipc2.safetensors" in error
