"""Annotators beside the categories of the scenes that they see boxes of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from fd2.config.detection import class_map
from fd2.config.rows import DetectionRow
from fd2.errors import FD2Error, listing

if TYPE_CHECKING:
    from fd2.config.resolve import Configuration

_COCO = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light,
fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant,
bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard,
sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle,
wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot,
hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop,
mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock,
vase, scissors, teddy bear, hair drier, toothbrush
"""
#: What the outputs of torchvision's detectors with COCO weights are called there.
COCO_CATEGORIES = tuple(name.strip() for name in _COCO.split(","))


def check_annotator(
    settings: Configuration, annotator: str, scenes: str, categories: Sequence[str]
) -> None:
    """Refuse an annotator that does not fit the categories of scenes.

    One trained here has those of the scenes that it is trained on.

    Raises:
        FD2Error: if its class map names another category, or it has COCO's weights and knows none
            of them.
    """
    mapped = class_map(settings, annotator)
    if mapped is not None:
        mapped.require(None, categories)
    if settings.values["detection"]["annotators"][annotator]["network"] is not None:
        where = settings.where("detection", "annotators", annotator)
        require_common_category(COCO_CATEGORIES, categories, scenes, where)


def require_common_category(
    known: Collection[str], categories: Sequence[str], scenes: str, where: str
) -> None:
    """Refuse an annotator, of which ``known`` tells the categories, that knows none of the scenes'.

    Raises:
        FD2Error: names the scenes' categories.
    """
    if not set(known) & set(categories):
        raise FD2Error(
            f"the annotator knows no category of scenes '{scenes}': {listing(categories)}",
            where,
            "name a detector that is trained on the scenes, or scenes with COCO's categories",
        )


def check_annotators(settings: Configuration, scenes: str, categories: Sequence[str]) -> None:
    """As `check_annotator`, of every annotator that a sheet of the config has with the scenes."""
    rows = [row for name in settings.tables() for row in settings.sheet(name).rows_of(DetectionRow)]
    known = settings.values["detection"]["annotators"]
    # Full data has no annotator; a name that is not known is refused where its table is asked for.
    for annotator in dict.fromkeys(row.annotator for row in rows if row.scenes == scenes):
        if annotator in known:
            check_annotator(settings, annotator, scenes, categories)
