"""Kinds of scored crops: those that methods share, those of one method alone, and of variants.

A kind is a file's name: ``1x1`` and ``2x2`` are shared, a method's name stands for crops of its
own, and either may have ``-`` and a variant behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.config.names import SetName

#: Crops of the patches that methods share, along and across.
TILINGS = ("1x1", "2x2")


def patch_kinds(config: Mapping[str, Any]) -> list[str]:
    """Every kind of a config.

    A variant of the teacher alone keeps the shared patches: another, plain teacher scores them.
    """
    methods = config["distill"]["methods"]
    own = [name for name in methods if owns_patches(methods[name])]
    return [
        kind if variant == "base" else f"{kind}-{variant}"
        for kind in (*TILINGS, *own)
        for variant in ("base", *config["variants"])
        if variant == "base" or _is_changed(config, kind, variant)
    ]


def patch_kind(
    config: Mapping[str, Any], set_name: SetName, method_settings: Mapping[str, Any]
) -> str | None:
    """What a set's method starts from or selects; None if it takes whole images."""
    patches = method_settings.get("patches")
    if patches is None:
        return None
    kind = set_name.method if owns_patches(method_settings) else str(patches)
    variant = set_name.variant
    changed = variant != "base" and _is_changed(config, kind, variant)
    return f"{kind}-{variant}" if changed else kind


def owns_patches(method_settings: Mapping[str, Any]) -> bool:
    """Whether a method describes crops of its own, as RDED does."""
    return isinstance(method_settings.get("patches"), Mapping)


def patch_owner(dataset: str, kind: str) -> SetName | None:
    """The set that alone takes crops of a kind; None for those that methods share.

    It is the one without FD², which has no part in a selection: rows with it take the same crops.
    """
    method, _, variant = kind.partition("-")
    return None if method in TILINGS else SetName(dataset, method, "plain", variant or "base")


def _is_changed(config: Mapping[str, Any], kind: str, variant: str) -> bool:
    """Whether a variant changes crops or, of a method's own, the teacher that scores them."""
    changed = config["variants"][variant]
    if kind in TILINGS:
        return "patches" in changed
    distill = changed.get("distill", {})
    own = distill.get("methods", {}).get(kind, {})
    return "pretrain" in changed or "seed" in distill or "patches" in own
