"""The configs, presets, sheets and environment as they are shipped."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from fd2.config import plugins
from fd2.config.checks import checked_configuration
from fd2.config.complexity import ComplexitySettings, complexity_settings
from fd2.config.continual import (
    ContinualSettings,
    ContinualTeacherSettings,
    continual_settings,
    continual_teacher_settings,
)
from fd2.config.detection import (
    AnnotateSettings,
    TrainDetectorSettings,
    annotate_settings,
    detector_settings,
)
from fd2.config.layers import merge, read_yaml
from fd2.config.measured import measure_settings
from fd2.config.names import Cell, SetName, Teacher
from fd2.config.resolve import Configuration
from fd2.config.row_facts import row_facts
from fd2.config.rows import (
    ComplexityRow,
    ContinualRow,
    DetectionRow,
    DiagnosticRow,
    GroupRow,
    IterationRow,
    StudentRow,
    TeacherRow,
)
from fd2.config.schema import config_schema
from fd2.config.settings import (
    DiagnoseSettings,
    DistillSettings,
    EvaluateSettings,
    PatchSettings,
    PretrainSettings,
    RelabelSettings,
    WholeSetSettings,
    build,
)
from fd2.config.sheets import read_sheet

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config"
SHEETS = sorted(path.stem for path in (CONFIG / "tables").glob("*.csv"))
PRESETS = ("paper", "release")
#: Sheets whose config is given after others, as it says itself.
AFTER: dict[str, list[str]] = {
    path.stem: after
    for path in sorted(CONFIG.glob("*.yaml"))
    if (after := read_yaml(path).get("after")) and path.stem in SHEETS
}


def shipped(preset: str, table: str, *names: str) -> Configuration:
    values: dict[str, Any] = read_yaml(CONFIG / "config.yaml")
    for name in names:
        values = merge(values, read_yaml(CONFIG / name))
    return checked_configuration(
        merge(values, {"preset": preset, "tables": [table]}), "shipped", CONFIG
    )


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from leaves(below, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("table", SHEETS)
def test_every_row_has_settings_at_every_stage(table: str, preset: str) -> None:
    own = [f"{table}.yaml"] if (CONFIG / f"{table}.yaml").is_file() else []
    own = ["edf.yaml"] if table.startswith("edf_") else own
    focusdd = ("focusdd_table14", "focusdd_ablations", "focusdd_costs")
    own = ["focusdd.yaml"] if table in focusdd else own
    after = AFTER.get(table, [])
    if table == "focusdd_small_costs":
        after, own = AFTER["focusdd_small"], ["focusdd_small.yaml"]
    if table.startswith("trajectories_"):
        after, own = AFTER["trajectories"], ["trajectories.yaml"]
    settings = shipped(preset, table, *after, *own)
    rows = settings.sheet(table).rows
    assert rows
    assert len(set(rows)) == len(rows), "a row stands twice"
    for row in rows:
        match row:
            case DiagnosticRow():
                build(PretrainSettings, settings.pretrain(row.network))
                found = settings.diagnose(row.set_name, row.ipc, row.network)
                assert build(DiagnoseSettings, found).method == row.method
                # The independent network takes no part in distillation.
                optimised = row.method in settings.methods("optimisation")
                taken = settings.distill_teachers(row.set_name) if optimised else []
                backbones = [teacher.backbone for teacher in taken]
                assert row.training == "cal" or row.backbone not in backbones
            case ComplexityRow():
                build(PretrainSettings, settings.pretrain(row.network))
                build(ComplexitySettings, complexity_settings(settings, row.network))
            case ContinualRow():
                build_every_stage(settings, row.students)
                if row.ipc is None:
                    values = continual_teacher_settings(
                        settings, row.students.teacher, row.steps, 0
                    )
                    build(ContinualTeacherSettings, values)
                for cell in row.students.cells([0]):
                    build(ContinualSettings, continual_settings(settings, cell, row.steps))
            case DetectionRow():
                for detector in row.detectors([0]):
                    build(TrainDetectorSettings, detector_settings(settings, detector))
                    if detector.annotated is not None:
                        found = annotate_settings(settings, detector.annotated)
                        assert build(AnnotateSettings, found).method == row.method
            case TeacherRow():
                values = settings.pretrain(row.teacher)
                assert build(PretrainSettings, values).cal is not None
            case IterationRow() | GroupRow():
                if row.variant:
                    build_timed(measure_settings(settings, row.set_name, row.ipc))
            case StudentRow() if not row.variant:
                assert row.published and not row_facts(settings, row) and not row.sources([0])
            case StudentRow():
                build_every_stage(settings, row)


def build_every_stage(settings: Configuration, row: StudentRow) -> None:
    seeds = settings.values["seeds"]
    if row.ipc is None:
        training = Path(row.sources(seeds)[0]).stem
        build(PretrainSettings, settings.pretrain(Teacher(row.dataset, row.student, training)))
        return
    distilled = settings.set_at(row.set_name, "distill")
    kind = settings.patch_kind(distilled)
    if kind is not None:
        build(PatchSettings, settings.patches(row.dataset, kind))
    if row.method in settings.methods("optimisation"):
        slots: list[int] = []
        for group in settings.groups(distilled, row.ipc):
            slots += build(DistillSettings, settings.distill(distilled, group)).slots
        assert slots[: row.ipc] == list(range(row.ipc))
        for teacher in settings.distill_teachers(distilled):
            build(PretrainSettings, settings.pretrain(teacher))
    else:
        # Nothing is optimised: FD² acts in the teacher that labels them, to compare the images
        # of FD² rows with, and has no place in sheets of published numbers.
        assert row.fd2 == "plain" or not row.published
        build(WholeSetSettings, settings.whole_set(distilled, row.ipc))
    build(RelabelSettings, settings.relabel(row.set_name, row.ipc))
    for cell in row.cells(seeds):
        build(EvaluateSettings, settings.evaluate(cell))


def build_timed(found: dict[str, Any]) -> None:
    kinds = {"distill": DistillSettings, "match": WholeSetSettings, "select": WholeSetSettings}
    for stage, kind in kinds.items():
        if stage in found:
            build(kind, found[stage])
    if found.get("patches"):
        build(PatchSettings, found["patches"])


@pytest.mark.parametrize(
    ("table", "cells"), [("table1", 99), ("table2", 36), ("table3", 20), ("appendix1", 72)]
)
def test_published_numbers_stand_where_students_start_as_theirs(table: str, cells: int) -> None:
    """FD²'s release starts ResNet50 from ImageNet; RDED and the rows of FADRM's paper do not."""
    settings = shipped("paper", table)
    listed = settings.sheet(table).rows_of(StudentRow)
    rows = [row for row in listed if row.ipc is not None and row.variant]
    published = [row for row in rows if row.published]
    assert len(published) == cells
    for row in published:
        fadrms = row.dataset.endswith("_fadrm")
        copied = row.method == "rded" or fadrms
        warm = row.student == "resnet50" and not copied
        student = settings.evaluate(row.cells([0])[0])["initialisation"]
        assert student == ("imagenet" if warm else "scratch"), row
        # The rows of FADRM's paper have teachers from scratch too, FD²'s from ImageNet.
        teacher = settings.pretrain(settings.teacher(row.set_name, "resnet18"))["initialisation"]
        assert teacher == ("scratch" if fadrms else "imagenet"), row
    # Beside each published number stand the like-for-like row and random real images.
    names = {(r.dataset, r.method, r.fd2, r.variant, r.ipc, r.student) for r in rows}
    for row in rows:
        own = (row.dataset, row.method, row.fd2, "base", row.ipc, row.student)
        direct = row.variant in ("direct", "direct-learned")
        random = (row.dataset, "random", "plain", "direct" if direct else "base", *own[4:])
        assert own in names or direct or row.variant == "hard-labels"
        assert random in names
        if row.variant == "imagenet-student":
            assert (*random[:3], row.variant, *random[4:]) in names


def test_cells_with_two_published_numbers_show_both_in_both_tables() -> None:
    pairs = {
        (table, row.fd2): row.published
        for table in ("table1", "table2", "table3")
        for row in read_sheet(CONFIG / "tables" / f"{table}.csv").rows_of(StudentRow)
        if len(row.published) > 1
    }
    assert pairs == {
        ("table1", "plain"): (65.1, 64.2),
        ("table3", "plain"): (64.2, 65.1),
        ("table1", "fd2"): (73.7, 67.7),
        ("table3", "fd2"): (67.7, 73.7),
    }


def test_the_sheet_of_teachers() -> None:
    rows = shipped("paper", "teachers").sheet("teachers").rows_of(TeacherRow)
    assert len({(row.dataset, row.backbone) for row in rows}) == len(rows) == 25
    assert {row.variant for row in rows} == {"base"}
    assert all(len(row.published_backbone) == len(row.published_cal) == 1 for row in rows)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("dataset", "rate", "epochs"), [("imagenette", 0.01, 300), ("imagewoof", 0.1, 50)]
)
def test_rows_of_fadrms_numbers_have_its_settings(
    dataset: str, rate: float, epochs: int, preset: str
) -> None:
    """Its tables 14 and 16; ShuffleNetV2's width, tests and normalisation as in its code."""
    settings = shipped(preset, "table2")
    name = SetName(f"{dataset}_fadrm", "fadrmplus", "plain", "base")
    teachers = settings.distill_teachers(name)
    assert teachers == settings.relabel_teachers(name, 10)
    assert [teacher.backbone for teacher in teachers] == [
        *("resnet18", "densenet121", "shufflenet_v2_x1_0", "mobilenet_v2")
    ]
    prepared = settings.prepare(name.dataset)
    assert prepared["test_resize"] == "centre_crop"
    statistics = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    assert prepared["statistics"] == statistics
    for ipc, student in product((1, 10, 50), ("resnet18", "resnet50")):
        own, other = (
            settings.evaluate(Cell(replace(name, dataset=data), ipc, student, 0))
            for data in (name.dataset, dataset)
        )
        assert own["initialisation"] == "scratch"
        names = ("dataset", "initialisation")
        assert [v for k, v in own.items() if k not in names] == [
            v for k, v in other.items() if k not in names
        ]
    for teacher in teachers:
        assert teacher.training == "plain"
        found = build(PretrainSettings, settings.pretrain(teacher))
        assert (found.learning_rate, found.epochs, found.initialisation) == (
            *(rate, epochs),
            "scratch",
        )
        assert (found.optimiser, found.momentum, found.schedule) == ("sgd", 0.9, "cosine")
        assert (found.weight_decay, found.batch_size) == (1e-4, 128)
        assert found.augmentation.crop_scale == (0.08, 1.0)
        assert found.augmentation.flip == "horizontal"
        jitter = (found.augmentation.rotation, found.augmentation.brightness)
        assert jitter == (0, 0)


def test_appendix1_shows_72_published_numbers() -> None:
    """One of them is planned with a variant."""
    settings = shipped("paper", "appendix1")
    rows = settings.sheet("appendix1").rows_of(StudentRow)
    published = [row for row in rows if row.published]
    names = {(row.dataset, row.method, row.fd2, row.ipc, row.student) for row in published}
    assert len(published) == len(names) == 72
    assert all(row.variant for row in published)
    networks = Counter((row.method, row.student, row.variant) for row in published if row.variant)
    coresets = [(name, "resnet18", "hard-labels") for name in ("random", "herding", "kcenter")]
    matched = [(name, "convnet", "direct") for name in ("dsa", "dm")]
    matched.append(("datm", "convnet", "direct-learned"))
    assert {names: networks[names] for names in (*coresets, *matched)} == dict.fromkeys(
        (*coresets, *matched), 9
    )
    assert sum(sum(row.published) for row in published) == pytest.approx(1457.8)
    # The nine of random images under hard labels stand in table 1 too.
    hard = {row for row in rows if row.variant == "hard-labels" and row.method == "random"}
    assert len(hard) == 9
    assert hard <= set(shipped("paper", "table1").sheet("table1").rows_of(StudentRow))


@pytest.mark.parametrize("table", ["fashion_mnist", "mnist", "cifar10", "cifar100"])
def test_benchmarks_of_dataset_condensation_have_the_settings_of_its_code(table: str) -> None:
    """Budgets, and students with DSA and as in the paper of DC; digits are never flipped."""
    settings = shipped("paper", table, *AFTER[table], f"{table}.yaml")
    rows = settings.sheet(table).rows_of(StudentRow)
    of_dsa = ["color", "crop", "cutout", *([] if table == "mnist" else ["flip"])]
    of_dsa += ["scale", "rotate"]
    of_dc = (1001, ["crop", "scale", "rotate"]) if table == "mnist" else (301, [])
    for row in rows:
        if row.ipc is None:
            continue
        student = settings.evaluate(row.cells([0])[0])
        assert (student["protocol"], student["labels"], row.student) == (
            "direct",
            "hard",
            "convnet",
        )
        as_dc = row.variant.startswith("dc-students")
        training = (student["epochs"], student["direct"]["augmentation"])
        assert training == (of_dc if as_dc else (1001, of_dsa)), row
        # Coresets and DC are published without DSA.
        assert as_dc == (row.method in ("herding", "kcenter", "dc")) or row.method == "random"
        values = settings.whole_set(row.set_name, row.ipc)["method_settings"]
        if row.method in ("dc", "dsa", "dm"):
            budget = {"dc": (1000, 0.1), "dsa": (1000, 0.1), "dm": (20000, 1.0)}[row.method]
            assert (values["iterations"], values["images_learning_rate"]) == budget
            assert (values["batch_real"], values["network"]) == (256, "convnet")
            assert values["augmentation"] == ([] if row.method == "dc" else of_dsa)
            assert values["initial_images"] == ("noise" if row.method == "dc" else "real")
        elif row.method != "random":
            assert values["teachers"] == ["convnet"] and values.get("start", "mean") == "mean"


def test_rows_that_are_compared_like_for_like_differ_in_their_images_alone() -> None:
    table = "like_for_like"
    settings = shipped("paper", table, *AFTER[table], f"{table}.yaml")
    trainings: dict[tuple[int | None, str], set[tuple[str | None, str | None]]] = {}
    methods: dict[tuple[int | None, str], set[str]] = {}
    for row in settings.sheet(table).rows_of(StudentRow):
        assert row.student == "convnet"
        key = (row.ipc, row.label)
        trainings.setdefault(key, set()).add(students(settings, row))
        methods.setdefault(key, set()).add(row.method)
    assert len(trainings) == 4 and all(len(found) == 1 for found in trainings.values())
    seven = {"random", "herding", "kcenter", "dm", "dsa", "rded", "sre2lpp"}
    assert all(found == seven for found in methods.values())


def override(name: str, where: list[str], *values: str) -> list[str]:
    """Leaves of an override that only the release has."""
    whole = f"overrides.release-{name}"
    return [f"{whole}.where.{key}" for key in where] + [f"{whole}.set.{key}" for key in values]


def test_presets_differ_in_the_named_settings_only() -> None:
    paper, release = (dict(leaves(shipped(name, "table1").values)) for name in PRESETS)
    differing = {key for key in paper | release if paper.get(key) != release.get(key)}
    assert differing == {
        "preset",
        "pretrain.prototypes",
        "pretrain.batch_norm_statistics",
        "pretrain.selection",
        "pretrain.accuracy",
        "pretrain.tested_epochs",
        "pretrain.attention_box",
        "pretrain.attention_initialisation",
        "pretrain.augmentation.rotation_filter",
        "evaluate.tested_epochs",
        "distill.methods.rded.patches.image_codec",
        "patches.images_scored",
        "patches.slot_patches",
        "patches.image_codec",
        "distill.image_codec",
        "distill.initial_patch",
        "distill.fd2.regularisers.characteristic.weight",
        "distill.fd2.regularisers.characteristic.prototypes",
        "distill.fd2.regularisers.similarity.weight",
        "distill.fd2.regularisers.similarity.crop",
        "relabel.teacher_dropout",
        # ResNet50 students start from ImageNet weights in the release.
        *override("resnet50-students", ["student"], "evaluate.initialisation"),
        *override("fadrm-students", ["dataset"], "evaluate.initialisation"),
        # Its rows of FADRM+ without FD² have budgets and files of their own.
        *override(
            "fadrmplus-baseline",
            ["dataset", "method", "fd2"],
            *("distill.class_chunk", "relabel.epochs", "evaluate.epochs"),
        ),
        *override(
            "general-fadrm-images",
            ["dataset", "method", "fd2"],
            *("distill.image_codec", "distill.initial_patch"),
        ),
        *override("imagewoof-batch", ["dataset", "ipc"], "relabel.batch_size"),
        *override(
            "imagewoof-ipc10-resnet50", ["dataset", "ipc", "student"], "evaluate.learning_rate"
        ),
        "overrides.general-batch.set.relabel.batch_size",
        "overrides.imagenette-fadrm-rate.set.distill.methods.fadrm.learning_rate",
    }


def test_both_presets_name_the_same_settings() -> None:
    paper, release = (read_yaml(CONFIG / "presets" / f"{name}.yaml") for name in PRESETS)
    for preset in (paper, release):
        preset.pop("overrides")
    assert {key for key, _ in leaves(paper)} == {key for key, _ in leaves(release)}


def test_a_preset_is_overridden_by_the_config() -> None:
    values = merge(read_yaml(CONFIG / "config.yaml"), {"pretrain": {"selection": "best_on_test"}})
    assert (
        checked_configuration(values, "", CONFIG).values["pretrain"]["selection"] == "best_on_test"
    )


def described(schema: dict[str, Any], where: str) -> Iterator[str]:
    """Places in a schema that a user sets and that no sentence explains."""
    if "$ref" in schema:
        target = config_schema()["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        schema = {**target, **schema}
    blocks = [schema, *(case["then"] for case in schema.get("allOf", []))]
    below = {key: value for block in blocks for key, value in block.get("properties", {}).items()}
    if not below and "description" not in schema:
        yield where
    for key, value in below.items():
        yield from described(value, f"{where}.{key}" if where else key)
    if isinstance(schema.get("additionalProperties"), dict) and "$ref" not in schema:
        yield from described(schema["additionalProperties"], f"{where}.*")


def test_every_setting_is_explained() -> None:
    schema = config_schema()
    # The stages inside overrides and variants are those of the top level again.
    top = {k: v for k, v in schema["properties"].items() if k not in ("overrides", "variants")}
    assert list(described({**schema, "properties": top}, "")) == []


def test_every_shipped_value_is_in_the_schema() -> None:
    settings = shipped("paper", "table1").values
    assert set(settings) <= set(config_schema()["properties"])
    assert set(settings["distill"]["methods"]) == set(plugins.names("methods"))
    common, of_fd2 = (
        set(section["regularisers"])
        for section in (settings["distill"], settings["distill"]["fd2"])
    )
    assert common | of_fd2 == set(plugins.names("regularisers"))
    assert not common & of_fd2


def test_environment_and_package_have_the_same_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    environment = yaml.safe_load((ROOT / "envs" / "fd2.yaml").read_text())
    extra = project["optional-dependencies"]["quickstart"]
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert sorted(pip) == sorted([*project["dependencies"], *extra])
    assert f"python{project['requires-python']}" in environment["dependencies"]


def test_snakemake_bound_is_the_snakefiles() -> None:
    match = re.search(r'min_version\("([0-9.]+)"\)', (ROOT / "Snakefile").read_text())
    assert match is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert any(entry.startswith(f"snakemake>={match[1]},") for entry in project["dependencies"])


@pytest.mark.parametrize("table", sorted(AFTER))
def test_each_distilled_set_has_random_images_under_its_labels(table: str) -> None:
    settings = shipped("paper", table, *AFTER[table], f"{table}.yaml")
    known = [(row, students(settings, row)) for row in settings.sheet(table).rows_of(StudentRow)]
    random = [
        (row.dataset, row.ipc, row.student, training)
        for row, training in known
        if row.method == "random"
    ]
    for row, training in known:
        # Rows without a variant have a published number alone. No random images have a rate or
        # labels that a set's own method learned.
        if row.ipc is not None and row.variant and '"learned"' not in str(training):
            assert (row.dataset, row.ipc, row.student, training) in random, row


def students(settings: Configuration, row: StudentRow) -> tuple[str | None, str | None]:
    """What a row's students learn from apart from the images."""
    facts = row_facts(settings, row)
    return facts.get("labels"), facts.get("training")


def test_labels_differ_by_teacher_and_training_by_budget() -> None:
    settings = shipped("paper", "sweep", *AFTER["sweep"], "sweep.yaml")
    rows = {
        (row.method, row.fd2, row.variant): row
        for row in settings.sheet("sweep").rows_of(StudentRow)
    }
    found = {names: row_facts(settings, row) for names, row in rows.items()}
    plain, fd2 = (found["sre2lpp", name, "base"] for name in ("plain", "fd2"))
    assert plain["labels"] != fd2["labels"] and plain["training"] == fd2["training"]
    assert plain["without_fd2"] == fd2["without_fd2"]
    fd2_students = students(settings, rows["sre2lpp", "fd2", "base"])
    assert students(settings, rows["sre2lpp", "fd2", "rate-0.1"]) == fd2_students
    for variant in ("teacher-3-epochs", "budget-150-epochs"):
        own = found["sre2lpp", "fd2", variant]
        assert own["labels"] != fd2["labels"] and own["without_fd2"] != plain["without_fd2"]
        pair = (rows[method, "fd2", variant] for method in ("sre2lpp", "random"))
        first, second = (students(settings, row) for row in pair)
        assert first == second
    assert found["full", "plain", "base"] == {}


def test_a_sweep_leaves_the_test_images_alone() -> None:
    settings = shipped("paper", "sweep", *AFTER["sweep"], "sweep.yaml")
    swept, whole = (settings.prepare(name) for name in ("typefaces_held_out", "typefaces"))
    assert {row.dataset for row in settings.sheet("sweep").rows} == {"typefaces_held_out"}
    assert (swept["held_out"], whole["held_out"]) == (0.25, None)
    same = ("kind", "resolution", "options")
    assert [swept[key] for key in same] == [whole[key] for key in same]
    sets = [SetName(name, "sre2lpp", "fd2", "base") for name in ("typefaces_held_out", "typefaces")]
    labels = [settings.relabel(name, 3) for name in sets]
    students = [settings.evaluate(Cell(name, 3, "tf_efficientnet_lite0", seed=0)) for name in sets]
    for here, there in (labels, students):
        assert {**here, "dataset": None} == {**there, "dataset": None}
