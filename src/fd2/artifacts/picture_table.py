"""Tables of an export's pictures: class, distance to real images, and what each is made of."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fd2.artifacts.exports import picture_names

if TYPE_CHECKING:
    from torch import Tensor

_BOX = ("top", "left", "height", "width")
#: Columns of what a selection's record tells of each cell.
_TOLD = {"confidences": "confidence", "attention": "attention", "scores": "score", "losses": "loss"}


def picture_table(
    classes: Sequence[str], images_per_class: int, nearest: Tensor, start: Tensor | None
) -> pd.DataFrame:
    """A row a picture, class by class.

    Args:
        classes: their names.
        images_per_class: n.
        nearest: distances to the nearest real image ``[C * n]``.
        start: to the nearest crop that the set began from; None where these are not known.
    """
    frame = pd.DataFrame(
        [
            (file, class_id, classes[class_id], slot)
            for class_id, files in enumerate(picture_names(classes, images_per_class))
            for slot, file in enumerate(files)
        ],
        columns=["file_name", "label", "class_name", "slot"],
    ).assign(nearest_real=nearest.numpy())
    return frame if start is None else frame.assign(nearest_start=start.numpy())


def cell_table(
    classes: Sequence[str], names: Sequence[str], chosen: Mapping[str, Any]
) -> pd.DataFrame:
    """A row a cell of each picture of a selection: the real image in it, and what was cut.

    Args:
        classes: their names.
        names: of the training images, in the order of the prepared data.
        chosen: of the set's record, see docs/files.md.
    """
    images = np.array(chosen["images"])
    # Whole images by slot and class are one cell each.
    shape = images.shape if images.ndim == 3 else (len(images), 1, images.shape[1])
    slots, cells, labels = np.indices(shape).transpose(0, 3, 1, 2).reshape(3, -1)
    files = picture_names(classes, shape[0])

    def column(values: Any) -> Any:
        return np.array(values, dtype=float).reshape(shape)[slots, cells, labels]

    positions = images.reshape(shape)[slots, cells, labels]
    frame = pd.DataFrame(
        {
            "file_name": [files[c][s] for c, s in zip(labels, slots, strict=True)],
            "cell": cells,
            "real_image": [names[position] for position in positions],
        }
    )
    if "boxes" in chosen:
        boxes = np.array(chosen["boxes"], dtype=float)
        frame = frame.assign(**{side: column(boxes[..., i]) for i, side in enumerate(_BOX)})
    told = {name: column(chosen[key]) for key, name in _TOLD.items() if key in chosen}
    return frame.assign(**told)


def table_naming_classes(table: pd.DataFrame, classes: Sequence[str]) -> bytes:
    """The table in parquet, whose schema names the classes as the library ``datasets`` writes it.

    Of a zip, that library takes the names of labels from nowhere else.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rows = pa.Table.from_pandas(table.drop(columns="class_name"), preserve_index=False)
    features: dict[str, Any] = {
        field.name: {"dtype": str(field.type), "_type": "Value"} for field in rows.schema
    }
    features["label"] = {"names": list(classes), "_type": "ClassLabel"}
    told = json.dumps({"info": {"features": features}})
    stream = io.BytesIO()
    parquet.write_table(rows.replace_schema_metadata({"huggingface": told}), stream)
    return stream.getvalue()
