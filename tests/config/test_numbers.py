"""Every number of config.yaml and its presets, with each value that is none of its own."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fd2.config.layers import read_layers, with_preset
from fd2.config.names import Cell, SetName, Teacher
from fd2.config.resolve import Configuration
from fd2.config.schema import config_schema
from fd2.config.validation import LARGEST_NUMBER, faults

CONFIG = Path(__file__).resolve().parents[2] / "config"
SHIPPED = with_preset(read_layers(CONFIG / "config.yaml"), CONFIG / "presets")
Keys = tuple[Any, ...]


def numbers(value: Any, keys: Keys = ()) -> Iterator[Keys]:
    """Where numbers stand, in sections, overrides, variants, figures and lists."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(item, (*keys, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield keys


def changed(change: Callable[[Any], Any], keys_of_all: list[Keys]) -> dict[str, Any]:
    """The shipped settings with these values changed."""
    values: Any = copy.deepcopy(dict(SHIPPED))
    for *path, last in keys_of_all:
        parent = values
        for key in path:
            parent = parent[key]
        parent[last] = change(parent[last])
    return values  # type: ignore[no-any-return]


def named(values: dict[str, Any]) -> set[str]:
    """The settings that are refused, each as its message names it."""
    return {fault.what.split("'")[1] for fault in faults(values, config_schema(), "test")}


def test_there_are_many() -> None:
    keys = list(numbers(SHIPPED))
    assert len(keys) > 250
    assert {"overrides", "variants", "pretrain", "figures", "seeds"} <= {path[0] for path in keys}
    assert faults(dict(SHIPPED), config_schema(), "test") == []


@pytest.mark.parametrize(
    "wrong",
    [math.nan, math.inf, -math.inf, -1, -1e-9, 1e30, 10**30, "x", "1e-3", True, [1], {}],
    ids=str,
)
def test_a_value_that_is_none_of_theirs(wrong: object) -> None:
    keys = list(numbers(SHIPPED))
    refused = named(changed(lambda _: wrong, keys))
    expected = {".".join(map(str, path)) for path in keys}
    if wrong == [1]:  # An override may look for several numbers of images.
        expected -= {name for name in expected if name.endswith("where.ipc")}
    assert expected - refused == set()


def test_whole_numbers_are_written_without_a_point() -> None:
    whole = [path for path in numbers(SHIPPED) if isinstance(at(SHIPPED, path), int)]
    as_floats = faults(changed(float, whole), config_schema(), "test")
    assert len(as_floats) > 100
    for fault in as_floats:
        assert "; write " in fault.fix and "a whole number" in fault.fix


def at(values: Any, keys: Keys) -> Any:
    for key in keys:
        values = values[key]
    return values


def test_ranges_the_wrong_way_round() -> None:
    pairs = {path[:-1] for path in numbers(SHIPPED) if path[-1] == 1}
    ranges = [path for path in pairs if at(SHIPPED, path) == sorted(at(SHIPPED, path))]
    ranges = [path for path in ranges if path[-1] not in ("seeds", "slots", "adam_betas")]
    unequal = [path for path in ranges if len(set(at(SHIPPED, path))) == 2]
    assert len(unequal) > 8
    refused = named(changed(lambda pair: pair[::-1], unequal))
    assert refused == {".".join(map(str, path)) for path in unequal}


def test_the_largest_values_that_are_accepted_are_planned() -> None:
    """No crash: what is allowed is only slow, or refused in words by the job that has the data."""
    keys = [path for path in numbers(SHIPPED) if path[0] in ("pretrain", "patches", "distill")]
    keys += [path for path in numbers(SHIPPED) if path[0] in ("relabel", "evaluate", "measure")]
    refused = named(changed(lambda _: LARGEST_NUMBER, keys))
    accepted = [path for path in keys if ".".join(map(str, path)) not in refused]
    ranges = [path for path in accepted if isinstance(path[-1], str)]
    values = changed(lambda _: LARGEST_NUMBER, ranges)
    assert len(ranges) > 20
    settings = Configuration(values, "test", CONFIG)
    name = SetName("elpv", "sre2lpp", "fd2", "base")
    assert settings.pretrain(Teacher("elpv", "resnet18", "cal"))["epochs"] == LARGEST_NUMBER
    assert settings.patches("elpv", "2x2")["crops_per_image"] == LARGEST_NUMBER
    assert settings.distill(name, 0)["slots"] == list(range(settings.slots(name)))
    assert settings.relabel(name, 1)["epochs"] == LARGEST_NUMBER
    assert settings.evaluate(Cell(name, 1, "resnet18", 0))["epochs"] == LARGEST_NUMBER
