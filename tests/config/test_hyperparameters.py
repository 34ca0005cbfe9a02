"""The published hyper-parameters, typed once more, against what the shipped config resolves to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from fd2.config.checks import checked_configuration
from fd2.config.layers import read_yaml
from fd2.config.names import Cell, SetName, Teacher
from fd2.config.resolve import Configuration

CONFIG = Path(__file__).resolve().parents[2] / "config"
PRESETS = ("paper", "release")
FINE_GRAINED = ("cub200", "aircraft", "cars")
GENERAL = ("imagenette", "imagewoof")
FADRMS = ("imagenette_fadrm", "imagewoof_fadrm")
METHODS = ("random", "rded", "sre2lpp", "fadrm", "fadrmplus")
STUDENTS = ("resnet18", "resnet50")

BACKBONES = ("resnet18", "resnet50", "mobilenet_v2", "densenet121", "shufflenet_v2")
#: M and rho of FD²'s appendix table 3, in the order of BACKBONES.
TEACHERS = {
    "cub200": ((8, 0.5), (8, 0.3), (16, 0.5), (16, 0.4), (16, 0.1)),
    "aircraft": ((32, 0.3), (32, 0.4), (16, 0.2), (16, 0.4), (16, 0.1)),
    "cars": ((8, 0.3), (32, 0.4), (16, 0.4), (32, 0.4), (8, 0.1)),
    "imagenette": ((8, 0.3), (32, 0.2), (16, 0.1), (32, 0.1), (8, 0.3)),
    "imagewoof": ((8, 0.3), (16, 0.2), (32, 0.1), (32, 0.1), (16, 0.4)),
}
FOUR = ["resnet18", "mobilenet_v2", "resnet50", "densenet121"]
FOUR_GENERAL = ["resnet18", "densenet121", "shufflenet_v2", "mobilenet_v2"]
ONE = ["resnet18"]
LONG = ((200, 1500), (224, 1500), (200, 1500), (224, 2000))
SHORT = ((200, 500), (224, 500), (200, 500), (224, 500))

#: preset; dataset; method: teachers, sizes and iterations, learning rate, batch-norm weight.
IMAGES: list[tuple[str, str, str, Any, Any, float, float]] = [
    ("paper release", "cub200", "sre2lpp", ONE, ((224, 10000),), 1e-3, 1e-3),
    ("paper release", "aircraft cars", "sre2lpp", ONE, ((224, 4000),), 1e-3, 1e-3),
    ("paper release", "imagenette imagewoof", "sre2lpp", ONE, ((224, 4000),), 0.25, 0.01),
    ("paper release", "cub200 aircraft cars", "fadrm", ONE, LONG, 0.1, 1e-3),
    ("paper release", "imagewoof", "fadrm", ONE, SHORT, 0.25, 0.01),
    ("paper", "imagenette", "fadrm", ONE, SHORT, 0.25, 0.01),
    ("release", "imagenette", "fadrm", ONE, SHORT, 0.05, 0.01),
    ("paper release", "cub200 aircraft cars", "fadrmplus", FOUR, LONG, 0.1, 1e-3),
    ("paper release", "imagenette imagewoof", "fadrmplus", FOUR_GENERAL, SHORT, 0.25, 0.01),
]

#: Columns: preset, dataset, method, fd2, ipc, student; then initial weights, learning rate, weight
#: decay, eta, epochs and batch size. A comma separates values that share a line.
EVALUATION = """
paper   cub200,aircraft  random,rded,sre2lpp  plain,fd2  1,3,5  resnet18,resnet50 scratch  1e-3 1e-5 2 400 20
paper   cars             random,rded,sre2lpp  plain,fd2  1,3,5  resnet18,resnet50 scratch  1e-3 1e-5 2 400 14
paper   cub200,aircraft  fadrm,fadrmplus      plain,fd2  1,3,5  resnet18,resnet50 scratch  1e-2 1e-5 2 400 20
paper   cars             fadrm,fadrmplus      plain,fd2  1,3,5  resnet18,resnet50 scratch  1e-2 1e-5 2 400 14
release cub200,aircraft  random,rded,sre2lpp  plain,fd2  1,3,5  resnet18          scratch  1e-3 1e-5 2 400 20
release cub200,aircraft  random,rded,sre2lpp  plain,fd2  1,3,5  resnet50          imagenet 1e-3 1e-5 2 400 20
release cars             random,rded,sre2lpp  plain,fd2  1,3,5  resnet18          scratch  1e-3 1e-5 2 400 14
release cars             random,rded,sre2lpp  plain,fd2  1,3,5  resnet50          imagenet 1e-3 1e-5 2 400 14
release cub200,aircraft  fadrm                plain,fd2  1,3,5  resnet18          scratch  1e-2 1e-5 2 400 20
release cub200,aircraft  fadrm                plain,fd2  1,3,5  resnet50          imagenet 1e-2 1e-5 2 400 20
release cub200           fadrmplus            plain      1,3,5  resnet18          scratch  1e-2 1e-5 2 1500 20
release cub200           fadrmplus            plain      1,3,5  resnet50          imagenet 1e-2 1e-5 2 1500 20
release cub200           fadrmplus            fd2        1,3,5  resnet18          scratch  1e-2 1e-5 2 400 20
release cub200           fadrmplus            fd2        1,3,5  resnet50          imagenet 1e-2 1e-5 2 400 20
release aircraft         fadrmplus            plain,fd2  1,3,5  resnet18          scratch  1e-2 1e-5 2 400 20
release aircraft         fadrmplus            plain,fd2  1,3,5  resnet50          imagenet 1e-2 1e-5 2 400 20
release cars             fadrm,fadrmplus      plain,fd2  1,3,5  resnet18          scratch  1e-2 1e-5 2 400 14
release cars             fadrm,fadrmplus      plain,fd2  1,3,5  resnet50          imagenet 1e-2 1e-5 2 400 14
paper   imagenette,imagewoof  *  plain,fd2  1   resnet18,resnet50  scratch  5e-4 0.01 2 300 16
paper   imagenette,imagewoof  *  plain,fd2  10  resnet18,resnet50  scratch  5e-4 0.01 1 300 16
paper   imagenette            *  plain,fd2  50  resnet18           scratch  5e-4 0.01 2 300 16
paper   imagenette,imagewoof  *  plain,fd2  50  resnet50           scratch  5e-4 0.01 1 300 16
paper   imagewoof             *  plain,fd2  50  resnet18           scratch  1e-3 0.01 2 300 16
release imagenette,imagewoof  *  plain,fd2  1   resnet18           scratch  5e-4 0.01 2 300 10
release imagenette,imagewoof  *  plain,fd2  1   resnet50           imagenet 5e-4 0.01 2 300 10
release imagenette            *  plain,fd2  10  resnet18           scratch  5e-4 0.01 1 300 10
release imagenette            *  plain,fd2  10  resnet50           imagenet 5e-4 0.01 1 300 10
release imagenette            *  plain,fd2  50  resnet18           scratch  5e-4 0.01 2 300 10
release imagenette            *  plain,fd2  50  resnet50           imagenet 5e-4 0.01 1 300 10
release imagewoof             *  plain,fd2  10  resnet18           scratch  5e-4 0.01 1 300 16
release imagewoof             *  plain,fd2  10  resnet50           imagenet 5e-3 0.01 1 300 16
release imagewoof             *  plain,fd2  50  resnet18           scratch  1e-3 0.01 2 300 16
release imagewoof             *  plain,fd2  50  resnet50           imagenet 5e-4 0.01 1 300 16
"""  # noqa: E501


@pytest.fixture(scope="module", params=PRESETS)
def settings(request: pytest.FixtureRequest) -> Configuration:
    """The shipped config under each preset; of the datasets only their names matter here."""
    values = read_yaml(CONFIG / "config.yaml")
    entry = {"kind": "imagefolder", "path": "photos", "resolution": 224}
    datasets = {name: entry for name in (*FINE_GRAINED, *GENERAL, *FADRMS)}
    top = {"preset": request.param, "tables": [], "figures": {}, "datasets": datasets}
    return checked_configuration({**values, **top}, "shipped", CONFIG)


def lines() -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Each cell of EVALUATION with its values."""
    for line in EVALUATION.strip().splitlines():
        names, values = line.split()[:6], line.split()[6:]
        names[2] = names[2].replace("*", ",".join(METHODS))
        expected = (values[0], *(float(v) for v in values[1:4]), *(int(v) for v in values[4:]))
        for preset, dataset, method, fd2, ipc, student in product(*(n.split(",") for n in names)):
            yield (preset, dataset, method, fd2, int(ipc), student), expected


def test_attention_maps_and_ratio_of_each_teacher(settings: Configuration) -> None:
    found = {
        dataset: tuple(
            (cal["attention_maps"], cal["cal_ratio"])
            for cal in (settings.pretrain(Teacher(dataset, b, "cal"))["cal"] for b in BACKBONES)
        )
        for dataset in TEACHERS
    }
    assert found == TEACHERS


def test_plain_teachers_do_not_depend_on_attention(settings: Configuration) -> None:
    for dataset, backbone in product(TEACHERS, BACKBONES):
        plain = settings.pretrain(Teacher(dataset, backbone, "plain"))
        other = settings.pretrain(Teacher("cub200", "resnet18", "plain"))
        names = {"dataset": dataset, "backbone": backbone}
        assert plain == {**other, **names}


def test_images_of_each_method(settings: Configuration) -> None:
    for presets, datasets, method, teachers, phases, rate, batch_norm in IMAGES:
        if settings.values["preset"] not in presets.split():
            continue
        for dataset, fd2 in product(datasets.split(), ("plain", "fd2")):
            own = settings.method_settings(SetName(dataset, method, fd2, "base"))
            sizes = own.get("phases", [{"size": 224, "iterations": own.get("iterations")}])
            assert tuple((phase["size"], phase["iterations"]) for phase in sizes) == phases
            assert own["teachers"] == teachers
            assert (own["learning_rate"], own["batch_norm_weight"]) == (rate, batch_norm)
            shared = (own["adam_betas"], own["first_batch_norm_multiplier"], own["maximum_roll"])
            assert shared == ([0.5, 0.9], 10, 32)
            assert own["crop_scale"] == [0.08, 1.0]
            residual = method != "sre2lpp"
            assert own["patches"] == ("1x1" if residual else "2x2")
            assert own["mixed_precision"] is residual
            assert own.get("residual_keep") == (0.5 if residual else None)


def test_images_were_asked_of_every_dataset_and_method() -> None:
    asked = [(p, d, row[2]) for row in IMAGES for p, d in product(row[0].split(), row[1].split())]
    methods = ("sre2lpp", "fadrm", "fadrmplus")
    assert sorted(asked) == sorted(product(PRESETS, TEACHERS, methods))


def test_slots_groups_chunks_and_files(settings: Configuration) -> None:
    release = settings.values["preset"] == "release"
    for dataset, method, fd2 in product(TEACHERS, METHODS[2:], ("plain", "fd2")):
        name = SetName(dataset, method, fd2, "base")
        found = settings.distill(name, 1)
        general, fadrm = dataset in GENERAL, method != "sre2lpp"
        assert found["slots"] == ([4, 5, 6, 7] if general else [4])
        assert settings.slots(name) == (50 if general else 5)
        baseline = release and (dataset, method, fd2) == ("cub200", "fadrmplus", "plain")
        assert found["class_chunk"] == (200 if baseline else 100)
        own_code = release and not (general and fadrm and fd2 == "plain")
        assert found["image_codec"] == ("jpeg75" if own_code else "png")
        assert found["initial_patch"] == ("random" if own_code else "by_slot")


def test_patches_are_enough_for_all_slots(settings: Configuration) -> None:
    release = settings.values["preset"] == "release"
    for dataset in TEACHERS:
        found = settings.patches(dataset, "2x2")
        general = dataset in GENERAL
        scored = 300 if general else ("smallest_class" if release else None)
        assert (found["images_scored"], found["slots"]) == (scored, 50 if general else 5)
        distinct = general or not release
        assert found["slot_patches"] == ("distinct" if distinct else "repeated")
        assert found["crops_per_image"] == 5
        if general:
            assert 4 * found["slots"] <= 300


def test_rdeds_crops_are_those_of_its_own_code(settings: Configuration) -> None:
    """In both presets, but for its JPEG: five crops each of 300 images, the best 4n kept."""
    release = settings.values["preset"] == "release"
    for dataset in TEACHERS:
        name = SetName(dataset, "rded", "plain", "base")
        assert settings.patch_kind(name) == "rded"
        assert settings.patches(dataset, "rded") == {
            **{"dataset": dataset, "kind": "rded", "tiles": 2, "scorer": "resnet18", "seed": 0},
            **{"crops_per_image": 5, "crop_scale": [0.08, 1.0], "images_scored": 300},
            **{"images_chosen": "random", "slot_patches": "distinct"},
            **{"slots": 50 if dataset in GENERAL else 5},
            **{"image_codec": "jpeg75" if release else "png"},
        }
        assert settings.patch_scorer(dataset, "rded") == Teacher(dataset, "resnet18", "plain")


def test_teachers_and_their_tests_of_each_preset(settings: Configuration) -> None:
    release = settings.values["preset"] == "release"
    found = settings.pretrain(Teacher("cub200", "resnet18", "cal"))
    tested = "first_of_each" if release else "last_of_each"
    assert (found["tested_epochs"], found["test_every"], found["epochs"]) == (tested, 10, 51)
    cal = found["cal"]
    assert cal["attention_box"] == ("truncated" if release else "exact")
    start = "torch_default" if release else "kaiming_normal"
    assert cal["attention_initialisation"] == start
    rotated = found["augmentation"]["rotation_filter"]
    assert rotated == ("nearest" if release else "bilinear")
    student = Cell(SetName("cub200", "sre2lpp", "fd2", "base"), 1, "resnet18", 0)
    assert settings.evaluate(student)["tested_epochs"] == tested


def test_teachers_of_soft_labels(settings: Configuration) -> None:
    for dataset, method, fd2 in product(TEACHERS, METHODS, ("plain", "fd2")):
        four = FOUR_GENERAL if dataset in GENERAL else FOUR
        expected = four if method == "fadrmplus" else ONE
        teachers = settings.relabel_teachers(SetName(dataset, method, fd2, "base"), 1)
        assert [teacher.backbone for teacher in teachers] == expected


def test_students_of_each_cell(settings: Configuration) -> None:
    for (preset, *names, ipc, student), expected in lines():
        if preset != settings.values["preset"]:
            continue
        cell = Cell(SetName(*names, "base"), ipc, student, 0)
        found = settings.evaluate(cell)
        keys = ("initialisation", "learning_rate", "weight_decay", "eta", "epochs", "batch_size")
        assert tuple(found[key] for key in keys) == expected, (names, ipc, student)
        assert found["temperature"] == 20
        labels = settings.relabel(cell.set_name, ipc)
        assert (labels["epochs"], labels["batch_size"]) == expected[-2:]
        assert (labels["teacher_mode"], labels["head"]) == ("train_halves", "backbone")


def test_students_were_asked_of_every_cell_once() -> None:
    cells = [cell for cell, _ in lines()]
    both = ("plain", "fd2")
    fine = product(PRESETS, FINE_GRAINED, METHODS, both, (1, 3, 5), STUDENTS)
    general = product(PRESETS, GENERAL, METHODS, both, (1, 10, 50), STUDENTS)
    assert sorted(cells) == sorted([*fine, *general])
