"""Known artefact paths, and the explanation of unknown ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fd2.config.checks import checked_configuration
from fd2.config.layers import merge, read_yaml
from fd2.config.names import Annotated, Cell, Detector, Expert, SetName, Teacher
from fd2.config.paths import ArtefactPaths, path_fields

CONFIG = Path(__file__).resolve().parents[2] / "config"
VARIANTS = {
    "no-drop": {"pretrain": {"cal_ratio": 0.1}},
    "group-2": {"distill": {"group_size": 2}},
    "hot": {"relabel": {"head": "cal"}},
    "flat": {"pretrain": {"cal_ratio": 0.1}, "train_expert": {"optimiser": "gsam"}},
    "hard": {"evaluate": {"labels": "hard"}},
}


@pytest.fixture(scope="module")
def paths() -> ArtefactPaths:
    values = merge(read_yaml(CONFIG / "config.yaml"), {"variants": VARIANTS})
    return ArtefactPaths(checked_configuration(values, "test", CONFIG))


@pytest.mark.parametrize(
    "path",
    [
        "data/elpv/manifest.json",
        "data/elpv/test_labels.npy",
        "teachers/elpv/resnet18/plain.safetensors",
        "teachers/elpv/resnet18/cal-no-drop.json",
        "patches/elpv/2x2.safetensors",
        "trajectories/elpv/convnet/base/expert0.safetensors",
        "trajectories/elpv/convnet/flat/expert12.json",
        "patches/elpv/rded.safetensors",
        "distilled/elpv/sre2lpp/fd2/group-2/group0.json",
        "distilled/elpv/rded/plain/base/ipc50.png",
        "labels/elpv/rded/plain/hot/ipc1/logits.npy",
        "labels/elpv/rded/plain/group-2/ipc1/record.json",
        "students/elpv/random/plain/hard/ipc1/resnet50/seed12.json",
        "students/elpv/random/plain/hard/ipc1/timm.mobilenetv3_small_100/seed12.json",
        "weights/elpv/random/plain/hard/ipc1/resnet50/seed12.onnx",
        "diagnostics/elpv/full/resnet18/plain.json",
        "diagnostics/elpv/rded/plain/group-2/ipc5/resnet18/cal-no-drop.safetensors",
        "complexity/elpv/resnet18/plain.json",
        "complexity/elpv/resnet18/cal-no-drop.csv",
        "continual/elpv/full/resnet18/cal-no-drop/steps5/seed0.json",
        "continual/elpv/random/plain/hard/ipc1/resnet50/steps10/seed12.json",
        "scenes/coco2017/val.safetensors",
        "annotations/elpv/rded/plain/group-2/ipc5/coco2017/coco_weights.json",
        "detectors/coco2017/full/ssdlite/seed0.safetensors",
        "detectors/elpv/rded/plain/base/ipc5/coco2017/coco_weights/ssdlite/seed12.json",
        "tables/table1.tex",
        "tables/partial/table1.md",
        "figures/curves.pdf",
        "report/index.html",
        "report/partial.html",
        "report/classes.csv",
    ],
)
def test_known_path(paths: ArtefactPaths, path: str) -> None:
    assert re.fullmatch(paths.regex(), path)
    assert not re.fullmatch(paths.regex(), f"{path}x")
    assert not re.fullmatch(paths.regex(), path.replace(".", "_"))


@pytest.mark.parametrize(
    ("path", "variant"),
    [
        ("distilled/elpv/rded/plain/{}/ipc1.safetensors", "hard"),
        ("distilled/elpv/sre2lpp/fd2/{}/group0.json", "hot"),
        ("labels/elpv/rded/plain/{}/ipc1/logits.npy", "hard"),
        ("diagnostics/elpv/rded/plain/{}/ipc5/resnet18/cal.safetensors", "hot"),
    ],
)
def test_a_variant_shares_what_it_does_not_change(
    paths: ArtefactPaths, path: str, variant: str
) -> None:
    assert paths.shared(path.format(variant)) == path.format("base")
    own = path.format("group-2")
    assert paths.shared(own) == own


def test_what_is_no_variants_is_shared_with_none(paths: ArtefactPaths) -> None:
    for path in (
        "students/elpv/rded/plain/hard/ipc1/resnet50/seed0.json",
        "distilled/elpv/rded/plain/bas/ipc1.png",
        "distilled/elpv/rdde/plain/hard/ipc1.png",
        "data/elpv/manifest.json",
        "mine/of/no/shape.txt",
    ):
        assert paths.shared(path) == path


@pytest.mark.parametrize(
    ("path", "what", "fix"),
    [
        ("student/elpv/x", "unknown folder 'student'", "did you mean 'students'?"),
        ("data/elvp/manifest.json", "unknown dataset 'elvp'", "did you mean 'elpv'?"),
        ("data/elpv/manifest.jsn", "unknown file 'manifest.jsn'", "mean 'manifest.json'?"),
        ("teachers/elpv/resnet8/plain.json", "unknown backbone 'resnet8'", "mean 'resnet18'?"),
        ("teachers/elpv/resnet18/call.json", "unknown file 'call.json'", "mean 'cal.json'?"),
        ("patches/elpv/3x3.json", "unknown file '3x3.json'", "2x2.safetensors"),
        ("distilled/elpv/rdde/plain/base/ipc1.png", "unknown method 'rdde'", "mean 'rded'?"),
        ("distilled/elpv/rded/fd/base/ipc1.png", "unknown fd2 'fd'", "mean 'fd2'?"),
        ("distilled/elpv/rded/plain/bas/ipc1.png", "unknown variant 'bas'", "mean 'base'?"),
        ("distilled/elpv/rded/plain/base/ipc0.png", "unknown file 'ipc0.png'", "'ipcN.png'?"),
        ("distilled/elpv/rded/plain/base/group0.json", "file 'group0.json'", "ipcN.json"),
        ("distilled/elpv/sre2lpp/plain/base/group.json", "file 'group.json'", "groupN.json"),
        ("labels/elpv/rded/plain/base/1/logits.npy", "unknown folder '1'", "allowed: ipcN"),
        (
            "students/elpv/rded/plain/base/ipc1/resnet8/seed0.json",
            "unknown student 'resnet8'",
            "did you mean 'resnet18'?",
        ),
        (
            "students/elpv/rded/plain/base/ipc1/resnet18/seed.json",
            "unknown file 'seed.json'",
            "did you mean 'seedN.json'?",
        ),
        ("diagnostics/elpv/ful/resnet18/cal.json", "unknown folder 'ful'", "mean 'full'?"),
        (
            "diagnostics/elpv/rded/plain/base/ipc5/resnet8/cal.json",
            "unknown backbone 'resnet8'",
            "mean 'resnet18'?",
        ),
        ("tables/tabel1.md", "unknown file 'tabel1.md'", "did you mean 'table1.md'?"),
        ("figures/curves.svg", "unknown file 'curves.svg'", "curves.pdf"),
    ],
)
def test_unknown_part_is_named(paths: ArtefactPaths, path: str, what: str, fix: str) -> None:
    # Libraries have more networks than an expression lists; rules ask the plug-ins.
    assert bool(re.fullmatch(paths.regex(), path)) == ("resnet8" in path)
    fault = paths.fault(path)
    assert what in fault.what
    assert fault.where == path
    assert fix in fault.fix


@pytest.mark.parametrize(
    ("path", "shared"),
    [
        ("distilled/elpv/rded/plain/hot/ipc1.png", "distilled/elpv/rded/plain/base/ipc1.png"),
        (
            "labels/elpv/rded/plain/hard/ipc1/logits.npy",
            "labels/elpv/rded/plain/base/ipc1/logits.npy",
        ),
        # A variant of the teacher alone.
        (
            "trajectories/elpv/convnet/no-drop/expert1.json",
            "trajectories/elpv/convnet/base/expert1.json",
        ),
    ],
)
def test_variant_that_shares_an_artefact_names_it(
    paths: ArtefactPaths, path: str, shared: str
) -> None:
    fault = paths.fault(path)
    assert "has no" in fault.what and "of its own" in fault.what
    assert f"ask for {shared}" in fault.fix
    assert re.fullmatch(paths.regex(), shared)


def test_folder_and_file_below_a_file(paths: ArtefactPaths) -> None:
    folder = paths.fault("students/elpv/rded")
    assert folder.what == "a folder, not a file"
    assert "students/DATASET/METHOD/FD2/VARIANT/ipcN/STUDENT/seedN.json" in folder.fix
    below = paths.fault("tables/table1.md/x")
    assert below.what == "'table1.md' is a file, nothing lies below it"
    assert below.fix == "ask for tables/table1.md"


def test_every_output_of_a_rule_is_a_template() -> None:
    """The rules' outputs and `TEMPLATES` say the same, up to the words of suffixes and files."""
    rules = CONFIG.parent / "workflow" / "rules"
    written = {
        path
        for file in rules.glob("*.smk")
        for path in re.findall(r'"<results>/([^"]*\{[^"]*)"', file.read_text())
    } - {"{path}"}
    assert len(written) > 25
    names = {
        **{"dataset": "elpv", "backbone": "resnet18", "training": "cal", "kind": "1x1"},
        **{"method": "sre2lpp", "fd2": "fd2", "variant": "base", "ipc": "1", "group": "0"},
        **{"student": "resnet18", "seed": "0", "table": "table1", "name": "table1"},
        **{"figure": "curves", "number": "0", "steps": "5"},
        **{"scenes": "coco2017", "annotator": "coco_weights", "detector": "ssdlite"},
    }
    shipped = ArtefactPaths(
        checked_configuration(read_yaml(CONFIG / "config.yaml"), "test", CONFIG)
    )
    for path in written:
        # Braces are doubled inside `collect`, which fills one field.
        single = path.replace("{{", "{").replace("}}", "}")
        assert re.fullmatch(shipped.regex(), single.format(**names)), path


SET = SetName("elpv", "sre2lpp", "fd2", "group-2")
TEACHER = Teacher("elpv", "resnet18", "cal-no-drop")
EXPERT = Expert("elpv", "convnet", "flat", 12)
ANNOTATED = Annotated(SET, 3, "coco2017", "coco_weights")
ON_REAL, ON_SET = (Detector("coco2017", "ssdlite", 12, of) for of in (None, ANNOTATED))


@pytest.mark.parametrize(
    ("name", "path", "numbers"),
    [
        (TEACHER, TEACHER.path(), {}),
        (TEACHER, TEACHER.path("json"), {}),
        (EXPERT, EXPERT.path(), {"number": "12"}),
        (EXPERT, EXPERT.path("json"), {"number": "12"}),
        (SET, SET.group(3), {"group": "3"}),
        (SET, SET.images(12, "png"), {"ipc": "12"}),
        (SET, f"{SET.labels(1)}/logits.npy", {"ipc": "1"}),
        (SET, SET.measured(1), {"ipc": "1"}),
        (SET, SET.export(5), {"ipc": "5"}),
        (SET, SET.diagnosis(5, TEACHER), {"ipc": "5"}),
        (TEACHER, SET.diagnosis(5, TEACHER), {"ipc": "5"}),
        (SetName("elpv", "full", "plain", "base"), SET.diagnosis(None, TEACHER, "json"), {}),
        (TEACHER, SET.diagnosis(None, TEACHER), {}),
        (TEACHER, TEACHER.complexity(), {}),
        (TEACHER, TEACHER.continual(5, 12), {"steps": "5", "seed": "12"}),
        (ANNOTATED, ANNOTATED.path(), {"ipc": "3"}),
        (ON_SET, ON_SET.path(), {"seed": "12"}),
        (ON_REAL, ON_REAL.path("safetensors"), {"seed": "12"}),
        (Cell(SET, 3, "resnet50", 12), Cell(SET, 3, "resnet50", 12).path(), {"seed": "12"}),
        (Cell(SET, 3, "resnet50", 12), Cell(SET, 3, "resnet50", 12).continual(5), {"steps": "5"}),
        (Cell(SET, 3, "resnet50", 12), Cell(SET, 3, "resnet50", 12).weights(), {"seed": "12"}),
    ],
    ids=str,
)
def test_a_name_is_read_back_from_its_path(
    paths: ArtefactPaths,
    name: Annotated | Cell | Detector | Expert | SetName | Teacher,
    path: str,
    numbers: dict[str, str],
) -> None:
    assert re.fullmatch(paths.regex(), path)
    for spelt in (path, path.removesuffix("/logits.npy").rsplit(".", 1)[0]):
        fields = path_fields(spelt)
        assert type(name).parse(fields) == name
        assert numbers.items() <= fields.items()


def test_a_path_of_another_shape_has_no_fields() -> None:
    assert path_fields("teachers/elpv/resnet18") == path_fields("x/y.json") == {}


def test_a_word_that_is_no_target(paths: ArtefactPaths) -> None:
    for word, near in (("tabel1", "table1"), ("Images", "images"), ("al", "all")):
        assert f"did you mean '{near}'?" in paths.no_target(word).fix
