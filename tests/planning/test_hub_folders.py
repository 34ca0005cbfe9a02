"""Folders as the hub and the library `datasets` have them, as class folders of their pictures."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from datasets import Image as Picture
from fd2.errors import FD2Error
from fd2.planning.linked_images import is_table, link_images

#: Pictures of each class by split; names and numbers of classes are in another order.
CLASSES = ["wren", "a crow"]
COUNTS = {"train": (5, 3), "test": (2, 4)}
Row = tuple[str, int, bytes]


def rows() -> list[Row]:
    """Split, class and content of each picture, no two alike, classes mixed."""
    made = []
    for split, counts in COUNTS.items():
        for label, count in enumerate(counts):
            for number in range(count):
                content = io.BytesIO()
                colour = (100 * label, 20 * number, 200 if split == "test" else 0)
                Image.new("RGB", (4, 4), colour).save(content, "PNG")
                made.append((split, label, content.getvalue()))
    return made[::2] + made[1::2]


def table(split: str, image: str, label: str, kind: Any) -> Dataset:
    mine = [row for row in rows() if row[0] == split]
    named = isinstance(kind, ClassLabel)
    columns = {
        "licence": ["CC0"] * len(mine),
        label: [number if named else CLASSES[number] for _, number, _ in mine],
        image: [{"bytes": content, "path": "x.png"} for *_, content in mine],
    }
    features = Features({"licence": Value("string"), label: kind, image: Picture()})
    return Dataset.from_dict(columns, features)


def saved(folder: Path) -> None:
    splits = {split: table(split, "picture", "bird", ClassLabel(names=CLASSES)) for split in COUNTS}
    DatasetDict(splits).save_to_disk(folder, num_shards={"train": 2, "test": 1})
    # As `map` leaves it.
    (folder / "train/cache-1.arrow").write_bytes(
        (folder / "test").glob("*.arrow").__next__().read_bytes()
    )


def saved_with_names(folder: Path) -> None:
    for split in COUNTS:
        table(split, "image", "label", Value("string")).save_to_disk(folder / split)


def parquet_with_names(folder: Path) -> None:
    for split in COUNTS:
        place = folder / "default" / split
        place.mkdir(parents=True)
        table(split, "img", "label", Value("string")).to_parquet(place / "0000.parquet")


def parquet_with_another_column(folder: Path) -> None:
    for split in COUNTS:
        names = ClassLabel(names=CLASSES)
        table(split, "img", "labels", names).to_parquet(folder / f"{split}-00000-of-00001.parquet")


def pictures(folder: Path, name: str, write: Callable[[list[dict[str, str]]], str]) -> None:
    """Each split's folder has pictures in one folder, and a file about them."""
    for split in COUNTS:
        (folder / split).mkdir(parents=True)
        listed = []
        for number, (_, label, content) in enumerate(row for row in rows() if row[0] == split):
            (folder / split / f"{number}.png").write_bytes(content)
            listed.append({"file_name": f"{number}.png", "label": CLASSES[label], "note": 'a, "b"'})
        (folder / split / name).write_text(write(listed))


def metadata_lines(folder: Path) -> None:
    pictures(folder, "metadata.jsonl", lambda listed: "\n".join(map(json.dumps, listed)) + "\n")


def metadata_table(folder: Path) -> None:
    """One file for both splits, and another name of the labels."""
    pictures(folder, "unused", str)
    lines = ["file_name,species"]
    for split in COUNTS:
        mine = (row for row in rows() if row[0] == split)
        lines += [f"{split}/{n}.png,{CLASSES[label]}" for n, (_, label, _) in enumerate(mine)]
    (folder / "metadata.csv").write_text("\n".join(lines), encoding="utf-8-sig")


FORMS = [
    *(saved, saved_with_names, parquet_with_names, parquet_with_another_column),
    *(metadata_lines, metadata_table),
]


@pytest.mark.parametrize("write", FORMS, ids=lambda write: write.__name__)
def test_every_picture_is_in_its_class(write: Callable[[Path], None], tmp_path: Path) -> None:
    source = tmp_path / "set"
    source.mkdir()
    write(source)
    assert is_table(source)
    linked = link_images(source, tmp_path / "linked")
    found = [
        (*path.relative_to(linked).parts[:-1], path.read_bytes()) for path in linked.rglob("*.png")
    ]
    assert sorted(found) == sorted(
        (split, CLASSES[label], pixels) for split, label, pixels in rows()
    )


def test_class_folders_are_no_table(tmp_path: Path) -> None:
    """What else is said of their pictures does not make it one."""
    for name in ("crow", "wren"):
        (tmp_path / name).mkdir()
    (tmp_path / "metadata.csv").write_text("file_name,licence\ncrow/0.png,CC0\nwren/0.png,CC0\n")
    assert not is_table(tmp_path)
    (tmp_path / "metadata.csv").write_text("camera,lens\nX,50\n")
    assert not is_table(tmp_path)


def two_images(folder: Path) -> None:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("left", image), ("right", image), ("label", pa.string())])
    pq.write_table(schema.empty_table(), folder / "train.parquet")


def without_label(folder: Path) -> None:
    table("train", "image", "species", Value("string")).to_parquet(folder / "train.parquet")


def numbers(folder: Path) -> None:
    columns = {"image": [{"bytes": b"x", "path": None}], "label": [3]}
    pq.write_table(pa.table(columns), folder / "train.parquet")


def two_configurations(folder: Path) -> None:
    for name in ("large", "small"):
        (folder / name).mkdir()
        pq.write_table(pa.table({"label": ["a"]}), folder / name / "train-0.parquet")


def lost_shard(folder: Path) -> None:
    saved(folder)
    (folder / "train/data-00001-of-00002.arrow").unlink()


def cut_off(folder: Path) -> None:
    saved_with_names(folder)
    (path,) = (folder / "train").glob("*.arrow")
    path.write_bytes(path.read_bytes()[:-300])


def other_state(folder: Path) -> None:
    saved_with_names(folder)
    (folder / "train/state.json").write_text('{"_data_files": [1]}')


def many_columns(folder: Path) -> None:
    (folder / "metadata.csv").write_text("file_name,species,genus\n0.png,crow,corvus\n")


def empty_label(folder: Path) -> None:
    (folder / "metadata.jsonl").write_text('{"file_name": "0.png", "label": null}\n')


def twice(folder: Path) -> None:
    (folder / "metadata.csv").write_text("file_name,label\n0.png,a\n0.png,b\n")


@pytest.mark.parametrize(
    ("write", "what"),
    [
        (two_images, "of its columns left, right, label 2 of pictures"),
        (without_label, "of its columns licence, species, image none is called label"),
        (numbers, "a label is 3, no name, and its schema does not name the classes"),
        (two_configurations, "two sets: "),
        (lost_shard, "1 of 2 files are not there"),
        (cut_off, "not a table of labelled images"),
        (other_state, "not what save_to_disk writes"),
        (many_columns, "of its columns file_name, species, genus none is called label"),
        (empty_label, "the picture '0.png' has the label None"),
        (twice, "the picture '0.png' stands twice"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_be_told_is_refused(
    write: Callable[[Path], None], what: str, tmp_path: Path
) -> None:
    source = tmp_path / "set"
    source.mkdir()
    write(source)
    with pytest.raises(FD2Error) as caught:
        link_images(source, tmp_path / "linked")
    assert what in caught.value.what
    assert str(source) in caught.value.where
    assert "delete" not in caught.value.fix
