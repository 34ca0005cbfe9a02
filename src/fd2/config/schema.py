"""What settings may be: closed JSON schemas, with those of the plug-ins, and what these refuse."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from jsonschema.exceptions import ValidationError

from fd2.config import plugins
from fd2.config.stages import SECTIONS
from fd2.errors import FD2Error, suggest

SCHEMAS = Path(__file__).resolve().parents[3] / "workflow" / "schemas"


@lru_cache(maxsize=1)
def config_schema() -> dict[str, Any]:
    """The whole config's schema: ``config.schema.yaml`` with every plug-in's block put in.

    A method contributes ``distill.methods.<name>``, a regulariser ``distill.regularisers.<name>``
    and ``distill.fd2.regularisers.<name>``, a dataset kind its own keys in ``datasets.<any>``.
    Each is the plug-in's ``SETTINGS_SCHEMA``, so a new plug-in edits no schema file.
    """
    schema: dict[str, Any] = yaml.safe_load(
        (SCHEMAS / "config.schema.yaml").read_text(encoding="utf-8")
    )
    distill = schema["properties"]["distill"]["properties"]
    for block, folder in (
        (distill["methods"], "methods"),
        (distill["regularisers"], "regularisers"),
        (distill["fd2"]["properties"]["regularisers"], "regularisers"),
    ):
        block["properties"] = {
            name: plugins.load(folder, name).SETTINGS_SCHEMA for name in plugins.names(folder)
        }
    datasets = schema["properties"]["datasets"]
    datasets["additionalProperties"] = _by_kind(datasets["additionalProperties"], "datasets")
    kind = {"type": "string", "description": "File in src/fd2/figures that draws it."}
    figure = {"type": "object", "required": ["kind"], "properties": {"kind": kind}}
    schema["properties"]["figures"]["additionalProperties"] = _by_kind(figure, "figures")
    backbones = {"type": "string", "enum": plugins.names("backbones")}
    schema["$defs"] = {**schema.get("$defs", {}), "backbone": backbones}
    partial = {name: _without_required(schema["properties"][name]) for name in SECTIONS}
    schema["$defs"]["stages"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": partial,
        "minProperties": 1,
    }
    return schema


def _by_kind(common: dict[str, Any], folder: str) -> dict[str, Any]:
    """An entry whose ``kind`` names a plug-in: the common keys and those of that plug-in."""
    kinds = plugins.names(folder)
    cases = []
    for name in kinds:
        own = plugins.load(folder, name).SETTINGS_SCHEMA
        closed = {
            "additionalProperties": False,
            "properties": {**common["properties"], **own["properties"]},
            "required": [*common["required"], *own.get("required", [])],
        }
        cases.append({"if": {"properties": {"kind": {"const": name}}}, "then": closed})
    kind = {**common["properties"]["kind"], "enum": kinds}
    return {
        "type": "object",
        "required": common["required"],
        "properties": {**common["properties"], "kind": kind},
        "allOf": cases,
    }


def _without_required(schema: Any) -> Any:
    """The same schema for a partial block, as overrides and variants write them."""
    if isinstance(schema, list):
        return [_without_required(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: _without_required(v) for k, v in schema.items() if k != "required"}


def validate(value: object, schema: Mapping[str, Any], source: str) -> None:
    """Refuse ``value`` unless it fits ``schema``; the first fault by position is reported.

    Args:
        value: parsed YAML or JSON.
        schema: a JSON schema.
        source: what was read, e.g. the config files' names, for the error.

    Raises:
        FD2Error: names the key's path, the allowed values or range, and the nearest match.
    """
    validator = jsonschema.Draft202012Validator(dict(schema))
    errors = sorted(validator.iter_errors(value), key=lambda e: [str(p) for p in e.absolute_path])
    if errors:
        raise _readable(errors[0], source)


def _readable(error: ValidationError, source: str) -> FD2Error:
    path = ".".join(str(part) for part in error.absolute_path)
    here = f"setting '{path}' in {source}" if path else source
    prefix = f"{path}." if path else ""
    rule = error.schema if isinstance(error.schema, Mapping) else {}
    about = f" ({rule['description']})" if "description" in rule else ""
    instance: Any = error.instance
    bound: Any = error.validator_value
    what = f"'{path}' is {instance!r}"
    match error.validator:
        case "additionalProperties":
            known = list(rule.get("properties", {}))
            unknown = next(str(key) for key in instance if key not in known)
            return FD2Error(f"unknown key '{prefix}{unknown}'", here, suggest(unknown, known))
        case "enum":
            return FD2Error(what, here, suggest(str(instance), bound) + about)
        case "type":
            wanted = " or ".join(bound) if isinstance(bound, list) else str(bound)
            return FD2Error(what, here, f"give {wanted}{about}")
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            return FD2Error(what, here, f"{_range(rule)}{about}")
        case "required":
            missing = next(key for key in bound if key not in instance)
            fix = "add it; config/config.yaml shows each key"
            return FD2Error(f"missing key '{prefix}{missing}'", here, fix)
    return FD2Error(f"'{path}': {error.message}", here, f"see workflow/schemas/{about}")


def _range(rule: Mapping[str, Any]) -> str:
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
    }
    return "give " + " and ".join(
        f"{text} {rule[key]}" for key, text in words.items() if key in rule
    )


def check_recipe(method: str, settings: Mapping[str, Any], resolution: int, where: str) -> None:
    """Let an optimising method refuse settings that do not fit the dataset's resolution.

    Args:
        method: a plug-in of ``fd2.methods``; one that selects images refuses nothing.
        settings: the method's.
        resolution: of the images in pixels.
        where: the dataset and the config files, for the error.

    Raises:
        FD2Error: the method's own, with ``where`` added.
    """
    plugin = plugins.load("methods", method)
    if plugin.KIND != "optimisation":
        return
    try:
        plugin.recipe(settings, resolution)
    except FD2Error as error:
        raise FD2Error(error.what, f"{error.where} for {where}", error.fix) from error


def regularisers_of(section: Mapping[str, Any], fd2: str, where: str) -> dict[str, Any]:
    """Settings by name of the regularisers of a cell.

    Args:
        section: ``distill`` of the config, for the cell.
        fd2: ``fd2`` adds those of ``distill.fd2`` to those of all cells; ``plain`` does not.
        where: the dataset and the config files, for the error.

    Raises:
        FD2Error: if a name is set for all cells and for FD² cells, or if one of positive weight
            needs the attention head that teachers of plain cells do not have.
    """
    common, of_fd2 = section["regularisers"], section["fd2"]["regularisers"]
    for name in sorted(set(common) & set(of_fd2)):
        raise FD2Error(
            f"regulariser '{name}' is set twice",
            f"settings 'distill.regularisers' and 'distill.fd2.regularisers' for {where}",
            "keep the first for all cells, or the second for FD² cells alone",
        )
    if fd2 == "fd2":
        return {**common, **of_fd2}
    for name, values in common.items():
        term = plugins.load("regularisers", name).build(values)
        if term.weight > 0 and (term.needs_head or term.earlier_attention):
            raise FD2Error(
                f"regulariser '{name}' needs teachers with an attention head, plain ones have none",
                f"setting 'distill.regularisers.{name}' for {where}",
                "move it to 'distill.fd2.regularisers', or set its weight to 0",
            )
    return dict(common)
