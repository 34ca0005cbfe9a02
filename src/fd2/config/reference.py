"""Every setting in one text, from the schemas and the shipped config: ``docs/settings.md``.

``python -m fd2.config.reference > docs/settings.md`` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fd2.config.schema import SCHEMAS, config_schema
from fd2.config.yaml_reader import read_yaml

_CONFIG = SCHEMAS.parents[1] / "config"
_HEAD = """\
# Settings

Made by `python -m fd2.config.reference > docs/settings.md` from `workflow/schemas/`, the plug-ins
and `config/`. Do not edit it by hand.

A value in a `--configfile` wins over `config/config.yaml`, and that wins over the preset that
`preset` names. The columns *paper* and *release* show the values of the presets; a setting has
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
_METHODS = ("distill", "methods")
#: Settings from which on a method's are not listed again.
_REPEATED = 5
#: Where a setting stands, its schema, and the kind of dataset or figure that has it.
_Setting = tuple[tuple[str, ...], Mapping[str, Any], str | None]


def settings_reference() -> str:
    """All settings as Markdown: a section with one table for each first key of the config."""
    schema = config_schema()
    names = ("config", "presets/paper", "presets/release")
    sources = [read_yaml(_CONFIG / f"{name}.yaml") for name in names]
    parts = [_HEAD]
    for name, section in _resolved(schema["properties"], schema["$defs"]).items():
        settings = list(_without_repeats(list(_walk((name,), section)), sources))
        alone = settings[0][0] == (name,)
        head = [f"## {name}", "", *([] if alone else [section["description"], ""])]
        lines = [_line(*setting, sources) for setting in settings]
        parts.append("\n".join([*head, _row(_COLUMNS), _row(["---"] * len(_COLUMNS)), *lines, ""]))
    return "\n".join(parts)


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with its references replaced; what stands beside a reference wins."""
    if isinstance(schema, list):
        return [_resolved(item, definitions) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    resolved = {key: _resolved(value, definitions) for key, value in schema.items()}
    reference = resolved.pop("$ref", None)
    if reference == _SECTIONS:
        return {"type": "object", "description": "Sections of stages, in part.", **resolved}
    if reference is None:
        return resolved
    return {**_resolved(definitions[reference.rpartition("/")[2]], definitions), **resolved}


def _walk(
    path: tuple[str, ...], schema: Mapping[str, Any], kind: str | None = None
) -> Iterator[_Setting]:
    """Settings below a key: leaves, and the leaves of blocks and of entries that the user names."""
    for name, child in schema.get("properties", {}).items():
        yield from _walk((*path, name), child, kind)
    for case in schema.get("allOf", ()):
        named = case["if"]["properties"]["kind"]["const"]
        for name, child in case["then"]["properties"].items():
            if name not in schema["properties"]:
                yield from _walk((*path, name), child, named)
    entry = schema.get("additionalProperties")
    if isinstance(entry, Mapping):
        yield from _walk((*path, "NAME"), entry, kind)
    elif not schema.get("properties") or isinstance(schema.get("type"), list):
        yield path, schema, kind


def _without_repeats(
    settings: Sequence[_Setting], sources: Sequence[Mapping[str, Any]]
) -> Iterator[_Setting]:
    """Of a method with the settings of an earlier one: a line that says so, and what it changes."""
    methods: dict[tuple[str, ...], list[_Setting]] = {}
    for setting in settings:
        methods.setdefault(setting[0][:3], []).append(setting)
    known: dict[str, tuple[str, ...]] = {}
    for name, own in methods.items():
        below = json.dumps([(path[3:], schema) for path, schema, _ in own], sort_keys=True)
        first = known.setdefault(below, name)
        if name[:2] != _METHODS or first == name or len(own) < _REPEATED:
            yield from own
            continue
        text = f"As `{'.'.join(first)}`; those of other values follow."
        yield name, {"type": "object", "description": text, "repeats": True}, None
        for path, schema, kind in own:
            other = (*first, *path[3:])
            if any(_find(each, path, kind) != _find(each, other, kind) for each in sources):
                yield path, schema, kind


def _line(
    path: tuple[str, ...],
    schema: Mapping[str, Any],
    kind: str | None,
    sources: Sequence[Mapping[str, Any]],
) -> str:
    title = f"`{'.'.join(path)}`" + (f" (kind {kind})" if kind else "")
    found = [None if "repeats" in schema else _find(source, path, kind) for source in sources]
    values = [_shown(each) for each in found]
    return _row([title, _allowed(schema), *values, schema.get("description", "")])


def _find(values: object, path: tuple[str, ...], kind: str | None) -> tuple[str, object] | None:
    """The first value at ``path`` with the name that the user chose on the way, if one."""
    if not path:
        return "", values
    if not isinstance(values, Mapping):
        return None
    if path[0] != "NAME":
        return _find(values[path[0]], path[1:], kind) if path[0] in values else None
    for name, entry in values.items():
        fits = kind is None or (isinstance(entry, Mapping) and entry.get("kind") == kind)
        if fits and (found := _find(entry, path[1:], kind)):
            return str(name), found[1]
    return None


def _shown(found: tuple[str, object] | None) -> str:
    if found is None:
        return "–"
    name, value = found
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        text = f"{len(value)} entries"
    else:
        text = f"`{json.dumps(value, ensure_ascii=False)}`"
    return f"{name}: {text}" if name else text


def _allowed(schema: Mapping[str, Any]) -> str:
    """The type and range in words: ``whole number, at least 1``, or the allowed words."""
    if "enum" in schema:
        return ", ".join(f"`{'null' if word is None else word}`" for word in schema["enum"])
    if "plugin" in schema:
        return f"name of one of the {schema['plugin']}"
    kinds = schema.get("type", "string")
    listed = [kinds] if isinstance(kinds, str) else kinds
    text = " or ".join(_TYPES.get(kind, kind) for kind in listed)
    bounds = [f"{words} {schema[key]}" for key, words in _COMPARISONS.items() if key in schema]
    text = ", ".join([text, *bounds])
    if "items" not in schema:
        return text
    count = schema.get("maxItems") if schema.get("minItems") == schema.get("maxItems") else None
    own, other = text.split(" or null")[0], "; or null" if "null" in listed else ""
    return f"{own}{f' of {count}' if count else ''}: {_allowed(schema['items'])}{other}"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    print(settings_reference(), end="")
