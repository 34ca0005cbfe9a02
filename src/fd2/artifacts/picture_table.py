"""The table of an export's pictures: which class each is of, and how near to real images."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from fd2.artifacts.exports import picture_names

if TYPE_CHECKING:
    from torch import Tensor


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
