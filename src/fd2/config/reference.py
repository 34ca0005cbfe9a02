"""Every setting in one text, from the schemas and the shipped config: ``docs/settings.md``.

``python -m fd2.config.reference > docs/settings.md`` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fd2.config.layers import read_yaml
from fd2.config.schema import SCHEMAS, config_schema

_CONFIG = SCHEMAS.parents[1] / "config"
_HEAD = """\
# Settings

Made by `python -m fd2.config.reference > docs/settings.md` from `workflow/schemas/`, the plug-ins
and `config/`. Do not edit it by hand.

A value in a `--configfile` wins over `config/config.yaml`, and that wins over the preset that
`protocol` names. The columns *paper* and *release* show the values of the presets; a setting has
its value either there or in `config.yaml`. A dash is a value that is not set there. `NAME` is a
name that you choose; where `config.yaml` uses several, the first is shown.
"""
_COLUMNS = ("setting", "allowed", "config.yaml", "paper", "release", "meaning")
_COMPARISONS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "array": "list",
    "object": "block",
}
#: What an override or a variant may hold is the sections themselves; they are not listed again.
_SECTIONS = "#/$defs/stages"


@dataclass(frozen=True)
class _Setting:
    """One line: where it stands, what is allowed, and its path through names to a value."""

    path: tuple[str, ...]
    schema: Mapping[str, Any]
    kind: str | None = None


def settings_reference() -> str:
    """All settings as Markdown: a section with one table for each first key of the config."""
    schema = config_schema()
    sources = [
        read_yaml(path)
        for path in (
            _CONFIG / "config.yaml",
            _CONFIG / "protocols" / "paper.yaml",
            _CONFIG / "protocols" / "release.yaml",
        )
    ]
    parts = [_HEAD]
    for name, section in schema["properties"].items():
        settings = list(_walk((name,), section, schema["$defs"]))
        lines = [_line(setting, sources, schema["$defs"]) for setting in settings]
        alone = settings[0].path == (name,)
        head = [f"## {name}", "", *([] if alone else [section["description"], ""])]
        parts.append("\n".join([*head, _row(_COLUMNS), _row(["---"] * len(_COLUMNS)), *lines, ""]))
    return "\n".join(parts)


def _walk(
    path: tuple[str, ...],
    schema: Mapping[str, Any],
    definitions: Mapping[str, Any],
    kind: str | None = None,
) -> Iterator[_Setting]:
    """Settings below a key: leaves, and the leaves of blocks and of entries that the user names."""
    resolved = _resolve(schema, definitions)
    if schema.get("$ref") == _SECTIONS:
        about = "Sections of stages, in part."
        yield _Setting(path, {"type": "object", "description": about, **schema}, kind)
        return
    for name, child in resolved.get("properties", {}).items():
        yield from _walk((*path, name), child, definitions, kind)
    for case in resolved.get("allOf", ()):
        named = case["if"]["properties"]["kind"]["const"]
        for name, child in case["then"]["properties"].items():
            if name not in resolved["properties"]:
                yield from _walk((*path, name), child, definitions, named)
    entry = resolved.get("additionalProperties")
    if isinstance(entry, Mapping):
        yield from _walk((*path, "NAME"), entry, definitions, kind)
    elif not resolved.get("properties") or isinstance(resolved.get("type"), list):
        yield _Setting(path, resolved, kind)


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema with its reference replaced; what stands beside the reference wins."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {**definitions[reference.rpartition("/")[2]], **beside}


def _line(setting: _Setting, sources: list[dict[str, Any]], definitions: Mapping[str, Any]) -> str:
    schema = setting.schema
    title = f"`{'.'.join(setting.path)}`"
    if setting.kind is not None:
        title += f" (kind {setting.kind})"
    values = [_shown(_find(source, setting.path, setting.kind)) for source in sources]
    return _row([title, _allowed(schema, definitions), *values, schema.get("description", "")])


def _find(values: object, path: tuple[str, ...], kind: str | None) -> list[tuple[str, object]]:
    """The first value at ``path`` with the name it stands under; empty where there is none."""
    if not path:
        return [("", values)]
    if not isinstance(values, Mapping):
        return []
    if path[0] != "NAME":
        return _find(values[path[0]], path[1:], kind) if path[0] in values else []
    for name, entry in values.items():
        fits = kind is None or (isinstance(entry, Mapping) and entry.get("kind") == kind)
        if fits and (found := _find(entry, path[1:], kind)):
            return [(str(name), found[0][1])]
    return []


def _shown(found: list[tuple[str, object]]) -> str:
    if not found:
        return "–"
    name, value = found[0]
    long = isinstance(value, list) and any(isinstance(item, Mapping) for item in value)
    text = f"{len(value)} entries" if long and isinstance(value, list) else _json(value)
    return f"{name}: {text}" if name else text


def _json(value: object) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _allowed(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """The type and range in words: ``whole number, at least 1``, or the allowed words."""
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    kinds = schema.get("type", "string")
    listed = [kinds] if isinstance(kinds, str) else kinds
    text = " or ".join(_TYPES.get(kind, kind) for kind in listed)
    bounds = [f"{words} {schema[key]}" for key, words in _COMPARISONS.items() if key in schema]
    text = ", ".join([text, *bounds])
    if "items" not in schema:
        return text
    count = schema.get("maxItems") if schema.get("minItems") == schema.get("maxItems") else None
    items = _allowed(_resolve(schema["items"], definitions), definitions)
    return f"{text}{f' of {count}' if count else ''}: {items}"


def _row(cells: Any) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    print(settings_reference(), end="")
