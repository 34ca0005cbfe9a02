"""Which rows are other sets by the same settings, in the sweep that is shipped."""

from __future__ import annotations

from typing import Any

import pytest
from tests.config.test_shipped import AFTER, shipped

from fd2.config.cells import Row
from fd2.config.image_sets import image_set
from fd2.config.resolve import Configuration

TABLE = "sweep_sets"


@pytest.fixture(scope="module")
def settings() -> Configuration:
    return shipped("paper", TABLE, *AFTER[TABLE], f"{TABLE}.yaml")


def made(settings: Configuration, method: str, fd2: str, variant: str) -> dict[str, Any]:
    row = Row("typefaces_held_out", method, fd2, variant, 3, "tf_efficientnet_lite0", ())
    found = image_set(settings, row)
    assert found is not None
    return found


@pytest.mark.parametrize("setting", ["", "no-constraints", "whole-images", "whole-mosaics"])
def test_three_sets_of_each_setting(settings: Configuration, setting: str) -> None:
    names = [f"{setting}-{end}".strip("-") for end in ("", "set-1", "set-2")]
    sets = [made(settings, "sre2lpp", "fd2", name or "base") for name in names]
    assert sets[0]["recipe"] == sets[1]["recipe"] == sets[2]["recipe"]
    assert [each["seeds"] for each in sets] == [[0, 0], [1, 1], [2, 2]]


def test_what_is_changed_makes_another_recipe(settings: Configuration) -> None:
    names = ("base", "no-constraints", "whole-images", "whole-mosaics", "whole-images-rate-0.005")
    assert len({made(settings, "sre2lpp", "fd2", name)["recipe"] for name in names}) == len(names)
    with_fd2, plain = (made(settings, "sre2lpp", fd2, "base") for fd2 in ("fd2", "plain"))
    assert with_fd2["recipe"] != plain["recipe"]


def test_another_teacher_makes_another_recipe(settings: Configuration) -> None:
    base, short = (made(settings, "sre2lpp", "fd2", v) for v in ("base", "teacher-3-epochs"))
    assert base["seeds"] == short["seeds"] and base["recipe"] != short["recipe"]


def test_the_teacher_of_a_selection_is_no_part_of_it(settings: Configuration) -> None:
    plain, cal = (made(settings, "random", fd2, "set-1") for fd2 in ("plain", "fd2"))
    assert plain["seeds"] == [1] and cal == plain


def test_a_selection_of_patches_has_their_seed_alone(settings: Configuration) -> None:
    assert made(settings, "rded", "fd2", "set-2")["seeds"] == [2]


def test_what_a_row_would_be_without_fd2(settings: Configuration) -> None:
    plain = made(settings, "sre2lpp", "plain", "base")
    names = ("base", "no-constraints", "set-1", "teacher-1", "similarity-alone-group-2")
    for name in names:
        assert made(settings, "sre2lpp", "fd2", name)["without_fd2"] == plain["without_fd2"], name
    others = ("whole-images", "rate-0.1", "iterations-20", "batch-norm-0.1", "teacher-3-epochs")
    found = {made(settings, "sre2lpp", "fd2", name)["without_fd2"] for name in others}
    assert len(found) == len(others) and plain["without_fd2"] not in found
    for name in others:
        without = made(settings, "sre2lpp", "plain", name)
        assert without["without_fd2"] == made(settings, "sre2lpp", "fd2", name)["without_fd2"]


def test_full_data_has_no_images(settings: Configuration) -> None:
    row = Row("typefaces_held_out", "full", "plain", "base", None, "tf_efficientnet_lite0", ())
    assert image_set(settings, row) is None
