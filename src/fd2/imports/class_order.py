"""Which class of the dataset each class of somebody else's set is: by name, by number, by sight."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest
from torch import Tensor

from fd2.errors import FD2Error, listing
from fd2.imports.source_files import WHERE
from fd2.runtime.seeds import numpy_generator

#: A number before a name, as exports have it.
_NUMBERED = re.compile(r"^\d+[_.\- ]+(?=\D)")
#: Draws of a teacher that errs at random; another order must gain more than in any of them.
_DRAWS = 199
#: Among the classes that would change places, how many times as often their new one must be seen.
_CLEARLY = 2
_CHANCE = 0.01


@dataclass(frozen=True)
class Agreement:
    """What a teacher sees in the images.

    Attributes:
        top1: share of images that it sees as their class.
        of_class: the same of each class.
        expected: of an answer that knows nothing of the images.
        shown: the class that each class's images show, where another order is clearly better; else
            each class itself.
        shown_top1: share of images that it sees as that.
        proven: whether ``top1`` is more than luck, and no other order is clearly better.
    """

    top1: float
    of_class: tuple[float, ...]
    expected: float
    shown: tuple[int, ...]
    shown_top1: float
    proven: bool


def class_ids(
    found: Sequence[str], classes: Sequence[str], class_order: Sequence[str] | None
) -> list[int]:
    """The dataset's class of each of the source's classes, by its position in the source.

    Args:
        found: names in the source; none where it has numbers.
        classes: the dataset's.
        class_order: the setting.

    Raises:
        FD2Error: if names of both are not the same, though some are.
    """
    id_of = {name: class_id for class_id, name in enumerate(classes)}
    if class_order is not None:
        if sorted(class_order) != sorted(classes):
            wrong = sorted(set(class_order) ^ set(classes)) or ["a name stands twice"]
            what = f"{len(class_order)} names that are not the {len(classes)} classes"
            fix = f"list each class once; look at {listing(wrong)}"
            raise FD2Error(what, WHERE.format("class_order"), fix)
        return [id_of[name] for name in class_order]
    bare = [name if name in id_of else _NUMBERED.sub("", name) for name in found]
    unknown = [name for name in bare if name not in id_of]
    if len(unknown) == len(bare) or len(set(bare)) < len(bare):
        return list(range(len(classes)))
    if unknown:
        raise FD2Error(
            f"{len(bare) - len(unknown)} of {len(bare)} classes have names of the dataset's, "
            f"not {listing(unknown)}",
            WHERE.format("class_order"),
            "rename them, or list the dataset's names in the order of the source's classes",
        )
    return [id_of[name] for name in bare]


def agreement(predicted: Tensor, labels: Tensor, classes: int, seed: int) -> Agreement:
    """Compare what a teacher sees with the labels, and with each other order of the classes.

    Another order of the classes is clearly better where it fits more images by a margin that a
    teacher which is right as often as this one, and else says any class, reached in none of 199
    draws, and its changed classes are seen at least twice as often as the given ones.

    Args:
        predicted: int64 ``[N]``, the teacher's answers.
        labels: int64 ``[N]``.
        classes: C.
        seed: of the draws.
    """
    truth, answers = labels.numpy(), predicted.numpy()
    counts = _counts(truth, answers, classes)
    right = int(np.trace(counts))
    shown = _best(counts)
    fitting = int(counts[np.arange(classes), shown].sum())
    answered = counts.sum(axis=0) / len(truth)
    expected = float((answered * counts.sum(axis=1) / len(truth)).sum())
    moved = shown != np.arange(classes)
    new, old = int(counts[moved, shown[moved]].sum()), int(np.diag(counts)[moved].sum())
    random = numpy_generator("class-order", seed)
    known = max(0.0, (right / len(truth) - expected) / max(1 - expected, 1e-9))
    better = new > 1 and new >= _CLEARLY * old
    for _ in range(_DRAWS if better else 0):
        luck = random.integers(classes, size=len(truth))
        drawn = _counts(truth, np.where(random.random(len(truth)) < known, truth, luck), classes)
        gained = drawn[np.arange(classes), _best(drawn)].sum() - np.trace(drawn)
        if gained >= fitting - right:
            better = False
            break
    chance = binomtest(right, len(truth), min(max(expected, 1 / classes), 1), alternative="greater")
    of_class = np.diag(counts) / np.maximum(counts.sum(axis=1), 1)
    return Agreement(
        top1=right / len(truth),
        of_class=tuple(float(share) for share in of_class),
        expected=max(expected, 1 / classes),
        shown=tuple(int(one) for one in (shown if better else np.arange(classes))),
        shown_top1=(fitting if better else right) / len(truth),
        proven=not better and float(chance.pvalue) < _CHANCE,
    )


def _counts(truth: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """How often images of a class (row) are seen as one (column)."""
    flat = np.bincount(truth * classes + answers, minlength=classes * classes)
    return flat.reshape(classes, classes)


def _best(counts: np.ndarray) -> np.ndarray:
    """The column of each row, each once, with the greatest sum; the own one where it is as good."""
    # Less than one image in all.
    preferred = counts + np.eye(len(counts)) / (len(counts) + 1)
    return np.asarray(linear_sum_assignment(preferred, maximize=True)[1])


def require_order(seen: Agreement, ids: Sequence[int], classes: Sequence[str], where: str) -> None:
    """Refuse an order of classes where another one fits clearly better; the log gets it in full.

    Args:
        seen: by the teacher.
        ids: the dataset's class of each class of the source.
        classes: the dataset's.
        where: the set, for the error.

    Raises:
        FD2Error: with the better order.
    """
    moved = [class_id for class_id, shown in enumerate(seen.shown) if shown != class_id]
    if not moved:
        return
    order = [classes[seen.shown[class_id]] for class_id in ids]
    print(f"class_order: {order!r}", flush=True)
    changes = [f"'{classes[one]}' shows '{classes[seen.shown[one]]}'" for one in moved]
    raise FD2Error(
        f"another order of the classes: the teacher sees {100 * seen.top1:.1f} % of the images as "
        f"their class, {100 * seen.shown_top1:.1f} % where {listing(changes)}",
        where,
        f"set 'distill.methods.imported.class_order' to {order!r} (the log has it in full), or "
        "'trusted' to true if the teacher errs",
    )


def answers(logits: Tensor) -> Tensor:
    """The class of each row's greatest value, int64 ``[N]``."""
    return torch.argmax(logits, dim=1)
