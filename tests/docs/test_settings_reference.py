"""docs/settings.md is what the schemas and the config say today."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from fd2.config.layers import merge, read_yaml
from fd2.config.reference import settings_reference
from fd2.config.schema import SCHEMAS


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths to the values of nested mappings."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from leaves(child, (*path, str(key)))
    else:
        yield path


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """A mapping and all mappings inside it."""
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from mappings(child)


def rows() -> list[list[str]]:
    lines = [line for line in settings_reference().splitlines() if line.startswith("| `")]
    return [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]


def test_the_committed_file_is_current(repository: Path) -> None:
    committed = (repository / "docs" / "settings.md").read_text(encoding="utf-8")
    assert committed == settings_reference(), (
        "make it again: python -m fd2.config.reference > docs/settings.md"
    )


def test_every_row_has_six_cells() -> None:
    assert {len(row) for row in rows()} == {6}


def test_every_shipped_setting_is_listed(repository: Path) -> None:
    config = read_yaml(repository / "config" / "config.yaml")
    for preset in ("paper", "release"):
        below = read_yaml(repository / "config" / "presets" / f"{preset}.yaml")
        config = merge(below, config)
    listed = {row[0].split("`")[1] for row in rows()}
    named = ("figures", "datasets", "overrides", "variants")
    for path in leaves(config):
        spelt = [*path[:1], "NAME", *path[2:]] if path[0] in named and len(path) > 1 else path
        if path[0] == "detection":
            spelt = [*path[:2], "NAME", *path[3:]]
        if path == ("complexity", "groups"):  # none are shipped
            spelt = [*path, "NAME", "classes"]
        prefixes = {".".join(spelt[: n + 1]) for n in range(len(spelt))}
        assert prefixes & listed, f"{'.'.join(path)} is not in the reference"


def test_values_stand_in_their_columns() -> None:
    found = {row[0]: row[1:5] for row in rows()}
    assert found["`distill.fd2.regularisers.characteristic.weight`"] == [
        "number, at least 0",
        "–",
        "`0.8`",
        "`0.9`",
    ]
    assert found["`seeds`"][:2] == ["list: whole number, at least 0", "`[0, 1, 2]`"]
    assert found["`patches.images_scored`"][2:] == ["`null`", '`"smallest_class"`']
    assert found["`datasets.NAME.split` (kind elpv)"][1] == 'elpv: `"module"`'


def test_every_setting_has_a_whole_sentence() -> None:
    """A comma in an unquoted YAML flow mapping ends a description and starts a stray key."""
    schema = yaml.safe_load((SCHEMAS / "config.schema.yaml").read_text())
    assert [key for node in mappings(schema) for key, value in node.items() if value is None] == []
    assert [row[0] for row in rows() if not row[5].strip()] == []
