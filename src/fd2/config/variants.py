"""Whether a variant changes anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fd2.config.layers import is_among
from fd2.errors import FD2Error


def require_change(
    config: Mapping[str, Any], name: str, context: Mapping[str, object], where: str
) -> None:
    """Refuse a variant whose artefacts would only repeat those of ``base``.

    Asked when an artefact of the variant is, so that a variant that nobody uses may stand in a
    config that has its value already.

    Args:
        config: the whole config, with its preset.
        name: ``base``, which passes, or a name in ``variants``.
        context: the artefact's other names, e.g. its dataset; overrides for others do not count.
        where: the variant stands, for the error.

    Raises:
        FD2Error: if every value of the variant is the config's own.
    """
    if name == "base" or _changes(config, config["variants"][name], context):
        return
    raise FD2Error(
        f"variant '{name}' repeats 'base': under preset '{config['preset']}' each of its "
        "values is the config's own",
        where,
        "ask for 'base', or give the variant another value",
    )


def _changes(
    config: Mapping[str, Any], variant: Mapping[str, Any], context: Mapping[str, object]
) -> bool:
    layers = [config]
    for override in config["overrides"].values():
        known = {key: value for key, value in override["where"].items() if key in context}
        if all(is_among(context[key], value) for key, value in known.items()):
            layers.append(override["set"])
    return any(
        value != there
        for path, value in leaves(variant)
        for layer in layers
        for there in _at(layer, path)
    )


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Values of nested mappings, each with its keys from the outside in."""
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from leaves(below, (*path, key))
    else:
        yield path, value


def _at(layer: object, path: tuple[str, ...]) -> Iterator[object]:
    """What stands at a path; nothing where a layer does not reach so far."""
    for key in path:
        if not isinstance(layer, Mapping) or key not in layer:
            return
        layer = layer[key]
    yield layer
