"""What runs again after an edit, on a finished workflow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.workflow

#: Each job of the tiny workflow and the jobs whose files it reads.
READS: dict[str, tuple[str, ...]] = {
    "prepare": (),
    "pretrain plain": ("prepare",),
    "pretrain cal": ("prepare",),
    "patches 2x2": ("prepare", "pretrain plain"),
    "select_images random plain": ("prepare",),
    "patches rded": ("prepare", "pretrain plain"),
    "select_images rded plain": ("prepare", "patches rded"),
    "distill sre2lpp plain": ("prepare", "patches 2x2", "pretrain plain"),
    "distill sre2lpp fd2": ("prepare", "patches 2x2", "pretrain cal"),
    "assemble sre2lpp plain": ("distill sre2lpp plain",),
    "assemble sre2lpp fd2": ("distill sre2lpp fd2",),
    "relabel sre2lpp plain": ("assemble sre2lpp plain", "pretrain plain"),
    "relabel sre2lpp fd2": ("assemble sre2lpp fd2", "pretrain cal"),
    "evaluate random plain": ("prepare", "select_images random plain"),
    "evaluate sre2lpp plain": ("prepare", "assemble sre2lpp plain", "relabel sre2lpp plain"),
    "evaluate sre2lpp fd2": ("prepare", "assemble sre2lpp fd2", "relabel sre2lpp fd2"),
    "diagnose_real full resnet10t": ("prepare", "pretrain cal"),
    "diagnose sre2lpp plain": ("prepare", "pretrain cal", "assemble sre2lpp plain"),
    "diagnose sre2lpp fd2": ("prepare", "pretrain cal", "assemble sre2lpp fd2"),
    "tabulate seen": (
        *("diagnose_real full resnet10t", "diagnose sre2lpp plain", "diagnose sre2lpp fd2"),
    ),
    "draw embedding": (
        *("prepare", "diagnose_real full resnet10t"),
        *("diagnose sre2lpp plain", "diagnose sre2lpp fd2"),
    ),
    "tabulate tiny": (
        "pretrain cal",
        "evaluate random plain",
        "evaluate sre2lpp plain",
        "evaluate sre2lpp fd2",
    ),
    "draw curves": ("evaluate sre2lpp plain", "evaluate sre2lpp fd2"),
    "draw images": (
        *("prepare", "select_images rded plain"),
        *("assemble sre2lpp plain", "assemble sre2lpp fd2"),
    ),
    "draw figure1b": (
        *("prepare", "select_images rded plain"),
        *("assemble sre2lpp plain", "assemble sre2lpp fd2", "pretrain cal"),
    ),
    "summarise": (
        *("tabulate tiny", "tabulate seen"),
        *("draw curves", "draw images", "draw figure1b", "draw embedding"),
    ),
}
TINY = ["--configfile", "config/tiny.yaml"]


def jobs(*beginnings: str) -> set[str]:
    """Jobs by the first words of their names."""
    found = {job for job in READS if any(f"{job} ".startswith(f"{b} ") for b in beginnings)}
    assert found, beginnings
    return found


def and_what_follows(first: set[str]) -> set[str]:
    """Jobs and all that read them, at any distance."""
    known = set(first)
    while more := {job for job, read in READS.items() if known & set(read)} - known:
        known |= more
    return known


def test_a_finished_workflow_has_nothing_to_do(finished: Any) -> None:
    assert finished.dry_run(*TINY) == {}
    assert finished.pending(*TINY) == set()


def test_a_touch_reruns_nothing(finished: Any) -> None:
    for name in ("Snakefile", "src", "workflow", "config", "profiles", "envs"):
        top = finished.folder / name
        for path in (top, *top.rglob("*")):
            os.utime(path)
    assert finished.pending(*TINY) == set()


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("src/fd2/datasets/imagefolder.py", {"prepare"}),
        ("src/fd2/stages/pretrain.py", jobs("pretrain")),
        ("src/fd2/augment/codec.py", jobs("patches", "distill")),
        ("src/fd2/regularisers/total_variation.py", jobs("distill")),
        ("src/fd2/regularisers/characteristic.py", jobs("distill sre2lpp fd2")),
        ("src/fd2/losses/batch_norm.py", jobs("distill")),
        ("src/fd2/methods/sre2lpp.py", jobs("distill", "tabulate")),
        ("src/fd2/methods/rded.py", jobs("select_images rded", "tabulate")),
        ("src/fd2/stages/assemble.py", jobs("assemble")),
        ("workflow/scripts/relabel.py", jobs("relabel")),
        ("src/fd2/stages/evaluate.py", jobs("evaluate")),
        (
            "src/fd2/backbones/timm.py",
            jobs(
                *("pretrain", "patches", "distill", "relabel", "evaluate"),
                *("diagnose", "diagnose_real"),
            ),
        ),
        ("src/fd2/tables/compare.py", jobs("tabulate")),
        ("workflow/report/tables/students.j2", jobs("tabulate")),
        ("src/fd2/diagnostics/class_structure.py", jobs("diagnose", "diagnose_real")),
        ("src/fd2/figures/feature_embedding.py", {"draw embedding"}),
        ("src/fd2/report/texts.py", jobs("summarise")),
        ("workflow/report/page/page.html", jobs("summarise")),
        ("workflow/report/figure.rst", jobs("summarise")),
        ("src/fd2/figures/training_curves.py", jobs("draw curves")),
        ("src/fd2/figures/_attention.py", {"draw figure1b"}),
    ],
)
def test_an_edit_reruns_what_depends_on_it(finished: Any, path: str, first: set[str]) -> None:
    with finished.edited(path):
        assert finished.pending(*TINY) == and_what_follows(first)


def test_an_edit_that_no_result_depends_on_reruns_nothing(finished: Any) -> None:
    with ExitStack() as edits:
        for path in (
            # Plug-ins that no job uses.
            *("src/fd2/datasets/elpv.py", "src/fd2/backbones/torchvision.py"),
            "src/fd2/figures/centre_distances.py",
            # Stamped into each artefact instead: no edit of the log or the plan retrains a teacher.
            *("src/fd2/artifacts/files.py", "src/fd2/runtime/progress.py"),
            *("src/fd2/config/resolve.py", "workflow/rules/evaluate.smk"),
        ):
            edits.enter_context(finished.edited(path))
        assert finished.pending(*TINY) == set()


@contextmanager
def moved(path: Path, target: Path) -> Iterator[None]:
    """Have a file or folder elsewhere for a while."""
    path.rename(target)
    try:
        yield
    finally:
        target.rename(path)


@pytest.mark.slow
def test_changed_images_are_prepared_again(finished: Any) -> None:
    classes = finished.folder / "photos" / "train"
    sound = sorted((classes / "sound").iterdir())
    everything = and_what_follows({"prepare"})
    added = classes / "cracked" / "added.png"
    added.write_bytes(sound[0].read_bytes())
    try:
        assert finished.pending(*TINY) == everything, "one more"
    finally:
        added.unlink()
    assert finished.pending(*TINY) == set(), "it is gone again"
    with moved(sound[0], classes / "cracked" / sound[0].name):
        assert finished.pending(*TINY) == everything, "in another class"
    with moved(sound[0], finished.folder / "taken-away"):
        assert finished.pending(*TINY) == everything, "one fewer"
    before = sound[0].read_bytes()
    sound[0].write_bytes(before + b"\0")
    try:
        assert finished.pending(*TINY) == everything, "of another size"
    finally:
        sound[0].write_bytes(before)
    (classes / "cracked" / "notes.txt").write_text("no image")
    os.utime(classes / "sound")
    assert finished.pending(*TINY) == set(), "a file that is no image, and a touch"


def test_a_folder_on_a_disk_that_is_not_mounted_reruns_nothing(finished: Any) -> None:
    with moved(finished.folder / "photos", finished.folder / "away"):
        assert finished.pending(*TINY) == set()


def test_a_folder_that_became_unusable_is_left_to_its_job(finished: Any) -> None:
    classes = finished.folder / "photos" / "test"
    with moved(classes / "sound", finished.folder / "away"):
        assert finished.pending(*TINY) == and_what_follows({"prepare"})


def test_a_reverted_edit_reruns_nothing(finished: Any) -> None:
    for path in ("src/fd2/losses/batch_norm.py", "src/fd2/stages/prepare.py"):
        with finished.edited(path):
            pass
    assert finished.pending(*TINY) == set()


def test_a_published_number_reruns_the_table(finished: Any) -> None:
    sheet = "config/tables/tiny.csv"
    text = (finished.folder / sheet).read_text()
    with finished.edited(sheet, text.replace("60.5", "61.5")):
        assert finished.pending(*TINY) == and_what_follows({"tabulate tiny"})


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({"datasets": {"tiny": {"resolution": 48}}}, {"prepare"}),
        ({"pretrain": {"epochs": 2}}, jobs("pretrain")),
        # RDED's crops are its own.
        ({"patches": {"crops_per_image": 2}}, {"patches 2x2"}),
        (
            {"distill": {"methods": {"rded": {"patches": {"crops_per_image": 2}}}}},
            jobs("patches rded", "select_images rded"),
        ),
        ({"distill": {"seed": 1}}, jobs("distill", "patches rded", "select_images")),
        ({"distill": {"methods": {"sre2lpp": {"iterations": 3}}}}, jobs("distill")),
        (
            {"distill": {"fd2": {"regularisers": {"similarity": {"weight": 0.3}}}}},
            jobs("distill sre2lpp fd2"),
        ),
        ({"distill": {"fd2": {"cal_ratio": 0.1}}}, jobs("distill sre2lpp fd2")),
        ({"relabel": {"epochs": 3}}, jobs("relabel")),
        # Hard labels are seen through the same augmentation.
        ({"relabel": {"crop_scale": [0.5, 1.0]}}, jobs("relabel", "evaluate")),
        ({"evaluate": {"learning_rate": 0.01}}, jobs("evaluate")),
        (
            {
                "overrides": {
                    "slower": {"where": {"method": "random"}, "set": {"evaluate": {"eta": 1}}}
                }
            },
            jobs("evaluate random"),
        ),
        ({"figures": {"images": {"slots": 1}}}, jobs("draw images")),
        ({"figures": {"embedding": {"perplexity": 6}}}, jobs("draw embedding")),
        ({"figures": {"figure1b": {"slots": 2}}}, jobs("draw figure1b")),
        ({"preset": "release"}, set(READS) - {"prepare"}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_setting_reruns_what_it_shapes(
    finished: Any, changed: Callable[[object], list[str]], settings: object, first: set[str]
) -> None:
    assert finished.pending(*changed(settings)) == and_what_follows(first)


def test_what_shapes_no_result_reruns_nothing(
    finished: Any, changed: Callable[[object], list[str]]
) -> None:
    elsewhere = {"kind": "imagefolder", "path": "elsewhere", "resolution": 64}
    other = {"where": {"dataset": "elpv"}, "set": {"pretrain": {"epochs": 9}}}
    settings = {
        "device": "auto",
        "threads": {"prepare": 3, "pretrain": 3, "distill": 3, "evaluate": 3},
        "variants": {"wider": {"distill": {"group_size": 1}}},
        "datasets": {"other": elsewhere},
        "overrides": {"a": other},
        # As it was.
        "pretrain": {"epochs": 1},
    }
    assert finished.pending(*changed(settings)) == set()


def test_more_cores_rerun_nothing(finished: Any) -> None:
    assert finished.pending(*TINY, "--cores", "8", "--resources", "gpu=4") == set()


def test_another_seed_adds_its_cells(finished: Any, changed: Callable[[object], list[str]]) -> None:
    cells = {f"{job} seed1" for job in jobs("evaluate")}
    pending = finished.pending(*changed({"seeds": [0, 1]}))
    assert pending == cells | and_what_follows({"tabulate tiny", "draw curves"})


def test_a_row_adds_its_cells(finished: Any) -> None:
    sheet = "config/tables/tiny.csv"
    text = (finished.folder / sheet).read_text() + "tiny,random,plain,hard-labels,2,resnet18,\n"
    with finished.edited(sheet, text):
        assert finished.dry_run(*TINY) == {
            **{"evaluate": 1, "tabulate": 1, "summarise": 1, "all": 1}
        }


def test_another_results_folder_is_empty(
    finished: Any, changed: Callable[[object], list[str]]
) -> None:
    arguments = changed({"pathvars": {"results": "elsewhere"}})
    assert finished.pending(*arguments) == set(READS)
    assert finished.pending(*TINY) == set()
