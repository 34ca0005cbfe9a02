"""Which rows are other sets or have other teachers by the same settings, in shipped sweeps."""

from __future__ import annotations

import pytest
from tests.config.test_shipped import AFTER, shipped

from fd2.config.resolve import Configuration
from fd2.config.row_facts import row_facts
from fd2.config.rows import StudentRow


@pytest.fixture(scope="module")
def sets() -> Configuration:
    return shipped("paper", "sweep_sets", *AFTER["sweep_sets"], "sweep_sets.yaml")


@pytest.fixture(scope="module")
def teachers() -> Configuration:
    return shipped("paper", "sweep_teachers", *AFTER["sweep_teachers"], "sweep_teachers.yaml")


def facts(settings: Configuration, method: str, fd2: str, variant: str) -> dict[str, str]:
    row = StudentRow("typefaces_held_out", method, fd2, variant, 3, "tf_efficientnet_lite0", ())
    return row_facts(settings, row)


@pytest.mark.parametrize("setting", ["", "no-constraints", "whole-images", "whole-mosaics"])
def test_three_sets_of_each_setting(sets: Configuration, setting: str) -> None:
    names = [f"{setting}-{end}".strip("-") for end in ("", "set-1", "set-2")]
    found = [facts(sets, "sre2lpp", "fd2", name or "base") for name in names]
    assert len({each["images"] for each in found}) == 1
    assert [each["image_seeds"] for each in found] == ["[0, 0]", "[1, 1]", "[2, 2]"]


def test_what_is_changed_makes_other_images(sets: Configuration) -> None:
    names = ("base", "no-constraints", "whole-images", "whole-mosaics", "whole-images-rate-0.005")
    assert len({facts(sets, "sre2lpp", "fd2", name)["images"] for name in names}) == len(names)
    with_fd2, plain = (facts(sets, "sre2lpp", fd2, "base") for fd2 in ("fd2", "plain"))
    assert with_fd2["images"] != plain["images"]


def test_another_teacher_makes_other_images(sets: Configuration) -> None:
    base, short = (facts(sets, "sre2lpp", "fd2", v) for v in ("base", "teacher-3-epochs"))
    assert base["image_seeds"] == short["image_seeds"] and base["images"] != short["images"]


def test_the_teacher_of_a_selection_is_no_part_of_its_images(sets: Configuration) -> None:
    plain, cal = (facts(sets, "random", fd2, "set-1") for fd2 in ("plain", "fd2"))
    assert plain["image_seeds"] == "[1]"
    assert all(plain[key] == cal[key] for key in plain if "image" in key)


def test_a_selection_of_patches_has_their_seed_alone(sets: Configuration) -> None:
    assert facts(sets, "rded", "fd2", "set-2")["image_seeds"] == "[2]"


def test_what_a_row_would_be_without_fd2(sets: Configuration) -> None:
    plain = facts(sets, "sre2lpp", "plain", "base")["without_fd2"]
    names = ("base", "no-constraints", "set-1", "teacher-1", "similarity-alone-group-2")
    for name in names:
        assert facts(sets, "sre2lpp", "fd2", name)["without_fd2"] == plain, name
    others = ("whole-images", "rate-0.1", "iterations-20", "batch-norm-0.1", "teacher-3-epochs")
    found = {facts(sets, "sre2lpp", "fd2", name)["without_fd2"] for name in others}
    assert len(found) == len(others) and plain not in found
    for name in others:
        without = facts(sets, "sre2lpp", "plain", name)["without_fd2"]
        assert without == facts(sets, "sre2lpp", "fd2", name)["without_fd2"]


def test_full_data_has_no_facts(sets: Configuration) -> None:
    row = StudentRow("typefaces_held_out", "full", "plain", "base", None, "resnet18", ())
    assert row_facts(sets, row) == {}


def test_teachers_that_differ_in_their_seed(teachers: Configuration) -> None:
    names = [f"whole-mosaics{end}" for end in ("", "-teacher-1", "-teacher-2")]
    found = [facts(teachers, "sre2lpp", "fd2", name) for name in names]
    assert [each["teacher_seeds"] for each in found] == [f"[[{s}], [{s}]]" for s in range(3)]
    for key in ("labels", "images"):
        assert len({each[key] for each in found}) == 3
        assert len({each[f"{key}_of_any_teacher"] for each in found}) == 1


def test_random_images_share_the_teachers_of_distilled_ones(teachers: Configuration) -> None:
    for variant, seed in (("base", 0), ("whole-mosaics-teacher-1", 1)):
        random, distilled = (facts(teachers, m, "fd2", variant) for m in ("random", "sre2lpp"))
        for key in ("initialisation", "labels", "labels_of_any_teacher", "training"):
            assert random[key] == distilled[key]
        assert random["teacher_seeds"] == f"[[{seed}], []]", "no teacher chooses them"


def test_teachers_trained_otherwise(teachers: Configuration) -> None:
    base, short = (facts(teachers, "sre2lpp", "fd2", v) for v in ("base", "teacher-3-epochs"))
    assert base["teacher_seeds"] == short["teacher_seeds"]
    assert base["labels_of_any_teacher"] != short["labels_of_any_teacher"]
    assert base["images_of_any_teacher"] != short["images_of_any_teacher"]


def test_images_made_otherwise_under_the_same_teacher(teachers: Configuration) -> None:
    crops, whole = (facts(teachers, "sre2lpp", "fd2", v) for v in ("base", "whole-mosaics"))
    assert (crops["labels"], crops["training"]) == (whole["labels"], whole["training"])
    assert crops["images_of_any_teacher"] != whole["images_of_any_teacher"]
