"""What settings may be: closed JSON schemas, with those of the plug-ins, and what these refuse."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from fd2.config import plugins
from fd2.config.datasets import refuse_whitened
from fd2.config.names import SetName
from fd2.config.networks import check_batch_norm, check_no_batch_norm
from fd2.config.stages import SECTIONS
from fd2.config.transformers import check_feature_map
from fd2.config.yaml_reader import read_yaml
from fd2.errors import FD2Error

#: Kinds of methods that move all images of a size together, in networks without batch norm.
WHOLE_SETS = ("matching", "trajectories")
#: Why a kind of method has no FD² cells.
_WITHOUT_FD2 = {
    "matching": "FD² acts on the attention of teachers, and the method has none",
    "trajectories": "FD² acts on teachers that images are optimised by, and the method has none",
    "import": "FD² acts while images are made, and others have made these",
}
SCHEMAS = Path(__file__).resolve().parents[3] / "workflow" / "schemas"


@lru_cache(maxsize=1)
def config_schema() -> dict[str, Any]:
    """The whole config's schema: ``config.schema.yaml`` with every plug-in's block put in.

    A method contributes ``distill.methods.<name>``, a regulariser ``distill.regularisers.<name>``
    and ``distill.fd2.regularisers.<name>``, a dataset kind its own keys in ``datasets.<any>``.
    Each is the plug-in's ``SETTINGS_SCHEMA``, so a new plug-in edits no schema file.
    """
    schema: dict[str, Any] = read_yaml(SCHEMAS / "config.schema.yaml")
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
        cases.append(
            {"if": {"required": ["kind"], "properties": {"kind": {"const": name}}}, "then": closed}
        )
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


def check_recipe(
    method: str, settings: Mapping[str, Any], entry: Mapping[str, Any], where: str
) -> None:
    """Refuse networks that a method cannot use, and let an optimising method refuse its settings.

    Args:
        method: a plug-in of ``fd2.methods``.
        settings: the method's.
        entry: the dataset's, whose resolution the settings must fit.
        where: the dataset and the config files, for the error.

    Raises:
        FD2Error: for the first teacher without batch norm, or a matching method's network with it;
            whitened images, unless the method matches or looks through no network; or the method's
            own, of a recipe with ``where`` added.
    """
    plugin = plugins.load("methods", method)
    # One without settings looks through no network.
    if plugin.KIND not in WHOLE_SETS and settings:
        refuse_whitened(entry, f"method '{method}' for {where}")
    if hasattr(plugin, "check"):
        plugin.check(settings)
    if plugin.KIND in WHOLE_SETS:
        here = f"method '{method}' for {where}"
        check_no_batch_norm(settings["network"], here)
        check_feature_map([settings["network"]], here, "images are matched by their maps")
    if plugin.KIND == "trajectories":
        maps = "activation maps are computed from it"
        check_feature_map(settings["teachers"], f"method '{method}' for {where}", maps)
    if plugin.KIND not in ("optimisation", "trajectories"):
        return
    try:
        # Whether a trajectory's settings fit each other depends on no number of images.
        plugin.recipe(settings, entry["resolution"] if plugin.KIND == "optimisation" else 1)
    except FD2Error as error:
        raise FD2Error(error.what, f"{error.where} for {where}", error.fix) from error
    if plugin.KIND == "optimisation":
        check_batch_norm(settings["teachers"], f"method '{method}' for {where}")


def require_fd2(set_name: SetName, kind: str) -> None:
    """Refuse an FD² cell of a kind of method that has none.

    Raises:
        FD2Error: with the reason.
    """
    if reason := _WITHOUT_FD2.get(kind):
        what = f"method '{set_name.method}' with FD²"
        raise FD2Error(what, str(set_name), f"ask for 'plain': {reason}")


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
