"""Which files the inputs of an artefact may be, by the stage that read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any


def candidates(name: PurePath, stage: str, role: str, settings: Mapping[str, Any]) -> list[str]:
    """Glob patterns, below the results folder, of the files that an input may be.

    A variant shares the artefacts of earlier stages with ``base``, and labels are made by teachers
    that the record names by digest alone: so several files may fit, and the digest decides.

    Args:
        name: the artefact's path below the results folder.
        stage: that made it.
        role: of the input, as in the record.
        settings: of the record.

    Returns:
        None that are known: an empty list.
    """
    parts = name.parts
    dataset = parts[1] if len(parts) > 1 else "*"
    if role == "scorer":
        return [f"teachers/{dataset}/{settings['scorer']}/plain*.safetensors"]
    if role == "patches":
        return [f"patches/{dataset}/*.safetensors"]
    if role.startswith("group"):
        return [str(name.parent / f"{role}.safetensors")]
    if role.startswith("teacher"):
        training = "cal" if parts[3] == "fd2" else "plain"
        backbone = "*"
        if stage == "distill":
            backbone = settings["method_settings"]["teachers"][int(role.removeprefix("teacher"))]
        return [f"teachers/{dataset}/{backbone}/{training}*.safetensors"]
    cell = parts[1:4]
    if role == "distilled":
        count = next((part for part in parts if part.startswith("ipc")), "ipc*").split(".")[0]
        return [
            "/".join(("distilled", *cell, variant, f"{count}.safetensors"))
            for variant in _variants(parts)
        ]
    if role in ("logits", "augmentation"):
        suffix = {"logits": "logits.npy", "augmentation": "augmentation.safetensors"}[role]
        return [
            "/".join(("labels", *cell, variant, parts[5], suffix)) for variant in _variants(parts)
        ]
    return []


def _variants(parts: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys((parts[4], "base")))


def existing(results: Path, patterns: list[str]) -> list[Path]:
    """The files that fit, in the order of the patterns."""
    return [path for pattern in patterns for path in sorted(results.glob(pattern))]
