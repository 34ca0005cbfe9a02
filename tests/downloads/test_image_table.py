"""Parquet files turned into images and labels, and those that are something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fd2.artifacts.records import read_content
from fd2.downloads.image_table import COLUMNS, LISTING, open_table
from fd2.downloads.unpack import unpack
from fd2.errors import FD2Error

CLASSES = ["second", "a/b", "first"]
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def row(content: bytes | None, label: int | None, path: str | None = "x.png") -> dict[str, Any]:
    return {"image": {"bytes": content, "path": path}, "label": label}


def table(path: Path, rows: list[dict[str, Any]], features: object = None) -> Path:
    """A parquet file with the hub's schema; ``features`` replaces what it says of the columns."""
    info = {"features": {"label": {"names": CLASSES}} if features is None else features}
    metadata = {"huggingface": json.dumps({"info": info})}
    schema = pa.schema([("image", IMAGE), ("label", pa.int64())], metadata=metadata)
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(FD2Error) as caught:
        unpack(path, path.with_name("out"))
    assert [p.name for p in path.parent.iterdir()] == [path.name], "something is left"
    assert str(path) in caught.value.where
    return caught.value.what


def test_images_come_out_as_they_were(tmp_path: Path) -> None:
    names = ["../../outside.png", "/etc/passwd", None, "b.JPEG", *["c.png"] * 200]
    rows = [row(bytes([n % 251]) * (n + 1), n % 3, name) for n, name in enumerate(names)]
    unpack(table(tmp_path / "train.parquet", rows), tmp_path / "out")
    listing = read_content(tmp_path / "out" / LISTING)
    assert listing["classes"] == CLASSES
    assert [label for _, label in listing["images"]] == [n % 3 for n in range(204)]
    files = [file for file, _ in listing["images"]]
    assert files[:5] == ["000000.png", "000001.jpg", "000002.jpg", "000003.jpeg", "000004.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([*files, LISTING])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "train.parquet"]
    for number, file in enumerate(files):
        assert (tmp_path / "out" / file).read_bytes() == bytes([number % 251]) * (number + 1)


@pytest.mark.parametrize("label", [-1, 3, None])
def test_label_without_a_class(tmp_path: Path, label: int | None) -> None:
    path = table(tmp_path / "a.parquet", [row(b"x", 0), row(b"x", label)])
    assert refusal(path) == f"not a table of labelled images: a label is {label}, with 3 classes"


@pytest.mark.parametrize("content", [None, b""])
def test_row_without_an_image(tmp_path: Path, content: bytes | None) -> None:
    path = table(tmp_path / "a.parquet", [row(b"x", 0), row(content, 0)])
    assert refusal(path).endswith("row 1 holds no image")


@pytest.mark.parametrize("features", [{}, {"label": {}}, {"label": None}, []])
def test_classes_without_names(tmp_path: Path, features: object) -> None:
    path = table(tmp_path / "a.parquet", [row(b"x", 0)], features)
    assert refusal(path).endswith("its schema does not name the classes")


def test_the_column_of_the_classes_is_named(tmp_path: Path) -> None:
    rows = pa.table({"image": [{"bytes": b"x", "path": "x"}], "label": [0], "fine": [1]})
    features = {"label": {"names": ["coarse"]}, "fine": {"names": ["a", "b"]}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(rows.replace_schema_metadata(metadata), tmp_path / "a.parquet")
    unpack(tmp_path / "a.parquet", tmp_path / "out", "fine")
    listing = read_content(tmp_path / "out" / LISTING)
    assert (listing["classes"], listing["images"]) == (["a", "b"], [["000000.jpg", 1]])
    with pytest.raises(
        FD2Error, match=r"of its columns image, label, fine none is called finest\n"
    ):
        unpack(tmp_path / "a.parquet", tmp_path / "out", "finest")


def test_no_schema_of_the_hub_and_other_columns(tmp_path: Path) -> None:
    rows = pa.table({"image": [{"bytes": b"x", "path": "x"}], "label": [0]})
    pq.write_table(rows, tmp_path / "a.parquet")
    assert refusal(tmp_path / "a.parquet").endswith("its schema does not name the classes")
    pq.write_table(pa.table({"img": [b"x"], "fine_label": [0]}), tmp_path / "a.parquet")
    assert "columns img, fine_label 0 of pictures" in refusal(tmp_path / "a.parquet")


def test_image_column_that_holds_no_struct(tmp_path: Path) -> None:
    metadata = {"huggingface": json.dumps({"info": {"features": {"label": {"names": CLASSES}}}})}
    rows = pa.table({"image": [b"x"], "label": [0]}).replace_schema_metadata(metadata)
    pq.write_table(rows, tmp_path / "a.parquet")
    assert refusal(tmp_path / "a.parquet").endswith("of its columns image, label 0 of pictures")


def test_of_a_users_own_file_other_words_are_said(tmp_path: Path) -> None:
    """Who has the only copy of a table is not told to delete it."""
    path = table(tmp_path / "a.parquet", [row(b"x", 0), row(None, 0)])
    with pytest.raises(FD2Error) as fetched:
        unpack(path, tmp_path / "out")
    with pytest.raises(FD2Error) as own, open_table(path, "label", COLUMNS) as content:
        list(content.rows)
    assert own.value.what == fetched.value.what
    assert own.value.fix == COLUMNS != fetched.value.fix


@pytest.mark.parametrize("end", [-1, 40, 4])
def test_cut_off(tmp_path: Path, end: int) -> None:
    path = table(tmp_path / "a.parquet", [row(b"x" * 500, 0)])
    path.write_bytes(path.read_bytes()[:end])
    assert refusal(path).startswith("not a table of labelled images: ")
