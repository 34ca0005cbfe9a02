"""Every fault of a user ends in one message with the thing, the place and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.workflow
SHIPPED = Path(__file__).resolve().parents[2] / "config" / "tables"
SHEETS = ", ".join(sorted(path.stem for path in SHIPPED.glob("*.csv")))
HEADER = "dataset,method,fd2,variant,ipc,student,published\n"
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


@pytest.mark.parametrize(
    ("settings", "messages"),
    [
        ({"seed": 1}, ["unknown key 'seed'", "did you mean 'seeds'?"]),
        (
            {"distill": {"methods": {"sre2lpp": {"iteration": 5}}}},
            ["unknown key 'distill.methods.sre2lpp.iteration'", "did you mean 'iterations'?"],
        ),
        (
            {"pretrain": {"epochs": "many"}},
            ["'pretrain.epochs' is 'many'", "give integer (Passes over the training images.)"],
        ),
        (
            {"pretrain": {"cal_ratio": 1.5}},
            ["'pretrain.cal_ratio' is 1.5", "give at least 0 and at most 1"],
        ),
        ({"device": "gpu"}, ["'device' is 'gpu'", "allowed: auto, cpu, cuda"]),
        ({"protocol": "papers"}, ["unknown protocol 'papers'", "did you mean 'paper'?"]),
        (
            {"datasets": {"mine": {"kind": "imagefolders", "path": "x", "resolution": 32}}},
            ["'datasets.mine.kind' is 'imagefolders'", "did you mean 'imagefolder'?"],
        ),
        (
            {"datasets": {"mine": {"kind": "imagefolder", "resolution": 32}}},
            ["missing key 'datasets.mine.path'"],
        ),
        (
            {"relabel": {"teachers": ["resnet8"]}},
            ["'relabel.teachers.0' is 'resnet8'", "did you mean 'resnet18'?"],
        ),
        (
            {"distill": {"fd2": {"regularisers": {"similarty": {"weight": 1}}}}},
            ["unknown key 'distill.fd2.regularisers.similarty'", "did you mean 'similarity'?"],
        ),
        (
            {"distill": {"methods": {"sre2lppp": {}}}},
            ["unknown key 'distill.methods.sre2lppp'", "did you mean 'sre2lpp'?"],
        ),
        (
            {"overrides": {"a": {"where": {"ipc": 5}, "set": {"distill": {"seed": 1}}}}},
            ["override 'a' changes 'distill' depending on ipc", "dataset, method, fd2 only"],
        ),
        (
            {"variants": {"v": {"destill": {"group_size": 2}}}},
            ["unknown key 'variants.v.destill'", "did you mean 'distill'?"],
        ),
        ({"variants": {"base": {"distill": {"seed": 1}}}}, ["variant name 'base'"]),
        ({"variants": {"v": {}}}, ["'variants.v'"]),
        (
            {"figures": {"curves": {"dataset": "elvp"}}},
            ["unknown dataset 'elvp'", "figures.curves", "did you mean 'elpv'?"],
        ),
        (
            {"figures": {"curves": {"kind": "training_curve"}}},
            ["'figures.curves.kind' is 'training_curve'", "did you mean 'training_curves'?"],
        ),
        ({"tables": ["tabel1"]}, ["no sheet for table 'tabel1'", f"are there: {SHEETS}"]),
        (
            {"evaluate": {"epochs": 500}},
            ["'evaluate.epochs' is 500, 'relabel.epochs' only 400", "as many epochs"],
        ),
    ],
    ids=str,
)
def test_setting(sources: Any, settings: object, messages: list[str]) -> None:
    name = sources.write("config/wrong.yaml", settings)
    output = refused(sources, "--dry-run", "--configfile", name)
    for message in [*messages, "where:", "fix:"]:
        assert message in output


@pytest.mark.parametrize(
    ("sheet", "messages"),
    [
        ("dataset,method\n", ["columns ['dataset', 'method']", f"must be {HEADER.strip()}"]),
        ("elpv,sre2lp,plain,base,1,resnet18,", ["unknown method 'sre2lp'", "mean 'sre2lpp'?"]),
        ("elpv,rded,plain,bases,1,resnet18,", ["unknown variant 'bases'", "mean 'base'?"]),
        ("elvp,rded,plain,base,1,resnet18,", ["unknown dataset 'elvp'", "mean 'elpv'?"]),
        ("elpv,rded,plain,base,1,resnet8,", ["unknown student 'resnet8'", "mean 'resnet18'?"]),
        ("elpv,rded,FD2,base,1,resnet18,", ["fd2 is 'FD2'", "line 2", "allowed: plain, fd2"]),
        ("elpv,rded,plain,base,one,resnet18,", ["not a number", "line 2"]),
        ("elpv,rded,plain,base,6,resnet18,", ["ipc 6 of method 'rded'", "only 5 slots"]),
    ],
    ids=str,
)
def test_sheet(sources: Any, sheet: str, messages: list[str]) -> None:
    text = sheet if sheet.startswith("dataset") else f"{HEADER}{sheet}\n"
    with sources.edited("config/tables/table1.csv", text):
        output = refused(sources, "--dry-run")
    for message in [*messages, "config/tables/table1.csv", "fix:"]:
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


def test_figure_of_an_unknown_method(sources: Any) -> None:
    rows = [{"method": "rdde", "fd2": "plain", "variant": "base"}]
    name = sources.write("config/wrong.yaml", {"figures": {"curves": {"rows": rows}}})
    output = refused(sources, "--dry-run", "--configfile", name)
    assert "unknown method 'rdde'" in output and "did you mean 'rded'?" in output


@pytest.mark.parametrize(
    ("figure", "settings", "messages"),
    [
        ("figure1b", {"class": "craked"}, ["unknown class 'craked'", "did you mean 'cracked'?"]),
        ("figure5", {"slots": [0, 2]}, ["slot 2 with ipc 2", "slots are numbered 0 to 1"]),
        (
            "figure4",
            {"teacher_variants": ["base", "hard-labels"]},
            ["variant 'hard-labels' does not change the teacher", "figures.figure4"],
        ),
        ("figure5", {"teacher": "resnet8"}, ["'resnet8'", "did you mean 'resnet18'?"]),
    ],
)
def test_figure_that_cannot_be_drawn(
    finished: Any, changed: Any, figure: str, settings: Any, messages: list[str]
) -> None:
    output = refused(finished, "--dry-run", figure, *changed({"figures": {figure: settings}}))
    for message in [*messages, "where:", "fix:"]:
        assert message in output


@pytest.mark.parametrize("content", ["a: [1,\nb: 2\n", "- 1\n- 2\n"], ids=["syntax", "list"])
def test_config_that_is_no_mapping(sources: Any, content: str) -> None:
    name = sources.write("config/wrong.yaml", content)
    assert "YAML" in refused(sources, "--dry-run", "--configfile", name)


@pytest.mark.parametrize(
    ("content", "message"),
    [("a: [1,\nb: 2\n", "not YAML"), ("- 1\n", "not a mapping of settings")],
    ids=["syntax", "list"],
)
def test_protocol_that_is_no_mapping(sources: Any, content: str, message: str) -> None:
    with sources.edited("config/protocols/paper.yaml", content):
        output = refused(sources, "--dry-run")
    assert message in output and "config/protocols/paper.yaml" in output


def test_results_that_are_a_file(tiny: Any) -> None:
    tiny.write("results", "in the way")
    output = refused(tiny, "--dry-run", *TINY)
    assert "'results' is a file, a folder is needed" in output


def test_missing_folder_of_images(tiny: Any) -> None:
    # The message is edited in the copy: what runs is the library beside the Snakefile, not one
    # that is installed.
    plugin = tiny.folder / "src/fd2/datasets/imagefolder.py"
    plugin.write_text(plugin.read_text().replace("no such folder", "no folder here"))
    (tiny.folder / "photos").rename(tiny.folder / "images")
    error = failed(tiny, "logs/data/tiny.log", "results/data/tiny/manifest.json")
    assert "no folder here: photos" in error and "setting 'datasets.tiny'" in error


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


def test_device_that_is_not_there(expendable: Any) -> None:
    expendable.write(
        "config/tiny.yaml",
        (expendable.folder / "config/tiny.yaml").read_text().replace("device: cpu", "device: cuda"),
    )
    log = HARD_CELL.replace("results", "logs").replace(".json", ".log")
    arguments = (HARD_CELL, "--forcerun", "evaluate")
    error = failed(expendable, log, *arguments, CUDA_VISIBLE_DEVICES="")
    assert "device 'cuda' was asked for, but torch sees no GPU" in error
    assert "'device: cpu' or 'device: auto'" in error


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


def test_artefacts_of_other_data_are_not_combined(expendable: Any) -> None:
    next((expendable.folder / "photos/train/sound").iterdir()).unlink()
    manifest = "results/data/tiny/manifest.json"
    for arguments in ((manifest, "--forcerun", "prepare"), (HARD_CELL, "--touch")):
        done = expendable.snakemake(*arguments, "--cores", "1", *TINY)
        assert done.returncode == 0, done.stderr
    log = HARD_CELL.replace("results", "logs").replace(".json", ".log")
    error = failed(expendable, log, HARD_CELL, "--forcerun", "evaluate")
    assert "artefacts of different manifests cannot be combined" in error
    assert "results/data/tiny" in error and "random/plain/base/ipc2.safetensors" in error
