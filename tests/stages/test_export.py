"""The archive of a distilled set: the same pixels and labels for anyone, and safe names."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.stages.conftest import IPC, LICENCE, NAME, PLAIN, RUN, SIZE, TEMPLATES, Sets
from torchvision.datasets import ImageFolder

from fd2.artifacts.class_folders import folder_names, safe_name
from fd2.artifacts.exports import read_export
from fd2.artifacts.files import file_digest
from fd2.artifacts.images import read_distilled
from fd2.artifacts.manifests import read_manifest
from fd2.artifacts.records import write_record
from fd2.config.names import SetName
from fd2.errors import FD2Error
from fd2.stages.export import Sources, export, top_folder

HOSTILE = (
    "zebra finch",
    "../../etc/passwd",
    "..",
    "",
    ".hidden",
    "F/A-18",
    "F\\A-18",
    "/absolute",
    "C:\\Windows\\nul",
    'line\nbreak, "quoted"',
    "naïve 鳥",
    "F:A-18",
    "x" * 400,
    "鳥" * 200,
    "\u202egnp.exe",
)


def test_an_image_folder_gives_the_same_pixels_and_labels(
    sets: Sets, unzipped: Callable[..., Path]
) -> None:
    manifest = sets.manifest(HOSTILE)
    distilled = sets.selected()
    dataset = ImageFolder(str(unzipped(distilled, manifest) / "images"))
    wanted = read_distilled(distilled)
    pixels = np.stack([np.asarray(image) for image, _ in dataset])
    assert np.array_equal(pixels, wanted.images.permute(0, 2, 3, 1).numpy())
    assert [label for _, label in dataset] == wanted.labels.tolist()


def test_a_table_names_every_picture_and_its_true_class(
    sets: Sets, unzipped: Callable[..., Path]
) -> None:
    manifest = sets.manifest(HOSTILE)
    root = unzipped(sets.selected(), manifest) / "images"
    with (root / "pictures.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["class_name"] for row in rows[::3]] == list(HOSTILE)
    assert [int(row["label"]) for row in rows] == [i // 3 for i in range(len(rows))]
    assert [int(row["slot"]) for row in rows] == [i % 3 for i in range(len(rows))]
    files = {path.relative_to(root).as_posix() for path in root.rglob("*.png")}
    assert {row["file_name"] for row in rows} == files and len(rows) == len(files)


def test_a_table_names_the_real_image_in_every_cell(sets: Sets, tmp_path: Path) -> None:
    """Of several cells with boxes and scores, and of whole images, which are one cell each."""
    manifest = sets.manifest(HOSTILE)
    count = len(HOSTILE)
    cells = [[[c for c in range(count)] for _ in range(4)] for _ in range(3)]
    cells[1][2][0] = 5
    box = [0.25, 0.5, 0.75, 0.125]
    several = {
        "images": cells,
        "boxes": [[[box] * count] * 4] * 3,
        "scores": [
            [[s * 100 + n * 10 + c for c in range(count)] for n in range(4)] for s in range(3)
        ],
        "attention": [[[None if n else 0.5] * count for n in range(4)]] * 3,
        "grid": 7,
    }
    whole = {"images": [[c for c in range(count)] for _ in range(3)]}
    distilled = sets.selected()
    settings = read_distilled(distilled).metadata
    shaping = {key: settings[key] for key in ("stage", "settings", "manifest", "inputs")}
    for chosen, rows in ((several, count * 3 * 4), (whole, count * 3)):
        record = tmp_path / "ipc.json"
        write_record(record, {**shaping, "chosen": chosen, "run": RUN})
        output = tmp_path / "out.zip"
        export(NAME, IPC, Sources(distilled, manifest, TEMPLATES, record=record), output)
        assert read_export(output)["cells"] == "cells.csv"
        with zipfile.ZipFile(output) as archive:
            top = f"{top_folder(NAME, IPC)}/"
            table = pd.read_csv(archive.open(f"{top}cells.csv"), keep_default_na=False)
            pictures = {name.removeprefix(f"{top}images/") for name in archive.namelist()}
        assert len(table) == rows and set(table["file_name"]) <= pictures
        label = table["file_name"].str.split("_").str[0].astype(int)
        slot = table["file_name"].str[-5].astype(int)
        moved = (slot == 1) & (table["cell"] == 2) & (label == 0)
        others = table["real_image"][~moved] == (label.astype(str) + ".png")[~moved]
        assert others.all()
        if chosen is several:
            assert table["real_image"][moved].tolist() == ["5.png"]
            assert (table["score"] == slot * 100 + table["cell"] * 10 + label).all()
            assert ((table["attention"] == "") == (table["cell"] > 0)).all()
            assert table.loc[0, ["top", "left", "height", "width"]].tolist() == box
    write_record(record, {**shaping, "settings": {"method": "random", "seed": 8}, "run": RUN})
    with pytest.raises(FD2Error, match="the record is of another set"):
        export(NAME, IPC, Sources(distilled, manifest, TEMPLATES, record=record), output)


def test_entries_stay_inside_and_keep_their_order(sets: Sets, tmp_path: Path) -> None:
    manifest = sets.manifest(HOSTILE)
    sources = Sources(sets.selected(), manifest, TEMPLATES)
    export(NAME, IPC, sources, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        entries = archive.infolist()
    names = [entry.filename for entry in entries]
    assert len(set(names)) == len(names)
    assert {name.split("/")[0] for name in names} == {"birds-random-ipc3"}
    inside = [name.split("/", 1)[1] for name in names]
    pictures = inside[4:-1]
    first = ["README.md", "contact_sheet.png", "images/pictures.csv", "images/metadata.parquet"]
    assert [*inside[:4], inside[-1]] == [*first, "provenance.json"]
    assert pictures == sorted(pictures)
    for name in pictures:
        images, folder, file = name.split("/")
        assert images == "images" and not folder.startswith((".", "/"))
        assert ".." not in folder.split()
        assert not set(folder + file) & set('\\:*?"<>|\n\u202e')
        assert len(folder.encode()) < 120
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def test_same_bytes_twice(sets: Sets, tmp_path: Path) -> None:
    manifest = sets.manifest(**LICENCE)
    distilled = sets.selected()
    for name in ("one.zip", "two.zip"):
        export(NAME, IPC, Sources(distilled, manifest, TEMPLATES), tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("F/A-18", "F_A-18"),
        ("../up", "_up"),
        ("..", "class"),
        ("", "class"),
        (" . ", "class"),
        (".hidden", "hidden"),
        ("name.", "name"),
        ("naïve 鳥", "naïve 鳥"),
        ("na\u0069\u0308ve", "naïve"),
        ("हिन्दी", "हिन्दी"),
        ("tab\there", "tab_here"),
        ("鳥" * 200, "鳥" * 33),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_names_that_become_the_same_are_told_apart_by_index() -> None:
    assert folder_names(["a/b", "a:b", "a_b"]) == ["000_a_b", "001_a_b", "002_a_b"]


def test_folders_of_many_classes_sort_by_index() -> None:
    names = folder_names([str(1200 - i) for i in range(1200)])
    assert names == sorted(names) and names[1100] == "1100_100"


@pytest.mark.parametrize(("packed", "channels"), [(False, 3), (True, 3), (False, 1)])
def test_hugging_face_reads_folder_and_zip(
    sets: Sets,
    unzipped: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    packed: bool,
    channels: int,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    manifest = sets.manifest(HOSTILE, channels, **LICENCE)
    distilled = sets.selected()
    folder, described = unzipped(distilled, manifest), read_manifest(manifest)
    cache = str(tmp_path / "cache")
    if packed:
        files = str(tmp_path / "out.zip")
        found = datasets.load_dataset("imagefolder", data_files=files, cache_dir=cache)
    else:
        found = datasets.load_dataset(str(folder), cache_dir=cache)
    assert list(found) == ["train"]
    assert found["train"].features["label"].names == list(described.classes)
    wanted = read_distilled(distilled)
    assert found["train"]["label"] == wanted.labels.tolist()
    pixels = np.stack([np.asarray(image) for image in found["train"]["image"]])
    assert np.array_equal(
        pixels.reshape(len(pixels), SIZE, SIZE, -1), wanted.images.permute(0, 2, 3, 1)
    )
    table = pd.read_csv(folder / "images/pictures.csv")
    for column in ("slot", "nearest_real"):
        assert found["train"][column] == pytest.approx(table[column].tolist(), abs=1e-4)


def test_groups_tell_how_an_assembled_set_was_made(
    sets: Sets, unzipped: Callable[..., Path]
) -> None:
    manifest = sets.manifest(**LICENCE)
    distilled, groups = sets.assembled()
    root = unzipped(distilled, manifest, groups, method="sre2lpp")
    facts = json.loads((root / "provenance.json").read_text(encoding="utf-8"))
    assert [step["stage"] for step in facts["steps"]] == ["assemble", "distill", "distill"]
    assert [step["settings"].get("slots") for step in facts["steps"]] == [None, [0, 1], [2, 3]]
    assert facts["source"].items() >= LICENCE.items() and facts["classes"] == list(PLAIN)
    assert facts["distilled_sha256"] == file_digest(distilled)
    text = (root / "README.md").read_text(encoding="utf-8")
    (settings,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert json.loads(settings)["distill"]["slots"] == [0, 1]


def test_other_groups_are_refused(sets: Sets, tmp_path: Path) -> None:
    manifest = sets.manifest()
    distilled, groups = sets.assembled()
    with pytest.raises(FD2Error, match="assembled from other groups"):
        export(NAME, IPC, Sources(distilled, manifest, TEMPLATES, groups[:1]), tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


def test_other_data_is_refused(sets: Sets, tmp_path: Path) -> None:
    sets.manifest()
    distilled = sets.selected()
    manifest = sets.manifest(classes=tuple(reversed(PLAIN)))
    with pytest.raises(FD2Error, match="different manifests"):
        export(NAME, IPC, Sources(distilled, manifest, TEMPLATES), tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.parametrize(("name", "ipc"), [(NAME, 2), (replace(NAME, dataset="cars"), IPC)])
def test_a_set_that_is_not_what_its_path_says_is_refused(
    sets: Sets, tmp_path: Path, name: SetName, ipc: int
) -> None:
    manifest = sets.manifest()
    with pytest.raises(FD2Error, match="not \\(") as caught:
        export(name, ipc, Sources(sets.selected(), manifest, TEMPLATES), tmp_path / "out.zip")
    assert "delete the file" in caught.value.fix


def test_pictures_are_png(sets: Sets, tmp_path: Path) -> None:
    manifest = sets.manifest()
    export(NAME, IPC, Sources(sets.selected(), manifest, TEMPLATES), tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        content = archive.read(archive.namelist()[-2])
    assert io.BytesIO(content).read(8) == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("damage", ["digests", "value", "picture", "added", "left out", "cut"])
def test_a_changed_archive_is_refused(sets: Sets, tmp_path: Path, damage: str) -> None:
    path, manifest = tmp_path / "out.zip", sets.manifest()
    export(NAME, IPC, Sources(sets.selected(), manifest, TEMPLATES), path)
    facts = read_export(path)
    assert facts["manifest"] == sets.digest
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    provenance = "birds-random-ipc3/provenance.json"
    written = json.loads(files[provenance])
    picture = next(name for name in files if "/images/" in name and name.endswith(".png"))
    if damage == "digests":
        del written["provenance_sha256"], written["files_sha256"]
    elif damage == "value":
        written["images_per_class"] = 5
    elif damage == "picture":
        files[picture] += b"0"
    elif damage == "added":
        files["birds-random-ipc3/more.png"] = files[picture]
    elif damage == "left out":
        del files[picture]
    files[provenance] = json.dumps(written).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(FD2Error, match="damaged file") as caught:
        read_export(path)
    assert caught.value.where == str(path)
