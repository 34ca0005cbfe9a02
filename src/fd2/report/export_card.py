"""What a distilled set says of itself once it has left the results folder. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fd2.artifacts.prepared import Manifest

NO_LICENCE = (
    "The manifest names no licence. Ask the owner of the images before you pass this archive on."
)


@dataclass(frozen=True)
class ExportFacts:
    """What the card tells.

    Attributes:
        label: the method's name for readers.
        variant: ``base`` or a variant of the config.
        images_per_class: n.
        size: height and width in pixels.
        manifest: of the prepared data.
        distilled_sha256: of the exported file.
        steps: metadata of the files that made the images, the exported set first.
    """

    label: str
    variant: str
    images_per_class: int
    size: tuple[int, int]
    manifest: Manifest
    distilled_sha256: str
    steps: Sequence[Mapping[str, Any]]


def card(facts: ExportFacts) -> str:
    """The archive's ``README.txt``: content, use, licence of the data, and how it was made."""
    manifest = facts.manifest
    classes = len(manifest.classes)
    height, width = facts.size
    settings = {str(step["stage"]): step["settings"] for step in reversed(facts.steps)}
    return "\n".join(
        [
            f"Distilled images of the dataset '{manifest.dataset}'",
            "",
            f"Method:            {facts.label}, variant {facts.variant}",
            f"Classes:           {classes}",
            f"Images per class:  {facts.images_per_class}",
            f"Size:              {height} x {width} pixels, RGB, 8 bit, lossless PNG",
            f"Manifest digest:   {manifest.digest()}",
            f"Distilled set:     sha256 {facts.distilled_sha256}",
            "",
            "Content",
            "  One folder a class, in the order of the class index, one file a slot.",
            "  labels.csv       file, class index, class name as in the dataset, slot",
            "  provenance.json  settings and digests of every step, and facts of the dataset",
            "",
            "Use",
            "  from torchvision.datasets import ImageFolder",
            '  dataset = ImageFolder("this folder")    # labels are the class indices',
            "  Normalise with the statistics of the real training images, in [0, 1]:",
            f"  mean = {_numbers(manifest.mean)}",
            f"  std  = {_numbers(manifest.std)}",
            "",
            "Licence of the images",
            *(f"  {line}" for line in _licence(manifest.source)),
            "",
            "Settings by stage; a stage of several groups is shown with its first group",
            json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False),
            "",
        ]
    )


def provenance(facts: ExportFacts) -> dict[str, Any]:
    """The archive's ``provenance.json``; the same for two exports of the same set."""
    manifest = facts.manifest
    return {
        "dataset": manifest.dataset,
        "classes": list(manifest.classes),
        "images_per_class": facts.images_per_class,
        "mean": list(manifest.mean),
        "std": list(manifest.std),
        "manifest": manifest.digest(),
        "source": manifest.source,
        "distilled_sha256": facts.distilled_sha256,
        "steps": [dict(step) for step in facts.steps],
    }


def _licence(source: Mapping[str, Any]) -> list[str]:
    known = [
        f"{key.capitalize()}: {source[key]}"
        for key in ("licence", "attribution")
        if source.get(key)
    ]
    if not source.get("licence"):
        known.append(NO_LICENCE)
    return [
        "These images were made from the dataset's images and inherit the licence of the data.",
        "The licence of the fd2 software does not cover them.",
        *known,
        "Changes: resized, and selected or optimised as the settings below say.",
    ]


def _numbers(values: Sequence[float]) -> str:
    return "[" + ", ".join(f"{value:.6f}" for value in values) + "]"
