"""The config in layers: preset, config files, named overrides, one variant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from fd2.config.stages import SECTIONS
from fd2.config.texts import named
from fd2.config.yaml_reader import Keys, Layer, parse_value, read_yaml
from fd2.errors import FD2Error, require_known, shown, suggest

#: In a config file: the files that must stand before it on the command line.
AFTER = "after"
#: Of config files.
SUFFIXES = (".yaml", ".yml", ".json")


def merge(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """``top`` laid over ``base``: mappings merge key by key, everything else is replaced."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def lay_over(base: Layer, top: Layer) -> Layer:
    """As `merge`, with the lines of what is still there."""
    kept = {keys: line for keys, line in base.lines.items() if _shows(top, keys)}
    return Layer(merge(base, top), {**kept, **top.lines})


def _shows(top: Mapping[str, Any], keys: Keys) -> bool:
    """Whether a setting of the layer below is still there with ``top`` over it, and from there."""
    value: Any = top
    for key in keys:
        if not isinstance(value, Mapping):
            return False
        if key not in value:
            return True
        value = value[key]
    return False


def read_layers(
    default: Path, configfiles: Sequence[str | Path] = (), pairs: Sequence[str] = ()
) -> Layer:
    """The config of a command: its files in order, and over them what it sets by itself.

    Args:
        default: ``config.yaml``, which comes first.
        configfiles: of ``--configfile``; later ones win.
        pairs: ``key=value`` of ``--config``, the value as in YAML.

    Raises:
        FD2Error: as `read_yaml`; for a file that stands before one that it needs, is named twice,
            or is a target; for a pair that is none, or a key that is set twice.
    """
    files = _read_in_order([Path(path) for path in configfiles], default.parent)
    return reduce(lay_over, [read_yaml(default), *files, *_given(pairs)])


def _read_in_order(paths: Sequence[Path], folder: Path) -> list[Layer]:
    layers = []
    for position, path in enumerate(paths):
        if path in paths[:position]:
            fix = "name it once; later files win"
            raise FD2Error("a config file named twice", f"--configfile {named(path)}", fix)
        if path.suffix not in SUFFIXES:
            fix = "put targets before --configfile; config files end in .yaml"
            raise FD2Error(f"{shown(named(path))} is no config file", "--configfile", fix)
        layer = read_yaml(path)
        needed = layer.pop(AFTER, [])
        where = layer.lines.get((AFTER,), named(path))
        _require_before(path, needed, paths[:position], folder, where)
        layers.append(layer)
    return layers


def _require_before(
    path: Path, needed: object, before: Sequence[Path], folder: Path, where: str
) -> None:
    if not isinstance(needed, list) or not all(isinstance(name, str) for name in needed):
        raise FD2Error(f"'{AFTER}' is {shown(needed)}", where, "list names of config files")
    others = (name for name in needed if name != Path(name).name or name == path.name)
    if wrong := [*others, *(name for name in needed if Path(name).suffix not in SUFFIXES)]:
        fix = "list the names of other config files, without folders"
        raise FD2Error(f"'{AFTER}' names {shown(wrong[0])}", where, fix)
    missing = [name for name in needed if name not in [other.name for other in before]]
    if missing:
        order = [path.with_name(name) for name in needed]
        order = [one if one.is_file() else folder / one.name for one in order]
        order += [other for other in before if other.name not in needed]
        files = " ".join(named(one) for one in (*order, path))
        what = f"{path.name} needs {missing[0]} before it"
        raise FD2Error(what, where, f"write --configfile {files}")


def _given(pairs: Sequence[str]) -> list[Layer]:
    """A layer for each ``key=value``."""
    layers: dict[str, Layer] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        where = f"--config {key}"
        if not equals or not re.fullmatch(r"\w+", key):
            fix = "write KEY=VALUE with a first key; blocks as in YAML: 'pretrain={epochs: 3}'"
            raise FD2Error(f"{shown(pair)} sets nothing", "--config", fix)
        if key in layers:
            raise FD2Error(f"'{key}' is set twice", where, "set it once")
        layers[key] = Layer({key: parse_value(text, where)}, {(key,): where})
    return list(layers.values())


def with_preset(config: Layer, folder: Path) -> Layer:
    """The config laid over the preset that its ``preset`` names.

    Args:
        config: merged config files.
        folder: holds ``<preset>.yaml``.

    Raises:
        FD2Error: if there is no such preset.
    """
    presets = sorted(path.stem for path in folder.glob("*.yaml"))
    name = config.get("preset")
    if name not in presets:
        where = f"setting 'preset', {config.lines.get(('preset',), named(folder))}"
        raise FD2Error(f"unknown preset {shown(name)}", where, suggest(str(name), presets))
    return lay_over(read_yaml(folder / f"{name}.yaml"), config)


def overrides_of_preset(
    config: Mapping[str, Any], folder: Path, where: Callable[..., str]
) -> dict[str, Any]:
    """The overrides that hold under the config's preset, none of which looks at it any more.

    Args:
        config: the whole config, with its preset.
        folder: holds ``<preset>.yaml``.
        where: tells where a setting was written, by its keys.

    Raises:
        FD2Error: for an override that looks for a preset that there is not.
    """
    presets = {path.stem for path in folder.glob("*.yaml")}
    kept = {}
    for name, override in config["overrides"].items():
        looked_at = dict(override["where"])
        wanted = looked_at.pop("preset", config["preset"])
        for one in wanted if isinstance(wanted, list) else [wanted]:
            require_known("preset", one, presets, where("overrides", name, "where", "preset"))
        if is_among(config["preset"], wanted):
            kept[name] = {**override, "where": looked_at}
    return kept


def stage_config(
    config: Mapping[str, Any], stage: str, variant: str, context: Mapping[str, object]
) -> dict[str, Any]:
    """One stage's section for one job.

    Args:
        config: the whole config, with its preset.
        stage: one of `SECTIONS`.
        variant: ``base`` or a name in ``variants``.
        context: the job's names, at least the stage's `keys`.

    Returns:
        The section with all matching overrides, in order, and then the variant laid over it.
    """
    section: dict[str, Any] = config[stage]
    for override in config.get("overrides", {}).values():
        if stage not in override["set"]:
            continue
        where: Mapping[str, object] = override["where"]
        if all(is_among(context.get(key), value) for key, value in where.items()):
            section = merge(section, override["set"][stage])
    if variant != "base":
        section = merge(section, config["variants"][variant].get(stage, {}))
    return section


def origin(
    config: Mapping[str, Any], stage: str, context: Mapping[str, object], keys: Keys
) -> Keys:
    """The keys at which a value of `stage_config` was written: in the last layer that has it.

    Args:
        config: the whole config, with its preset.
        stage: one of `SECTIONS`.
        context: the job's names, also its ``variant``.
        keys: of the value in the section.
    """
    places: list[Keys] = [("variants", str(context.get("variant", "base")), stage)]
    for name, override in reversed(config["overrides"].items()):
        where: Mapping[str, object] = override["where"]
        if all(is_among(context.get(key), value) for key, value in where.items()):
            places.append(("overrides", name, "set", stage))
    return next(((*p, *keys) for p in places if _has(config, (*p, *keys))), (stage, *keys))


def _has(values: Any, keys: Keys) -> bool:
    for key in keys:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def is_among(actual: object, wanted: object) -> bool:
    """Whether a name is the one that an override looks for, or one of several."""
    return actual in wanted if isinstance(wanted, list) else actual == wanted


def first_section(config: Mapping[str, Any], variant: str) -> str:
    """The first stage that a variant changes."""
    changed = config["variants"][variant]
    return next(stage for stage in SECTIONS if stage in changed)
