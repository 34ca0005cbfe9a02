"""Which rows have other teachers by the same settings, in the sweep that is shipped."""

from __future__ import annotations

from typing import Any

import pytest
from tests.config.test_shipped import AFTER, shipped

from fd2.config.cells import Row
from fd2.config.image_sets import image_set
from fd2.config.resolve import Configuration
from fd2.config.student_trainings import student_training

TABLE = "sweep_teachers"
Told = dict[str, Any]


@pytest.fixture(scope="module")
def settings() -> Configuration:
    return shipped("paper", TABLE, *AFTER[TABLE], f"{TABLE}.yaml")


def told(settings: Configuration, method: str, variant: str) -> tuple[Told, Told]:
    row = Row("typefaces_held_out", method, "fd2", variant, 3, "tf_efficientnet_lite0", ())
    training, images = student_training(settings, row), image_set(settings, row)
    assert training is not None and images is not None
    return training, images


def test_teachers_that_differ_in_their_seed(settings: Configuration) -> None:
    names = [f"whole-mosaics{end}" for end in ("", "-teacher-1", "-teacher-2")]
    trainings, images = zip(*(told(settings, "sre2lpp", name) for name in names), strict=True)
    assert [each["teacher_seeds"] for each in trainings] == [[0], [1], [2]]
    assert [each["teacher_seeds"] for each in images] == [[0], [1], [2]]
    assert len({each["labels"] for each in trainings}) == 3
    assert len({each["labels_of_any_seed"] for each in trainings}) == 1
    assert len({each["recipe"] for each in images}) == 3
    assert len({each["recipe_of_any_seed"] for each in images}) == 1


def test_random_images_share_the_teachers_of_distilled_ones(settings: Configuration) -> None:
    for variant in ("base", "whole-mosaics-teacher-1"):
        training, images = told(settings, "random", variant)
        assert training == told(settings, "sre2lpp", variant)[0]
        assert images["teacher_seeds"] == [], "no teacher chooses them"


def test_teachers_trained_otherwise(settings: Configuration) -> None:
    base, short = told(settings, "sre2lpp", "base"), told(settings, "sre2lpp", "teacher-3-epochs")
    assert base[0]["teacher_seeds"] == short[0]["teacher_seeds"]
    assert base[0]["labels_of_any_seed"] != short[0]["labels_of_any_seed"]
    assert base[1]["recipe_of_any_seed"] != short[1]["recipe_of_any_seed"]


def test_images_made_otherwise_under_the_same_teacher(settings: Configuration) -> None:
    crops, whole = told(settings, "sre2lpp", "base"), told(settings, "sre2lpp", "whole-mosaics")
    assert crops[0] == whole[0]
    assert crops[1]["recipe_of_any_seed"] != whole[1]["recipe_of_any_seed"]
