"""Networks that cannot be built, or lack what a teacher needs, are refused when planning."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fd2.config.checks import checked_configuration
from fd2.config.layers import merge
from fd2.config.names import Cell, SetName, Teacher
from fd2.config.resolve import Configuration
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"
BASE: dict[str, Any] = yaml.safe_load((CONFIG / "config.yaml").read_text())
HEADER = "dataset,method,fd2,variant,ipc,student,published\n"

Planned = Callable[..., Configuration]


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    """A config with one sheet of the given rows."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "presets").symlink_to(CONFIG / "presets")

    def make(*rows: str, **changes: Any) -> Configuration:
        (tmp_path / "tables" / "mine.csv").write_text(HEADER + "\n".join(rows) + "\n")
        config = copy.deepcopy(BASE) | {"tables": ["mine"], "figures": {}}
        config |= {"ablations": [], "measurements": []}
        return checked_configuration(merge(config, changes), "config.yaml", tmp_path)

    return make


SCRATCH = {"pretrain": {"initialisation": "scratch"}}


def test_a_convnet_is_a_student_a_label_teacher_and_a_scorer(planned: Planned) -> None:
    changes = {"relabel": {"teachers": ["convnet"]}, "patches": {"scorer": "convnet"}}
    settings = planned("elpv,sre2lpp,plain,base,1,convnet,", **SCRATCH, **changes)
    name = SetName("elpv", "sre2lpp", "plain", "base")
    assert settings.patch_scorer("elpv", "2x2") == Teacher("elpv", "convnet", "plain")
    assert settings.relabel_teachers(name, 1) == [Teacher("elpv", "convnet", "plain")]
    assert settings.evaluate(Cell(name, 1, "convnet", 0))["stem"] == "imagenet"


@pytest.mark.parametrize(
    ("row", "changes", "message"),
    [
        (
            "elpv,sre2lpp,plain,base,1,resnet18,",
            {"distill": {"methods": {"sre2lpp": {"teachers": ["convnet"]}}}, **SCRATCH},
            "teacher 'convnet' has no batch norm",
        ),
        (
            "elpv,random,fd2,base,1,resnet18,",
            {"relabel": {"teachers": ["vgg11"]}, **SCRATCH},
            "'vgg11' cannot have counterfactual attention",
        ),
        ("elpv,full,fd2,base,,alexnet,", SCRATCH, "'alexnet' cannot have counterfactual"),
        (
            "elpv,random,plain,base,1,convnet,",
            {"evaluate": {"initialisation": "imagenet"}},
            "unknown initialisation 'imagenet'",
        ),
        ("elpv,full,plain,base,,vgg11,", {}, "unknown initialisation 'imagenet'"),
        (
            "elpv,sre2lpp,plain,base,1,resnet18,",
            {"patches": {"scorer": "resnet10t"}},
            "unknown initialisation 'imagenet'",
        ),
        (
            "elpv,random,plain,base,1,resnet18,",
            {"pretrain": {"stem": "cifar"}},
            "initialisation 'imagenet' with stem 'cifar'",
        ),
        (
            "elpv,random,plain,base,1,vgg11,",
            {"datasets": {"elpv": {"resolution": 24}}},
            "24 pixels are pooled 5 times",
        ),
        (
            "elpv,sre2lpp,plain,base,1,resnet18,",
            {"distill": {"methods": {"sre2lpp": {"teachers": ["test_convnext"]}}}, **SCRATCH},
            "teacher 'test_convnext' has no batch norm",
        ),
        (
            "elpv,sre2lpp,plain,base,1,resnet18,",
            {"distill": {"methods": {"sre2lpp": {"teachers": ["test_vit"]}}}, **SCRATCH},
            "teacher 'test_vit' has no batch norm",
        ),
        ("elpv,full,plain,base,,vit_b_16,", SCRATCH, "no last feature map"),
        ("elpv,full,fd2,base,,test_vit,", SCRATCH, "'test_vit' cannot have .* its class token"),
        (
            "elpv,full,plain,base,,test_vit,",
            {**SCRATCH, "datasets": {"elpv": {"resolution": 72}}},
            "72 pixels in patches of 16",
        ),
        (
            "elpv,random,plain,base,1,test_vit,",
            {**SCRATCH, "evaluate": {"transformer": {"heads": 3}}},
            "cannot be built",
        ),
        ("elpv,full,plain,base,,vit_base_patch16_gap_224,", SCRATCH, "no class token"),
        (
            "elpv,dm,plain,base,1,resnet18,",
            {"distill": {"methods": {"dm": {"network": "test_vit"}}}},
            "vision transformer, which has no feature map",
        ),
        (
            "elpv,edf,plain,base,1,resnet18,",
            {"distill": {"methods": {"edf": {"teachers": ["test_vit"]}}}, **SCRATCH},
            "activation maps are computed from it",
        ),
        ("elpv,full,fd2,base,,squeezenet1_1,", SCRATCH, "'squeezenet1_1' cannot have counterf"),
        (
            "elpv,random,plain,base,1,resnet10t,",
            {"evaluate": {"initialisation": "imagenet"}},
            "unknown initialisation 'imagenet'",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(
    planned: Planned, row: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(FD2Error, match=message):
        planned(row, **changes)


def test_a_vision_transformer_is_teacher_scorer_and_student(planned: Planned) -> None:
    """And its shape is a setting of these networks alone."""
    shape = {"resolution": 36, "patch_size": 4, "width": None, "depth": 3, "heads": None}
    changes = {
        **{"relabel": {"teachers": ["test_vit"]}, "patches": {"scorer": "test_vit"}},
        **{"pretrain": {"initialisation": "scratch", "transformer": shape}},
        **{"datasets": {"elpv": {"resolution": 72}}, "evaluate": {"transformer": shape}},
    }
    settings = planned(
        "elpv,sre2lpp,plain,base,1,test_vit,", "elpv,random,plain,base,1,resnet18,", **changes
    )
    for backbone, wanted in (("test_vit", shape), ("resnet18", None)):
        teacher = settings.pretrain(Teacher("elpv", backbone, "plain"))
        cell = Cell(SetName("elpv", "random", "plain", "base"), 1, backbone, 0)
        assert teacher["transformer"] == settings.evaluate(cell)["transformer"] == wanted


def test_a_network_of_a_library_is_a_teacher_where_it_has_batch_norm(planned: Planned) -> None:
    teachers = {"teachers": ["test_resnet"]}
    changes = {"distill": {"methods": {"sre2lpp": teachers}}, "relabel": teachers}
    settings = planned("elpv,sre2lpp,fd2,base,1,test_convnext,", **SCRATCH, **changes)
    name = SetName("elpv", "sre2lpp", "fd2", "base")
    assert settings.distill_teachers(name) == [Teacher("elpv", "test_resnet", "cal")]
    assert settings.evaluate(Cell(name, 1, "test_convnext", 0))["student"] == "test_convnext"


def test_one_channel_needs_weights_that_take_it(planned: Planned) -> None:
    row = "elpv,random,plain,base,1,resnet18,"
    grey = {"datasets": {"elpv": {"channels": 1}}}
    with pytest.raises(FD2Error, match="the data have one") as refused:
        planned(row, **grey)
    assert "imagenet_repeated" in refused.value.fix
    assert "backbone resnet18, setting 'pretrain.initialisation'" in refused.value.where
    for initialisation in ("imagenet_repeated", "scratch"):
        planned(row, **grey, pretrain={"initialisation": initialisation})


@pytest.mark.parametrize("section", ["pretrain", "evaluate"])
def test_a_weights_file_is_checked_when_planning(
    planned: Planned, tmp_path: Path, section: str
) -> None:
    row, path = "elpv,random,plain,base,1,resnet18,", tmp_path / "w.safetensors"
    path.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    good = {"path": str(path), "sha256": digest}
    faults: list[tuple[dict[str, Any], str]] = [
        ({"initialisation": "file"}, "without a weights file"),
        ({"initialisation": "scratch", "weights_file": good}, "with initialisation 'scratch'"),
        (
            {"initialisation": "file", "weights_file": {**good, "path": "none.pth"}},
            "no weights file none.pth",
        ),
        (
            {"initialisation": "file", "weights_file": {**good, "sha256": "0" * 64}},
            f"has SHA-256 {digest} instead of 0000",
        ),
        ({"weights_file": {"path": str(path)}}, "missing key"),
    ]
    for settings, message in faults:
        with pytest.raises(FD2Error, match=message):
            planned(row, **{section: settings})
    taken = planned(row, **{section: {"initialisation": "file", "weights_file": good}})
    cell = Cell(SetName("elpv", "random", "plain", "base"), 1, "resnet18", 0)
    found = {
        "pretrain": taken.pretrain(Teacher("elpv", "resnet18", "plain")),
        "evaluate": taken.evaluate(cell),
    }
    assert found[section]["weights_file"] == good


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classifier": "imagenet"}, "kind 'elpv' are none of ImageNet's"),
        ({"classifier": "imagenet_whole", "epochs": 0}, "kind 'elpv' are none of ImageNet's"),
        ({"classifier": "imagenet_unmapped", "initialisation": "scratch"}, "'scratch'"),
        ({"epochs": 0}, "a fresh classifier and no training"),
        ({"classifier": "imagenet_unmapped"}, None),
        ({"classifier": "imagenet_unmapped", "epochs": 0}, None),
    ],
)
def test_a_classifier_of_imagenet_needs_its_weights_and_its_classes(
    planned: Planned, settings: dict[str, Any], message: str | None
) -> None:
    row = "elpv,full,plain,base,,{},"
    if message is None:
        planned(row.format("resnet18"), pretrain=settings)
        with pytest.raises(FD2Error, match=r"classifier|not trained|initialisation"):
            planned(row.format("tf_efficientnet_lite0"), pretrain=settings)
        return
    with pytest.raises(FD2Error, match=message):
        planned(row.format("resnet18"), pretrain=settings)


WHOLE = {"classifier": "imagenet_whole", "epochs": 0, "initialisation": "imagenet"}


@pytest.mark.parametrize(
    ("row", "changes", "message"),
    [
        ("woof,full,plain,base,,resnet18,", {}, None),
        ("woof,full,fd2,base,,resnet18,", {}, "is to learn those of the dataset"),
        ("woof,full,plain,base,,resnet18,", {"epochs": 1}, "is to learn those of the dataset"),
        ("woof,sre2lpp,plain,base,1,resnet18,", {}, "answers with the classes of all ImageNet"),
        ("woof,random,plain,base,1,resnet18,", {}, "answers with the classes of all ImageNet"),
    ],
)
def test_all_of_imagenet_s_classes_are_for_looking_alone(
    planned: Planned, row: str, changes: dict[str, Any], message: str | None
) -> None:
    woof = {"woof": {"kind": "imagenet_subset", "subset": "woof", "resolution": 64}}
    if message is None:
        planned(row, pretrain={**WHOLE, **changes}, datasets=woof)
        return
    with pytest.raises(FD2Error, match=message):
        planned(row, pretrain={**WHOLE, **changes}, datasets=woof)


@pytest.mark.parametrize("section", ["pretrain", "evaluate"])
def test_the_stem_is_a_setting_of_its_stage(planned: Planned, section: str) -> None:
    where = {"dataset": "elpv"}
    small = {section: {"stem": "cifar", "initialisation": "scratch"}}
    row = "elpv,random,plain,base,1,resnet18,"
    settings = planned(row, overrides={"small": {"where": where, "set": small}})
    found = {
        dataset: {
            "pretrain": settings.pretrain(Teacher(dataset, "resnet18", "plain")),
            "evaluate": settings.evaluate(
                Cell(SetName(dataset, "random", "plain", "base"), 1, "resnet18", 0)
            ),
        }
        for dataset in ("elpv", "cub200")
    }
    other = {"pretrain": "evaluate", "evaluate": "pretrain"}[section]
    assert found["elpv"][section]["stem"] == "cifar"
    assert found["elpv"][other]["stem"] == found["cub200"][section]["stem"] == "imagenet"
