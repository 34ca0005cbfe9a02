"""A user's own term is one new file and a line of the config, for plain and for FD² cells."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import fd2.regularisers
from fd2.artifacts.images import read_slots
from fd2.config.checks import checked_configuration
from fd2.config.layers import merge, read_yaml
from fd2.config.names import SetName
from fd2.config.resolve import Configuration
from fd2.config.schema import config_schema, regularisers_of
from fd2.errors import FD2Error

if TYPE_CHECKING:
    from tests.conftest import Chain

CONFIG = Path(__file__).resolve().parents[2] / "config"
CELL = ("elpv", "sre2lpp")
OWN = '''
"""Darkens the images."""

from fd2.regularisers._interface import Regulariser

SETTINGS_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["weight"],
    "properties": {"weight": {"type": "number", "minimum": 0, "description": "Factor."}},
}


def build(settings):
    """The mean pixel."""
    return Regulariser(settings["weight"], lambda step: step.images.mean())
'''


@pytest.fixture
def _brightness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A second folder of regularisers with one new file."""
    (tmp_path / "fd2" / "regularisers").mkdir(parents=True)
    (tmp_path / "fd2" / "regularisers" / "brightness.py").write_text(OWN)
    monkeypatch.setattr(fd2, "__path__", [*fd2.__path__, str(tmp_path / "fd2")])
    folders = [*fd2.regularisers.__path__, str(tmp_path / "fd2" / "regularisers")]
    monkeypatch.setattr(fd2.regularisers, "__path__", folders)
    config_schema.cache_clear()
    yield
    config_schema.cache_clear()
    if sys.modules.pop("fd2.regularisers.brightness", None):
        del fd2.regularisers.brightness  # type: ignore[attr-defined]


def configured(distill: dict[str, Any]) -> Configuration:
    values = merge(read_yaml(CONFIG / "config.yaml"), {"distill": distill})
    return checked_configuration(values, "mine.yaml", CONFIG)


@pytest.mark.usefixtures("_brightness")
@pytest.mark.parametrize("fd2_name", ["plain", "fd2"])
def test_an_own_pixel_term_shapes_the_images(chain: Chain, tmp_path: Path, fd2_name: str) -> None:
    own = {"brightness": {"weight": 50.0}}
    settings = configured({"regularisers": own})
    terms = settings.distill(SetName(*CELL, fd2_name, "base"), 0)["regularisers"]
    assert terms["brightness"] == own["brightness"]
    cell: dict[str, Any] = {"fd2": fd2_name, "slots": (0,)}
    teacher = chain.cal
    if fd2_name == "plain":
        cell |= {"cal_ratio": 0.0, "regularisers": {}}
        teacher = chain.plain
    without = chain.distill_settings(**cell)
    cell["regularisers"] = {**without.regularisers, **own}
    base, darker = (
        read_slots(chain.group(tmp_path / f"{number}.st", each, teachers=[teacher])).images
        for number, each in enumerate((without, chain.distill_settings(**cell)))
    )
    assert darker.double().mean() < base.double().mean() - 1


@pytest.mark.usefixtures("_brightness")
def test_a_misspelt_setting_of_an_own_term_is_refused() -> None:
    with pytest.raises(FD2Error, match=r"regularisers\.brightness\.wieght") as refused:
        configured({"regularisers": {"brightness": {"weight": 1, "wieght": 1}}})
    assert "'weight'" in refused.value.fix


def test_terms_of_fd2_come_on_top_of_those_of_all_cells() -> None:
    settings = configured({"regularisers": {"total_variation": {"weight": 0.5}}})
    plain, both = (settings.distill(SetName(*CELL, name, "base"), 0) for name in ("plain", "fd2"))
    assert plain["regularisers"] == {"total_variation": {"weight": 0.5}}
    assert list(both["regularisers"]) == ["total_variation", "characteristic", "similarity"]


def test_a_term_for_all_cells_and_for_fd2_is_refused() -> None:
    twice = {"total_variation": {"weight": 0.5}}
    with pytest.raises(FD2Error, match="'total_variation' is set twice") as refused:
        configured({"regularisers": twice, "fd2": {"regularisers": twice}})
    assert "'distill.fd2.regularisers'" in refused.value.where and refused.value.fix


def test_a_term_that_needs_the_head_is_refused_for_plain_cells_before_any_job() -> None:
    own = {"weight": 0.5, "crop": "shared"}
    section: dict[str, Any] = {"regularisers": {"similarity": own}, "fd2": {"regularisers": {}}}
    assert regularisers_of(section, "fd2", "data") == {"similarity": own}
    with pytest.raises(FD2Error, match="needs teachers with an attention head") as refused:
        regularisers_of(section, "plain", "data")
    assert refused.value.where == "setting 'distill.regularisers.similarity' for data"
    off = {"similarity": {**own, "weight": 0}}
    assert regularisers_of({**section, "regularisers": off}, "plain", "data") == off
