"""Whether values fit a schema; of one that does not, where it stands and what to write."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError

from fd2.config import plugins
from fd2.config.yaml_reader import Keys
from fd2.errors import FD2Error, shortened, shown, suggest

#: No setting means more; floats still hold every whole number up to here.
LARGEST_NUMBER = 10**15
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a block of settings",
    "null": "null",
}
_SWITCHES = {
    **dict.fromkeys(("yes", "on", "true", "y", "1"), "true"),
    **dict.fromkeys(("no", "off", "false", "n", "0"), "false"),
}
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


def validate(
    value: object, schema: Mapping[str, Any], source: str, lines: Mapping[Keys, str] | None = None
) -> None:
    """Refuse ``value`` unless it fits ``schema``; the first fault by position is reported.

    Beyond JSON schema, numbers are finite, true is no number and 2.0 no whole one,
    ``ordered: true`` refuses a list whose numbers fall, and ``plugin`` a name that is none of that
    folder's plug-ins.

    Args:
        value: parsed YAML or JSON.
        schema: a JSON schema.
        source: what was read, e.g. the config files' names, for values whose line is not known.
        lines: where settings were written; see `fd2.config.yaml_reader.Layer`.

    Raises:
        FD2Error: names the key, its line, the allowed values or range, and the nearest match.
    """
    for fault in faults(value, schema, source, lines):
        raise fault


def faults(
    value: object, schema: Mapping[str, Any], source: str, lines: Mapping[Keys, str] | None = None
) -> list[FD2Error]:
    """All that `validate` refuses, by position; an unknown key stands before a missing one."""
    errors = sorted(_Validator(dict(schema)).iter_errors(value), key=_position)
    return [_readable(error, schema, source, lines or {}) for error in errors]


def written(keys: Keys, source: str, lines: Mapping[Keys, str]) -> str:
    """Where a setting was written: its name, and the line or at least the files."""
    name = shortened(".".join(map(str, keys)), 80)
    for depth in range(len(keys), 0, -1):
        if keys[:depth] in lines:
            return f"setting '{name}', {lines[keys[:depth]]}"
    return f"setting '{name}' in {source}" if name else source


def _position(error: ValidationError) -> tuple[list[str], bool]:
    return [str(part) for part in error.absolute_path], error.validator == "required"


def _is_number(checker: object, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -LARGEST_NUMBER <= value <= LARGEST_NUMBER  # False for NaN.


def _is_whole_number(checker: object, value: object) -> bool:
    return isinstance(value, int) and _is_number(checker, value)


def _ordered(
    validator: object, ordered: bool, instance: object, schema: object
) -> Iterator[ValidationError]:
    numbers = instance if ordered and isinstance(instance, list) else []
    if all(_is_number(None, number) for number in numbers) and sorted(numbers) != numbers:
        yield ValidationError("falls")


def _plugin(
    validator: object, folder: str, instance: object, schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not plugins.is_known(folder, instance):
        yield ValidationError("unknown")


_Validator: Any = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"ordered": _ordered, "plugin": _plugin},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"number": _is_number, "integer": _is_whole_number}
    ),
)


def _readable(
    error: ValidationError,
    schema: Mapping[str, Any],
    source: str,
    lines: Mapping[Keys, str],
) -> FD2Error:
    keys: Keys = tuple(error.absolute_path)
    rule = error.schema if isinstance(error.schema, Mapping) else {}
    about = f" ({rule['description']})" if "description" in rule else ""
    instance: Any = error.instance
    bound: Any = error.validator_value
    what = f"'{'.'.join(map(str, keys))}' is {shown(instance)}"
    match error.validator:
        case "additionalProperties":
            known = list(rule.get("properties", {}))
            keys = (*keys, next(key for key in instance if key not in known))
            what, fix = f"unknown key {_named(keys)}", suggest(str(keys[-1]), known)
            if elsewhere := list(_elsewhere(schema, str(keys[-1]))):
                fix = f"there is {' and '.join(elsewhere)}; {fix}"
        case "required":
            missing = next(key for key in bound if key not in instance)
            what = f"missing key {_named((*keys, missing))}"
            fix = "add it; config/config.yaml shows each key"
        case "enum":
            fix = suggest(str(instance), map(str, bound)) + about
        case "plugin":
            fix = plugins.known(bound, instance)
        case "type":
            kinds = _kinds(rule)
            fix = f"give {' or '.join(_WORDS[kind] for kind in kinds)}{about}"
            fix += "".join(f"; {nearest}" for nearest in _nearest(instance, kinds))
        case "minimum" | "maximum":
            fix = f"{_range(rule)}{about}; the nearest is {bound}"
        case "exclusiveMinimum" | "exclusiveMaximum":
            fix = f"{_range(rule)}{about}"
        case "ordered":
            fix = f"write the smaller number first: {shown(sorted(instance))}{about}"
        case "pattern" | "maxLength" if "propertyNames" in error.absolute_schema_path:
            keys = (*keys, instance)
            what, fix = f"the name {shown(instance)}", _name_fix(instance, rule)
        case "pattern" | "maxLength":
            fix = "; ".join([_name_fix(instance, rule), *_nearest_of_text(instance, _kinds(rule))])
        case "minItems" | "maxItems":
            exactly = rule.get("minItems") == rule.get("maxItems")
            words = "" if exactly else "at least " if error.validator == "minItems" else "at most "
            fix = f"give {words}{bound} value{'' if bound == 1 else 's'}{about}"
        case "uniqueItems":
            twice = next(item for item in instance if instance.count(item) > 1)
            what, fix = f"{shown(twice)} stands twice in {_named(keys)}", "keep one"
        case "minLength" | "minProperties":
            fix = f"write something, or leave the key out{about}"
        case _:
            fix = f"{error.message}; see workflow/schemas/{about}"
    return FD2Error(what, written(keys, source, lines), fix)


def _named(keys: Keys) -> str:
    return shown(".".join(map(str, keys)))


def _elsewhere(schema: Mapping[str, Any], key: str) -> Iterator[str]:
    """Where else a key stands: at the top of the config, or in its sections."""
    properties = schema.get("properties", {})
    if key in properties and len(properties) > 1:
        yield f"'{key}', which belongs to no block"
    for section, block in properties.items():
        if key in block.get("properties", {}):
            yield f"'{section}.{key}'"


def _kinds(rule: Mapping[str, Any]) -> list[str]:
    kinds: str | list[str] = rule.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def _nearest(value: Any, kinds: list[str]) -> Iterator[str]:
    """What to write where a value of another type was meant."""
    if value is None:
        yield "nothing stands there"
    elif isinstance(value, bool):
        if "string" in kinds:
            yield f'put it in quotes: "{shown(value)}"'
    elif isinstance(value, int | float):
        if {"number", "integer"} & set(kinds):
            if not _is_number(None, value):
                yield f"finite, and at most {LARGEST_NUMBER:.0e}"
            elif value == int(value):
                yield f"write {int(value)}"
        elif "string" in kinds:
            yield f'put it in quotes: "{value}"'
        elif "boolean" in kinds and str(value) in _SWITCHES:
            yield f"write {_SWITCHES[str(value)]}"
    elif isinstance(value, str):
        yield from _nearest_of_text(value, kinds)
    of_one = bool({"string", "number", "integer", "boolean"} & set(kinds))
    if "array" in kinds and isinstance(value, str | int | float) and not of_one:
        yield f"write it in brackets: [{shown(value)}]"
    if isinstance(value, list) and len(value) == 1 and of_one:
        yield "write it without brackets"


def _nearest_of_text(text: str, kinds: list[str]) -> Iterator[str]:
    if "boolean" in kinds and text.lower() in _SWITCHES:
        yield f"write {_SWITCHES[text.lower()]}"
    if {"number", "integer"} & set(kinds):
        bare = text.strip().replace("_", "").replace(" ", "")
        bare = bare.replace(",", ".") if bare.count(",") == 1 else bare
        if re.fullmatch(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?", bare) and bare.count(".") < 2:
            number = float(bare)
            whole = math.isfinite(number) and number == int(number) and "number" not in kinds
            yield f"write {int(number) if whole else bare}, without quotes"


def _range(rule: Mapping[str, Any]) -> str:
    return "give " + " and ".join(
        f"{text} {rule[key]}" for key, text in _BOUNDS.items() if key in rule
    )


def _name_fix(name: str, rule: Mapping[str, Any]) -> str:
    """What names may have, and the nearest that fits."""
    stem = name.removesuffix(".csv").removesuffix(".yaml")
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    near = re.sub(r"[^A-Za-z0-9_]+", "_", plain).strip("_")[: rule.get("maxLength", 80)]
    told = rule.get("description") or f"it does not fit {rule.get('pattern')}"
    fits = near and near != name and re.search(rule.get("pattern", ""), near)
    return f"{told} Write '{near}'." if fits else told
