"""How a soft label lies in a file: logits of all classes or of the best, in 8, 16 or 32 bits."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

#: What 8 bits tell apart, less one.
_STEPS = 255


@dataclass(frozen=True)
class LabelFormat:
    """Of one image in one epoch.

    Floats of all classes are a plain array. Else a label is a structured row: ``classes``, the
    numbers of those that are kept, the likeliest first, if not all are; ``step``, float16, of 8
    bits; and ``values``.

    Attributes:
        classes: C.
        top_k: how many classes are kept, those of the largest logits; None keeps all. The others
            have no probability, so that a softmax over the label shares all of it among the kept.
        bits: of a value. 32 and 16: the logit in floating point. 8: how far the log-probability
            lies below the largest one, in whole steps of 1/255 of the label's range; wrong by half
            a step at most.
    """

    classes: int
    top_k: int | None = None
    bits: int = 16

    @property
    def kept(self) -> int:
        """Classes with a value."""
        return self.classes if self.top_k is None else self.top_k

    @property
    def plain(self) -> bool:
        """Whether labels are an array of floats ``[.., C]``."""
        return self.top_k is None and self.bits != 8

    @property
    def dtype(self) -> np.dtype:
        """Of a number of a plain array, or of a label."""
        value = np.dtype({8: "u1", 16: "<f2", 32: "<f4"}[self.bits])
        if self.plain:
            return value
        fields: list[tuple[str, np.dtype, tuple[int, ...]]] = []
        if self.bits == 8:
            fields.append(("step", np.dtype("<f2"), ()))
        if self.top_k is not None:
            fields.append(("classes", _number_type(self.classes), (self.kept,)))
        return np.dtype([*fields, ("values", value, (self.kept,))])

    @property
    def label_bytes(self) -> int:
        """Bytes of a label."""
        return self.dtype.itemsize * (self.classes if self.plain else 1)

    def shape(self, epochs: int, images: int) -> tuple[int, ...]:
        """Of the array of all labels."""
        return (epochs, images, self.classes) if self.plain else (epochs, images)

    def file_bytes(self, epochs: int, images: int) -> int:
        """Bytes of an ``.npy`` file of all labels."""
        header = io.BytesIO()
        facts = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": self.shape(epochs, images),
        }
        np.lib.format.write_array_header_1_0(header, facts)
        return len(header.getvalue()) + epochs * images * self.label_bytes

    def pack(self, logits: np.ndarray) -> np.ndarray:
        """Labels of float32 logits ``[N, C]``, as they lie in the file.

        What the format cannot hold is for `fault` to find.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            if self.plain:
                return logits.astype(self.dtype)
            packed = np.empty(len(logits), self.dtype)
            values = logits
            if self.top_k is not None:
                # Stable, so that equal logits keep the order of their classes everywhere.
                best = np.argsort(-logits, axis=1, kind="stable")[:, : self.kept]
                packed["classes"] = best
                values = np.take_along_axis(logits, best, axis=1)
            if self.bits == 8:
                packed["step"], values = _steps(values)
            packed["values"] = values
        return packed

    def fault(self, labels: np.ndarray) -> str | None:
        """Why labels of the format's type cannot be right; None where they can."""
        floats = labels if self.plain else labels["step" if self.bits == 8 else "values"]
        if not np.isfinite(floats).all():
            return f"are not finite in {floats.dtype}"
        if self.top_k is not None:
            kept = np.sort(labels["classes"], axis=-1)
            if kept.max(initial=0) >= self.classes or (kept[..., 1:] == kept[..., :-1]).any():
                return f"are not of {self.kept} of {self.classes} classes"
        return None


def _number_type(classes: int) -> np.dtype:
    """Least type that tells so many classes apart."""
    return np.min_scalar_type(classes - 1).newbyteorder("<")


def _steps(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The step float16 ``[N]`` of each label, and the steps ``[N, k]`` below its largest logit."""
    below = logits.max(axis=1, keepdims=True) - logits
    span = below.max(axis=1)
    step = (span / _STEPS).astype(np.float16)
    # Rounded up: the last step must reach the smallest logit.
    short = step.astype(np.float64) * _STEPS < span
    step = np.where(short, np.nextafter(step, np.float16(np.inf)), step)
    # A label without range has the step 0, of which 0 steps are taken.
    divisor = np.where(step > 0, step, 1).astype(np.float32)[:, None]
    return step, np.minimum(np.rint(below / divisor), _STEPS)
