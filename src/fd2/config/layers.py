"""The config in layers: protocol preset, config files, named overrides, one variant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from fd2.config.stages import BY_NAME, SECTIONS
from fd2.errors import FD2Error, suggest


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


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        FD2Error: if the file is missing, is not YAML, or holds something else.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FD2Error(f"cannot read: {error.strerror}", str(path), "check the path") from error
    except yaml.YAMLError as error:
        raise FD2Error(f"not YAML: {error}", str(path), "mend the file at that line") from error
    if not isinstance(value, dict):
        raise FD2Error("not a mapping of settings", str(path), "write 'key: value' lines")
    return value


def with_protocol(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The config laid over the preset that its ``protocol`` names.

    Args:
        config: merged config files.
        folder: holds ``<protocol>.yaml``.

    Raises:
        FD2Error: if there is no such preset.
    """
    presets = sorted(path.stem for path in folder.glob("*.yaml"))
    name = config.get("protocol")
    if name not in presets:
        raise FD2Error(
            f"unknown protocol {name!r}",
            f"setting 'protocol', {folder}",
            suggest(str(name), presets),
        )
    return merge(read_yaml(folder / f"{name}.yaml"), config)


def check_overrides(config: Mapping[str, Any]) -> None:
    """Refuse an override that looks at what its stage is shared across.

    Raises:
        FD2Error: names the override and the stage.
    """
    for name, override in config.get("overrides", {}).items():
        for stage in override["set"]:
            foreign = sorted(set(override["where"]) - set(BY_NAME[stage].keys))
            if foreign:
                raise FD2Error(
                    f"override '{name}' changes '{stage}' depending on {', '.join(foreign)}",
                    f"setting 'overrides.{name}'",
                    f"'{stage}' can depend on {', '.join(BY_NAME[stage].keys)} only; "
                    "its artefacts are shared by everything else",
                )


def stage_config(
    config: Mapping[str, Any], stage: str, variant: str, context: Mapping[str, object]
) -> dict[str, Any]:
    """One stage's section for one job.

    Args:
        config: the whole config, with its protocol.
        stage: one of `SECTIONS`.
        variant: ``base`` or a name in ``variants``.
        context: the job's names, at least the stage's `keys`.

    Returns:
        The section with all matching overrides, in order, and then the variant laid over it.
    """
    section: dict[str, Any] = config[stage]
    for override in config.get("overrides", {}).values():
        where: Mapping[str, object] = override["where"]
        matches = all(is_among(context.get(key), value) for key, value in where.items())
        if stage in override["set"] and matches:
            section = merge(section, override["set"][stage])
    if variant != "base":
        section = merge(section, config["variants"][variant].get(stage, {}))
    return section


def is_among(actual: object, wanted: object) -> bool:
    """Whether a name is the one that an override looks for, or one of several."""
    return actual in wanted if isinstance(wanted, list) else actual == wanted


def first_section(config: Mapping[str, Any], variant: str) -> str:
    """The first stage that a variant changes."""
    changed = config["variants"][variant]
    return next(stage for stage in SECTIONS if stage in changed)
