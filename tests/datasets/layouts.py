"""Small copies of the public datasets in their true layouts, made of real photographs."""

from __future__ import annotations

import gzip
import importlib.util
import json
import struct
import tarfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from scipy.io import savemat

MODES = ("RGB", "L", "CMYK")


@cache
def photographs() -> list[Path]:
    """The photographs of the installed package elpv-dataset."""
    spec = importlib.util.find_spec("elpv_dataset")
    assert spec is not None and spec.origin is not None
    return sorted((Path(spec.origin).parent / "data" / "images").glob("*.png"))


def write_photo(path: Path, number: int) -> None:
    """A JPEG of 60 by 45 pixels; in turn coloured, grey and CMYK."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(photographs()[37 * number % 2624]) as image:
        grey = image.convert("L").resize((60, 45))
    channels = [grey.point(lambda value, step=step: value // step) for step in (1, 2, 3)]
    Image.merge("RGB", channels).convert(MODES[number % 3]).save(path, "JPEG")


def write_text(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def packed(folder: Path, path: Path) -> Path:
    """All that is in ``folder`` as a tar file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for member in sorted(folder.iterdir()):
            archive.add(member, member.name)
    return path


CUB_CLASSES = ("001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty_Albatross")


def write_cub(folder: Path, train: int = 3, test: int = 2) -> None:
    """``CUB_200_2011/`` with its lists, and the stray file beside it."""
    root = folder / "CUB_200_2011"
    images, labels, splits = [], [], []
    for label, name in enumerate(CUB_CLASSES, start=1):
        for number in range(train + test):
            key = len(images) + 1
            image = f"{name}/{name[4:]}_{number:04}_{key}.jpg"
            write_photo(root / "images" / image, key)
            images.append(f"{key} {image}")
            labels.append(f"{key} {label}")
            # Training and test images are mixed, as they are in the original.
            splits.append(f"{key} {int(number % 2 == 0 or number >= 2 * test)}")
    write_text(root / "images.txt", images)
    write_text(root / "image_class_labels.txt", labels)
    write_text(root / "train_test_split.txt", splits)
    write_text(root / "classes.txt", (f"{i} {name}" for i, name in enumerate(CUB_CLASSES, 1)))
    write_text(folder / "attributes.txt", ["1 has_bill_shape::curved_(up_or_down)"])


AIRCRAFT_CLASSES = ("F/A-18", "Boeing 747-400", "F-16A/B")


def write_aircraft(folder: Path) -> None:
    """``fgvc-aircraft-2013b/data/``: two images a class in train, one in val, two in test."""
    root = folder / "fgvc-aircraft-2013b" / "data"
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    key = 34309
    for number in range(5):
        for name in AIRCRAFT_CLASSES:
            key += 1
            write_photo(root / "images" / f"{key:07}.jpg", key)
            split = ("train", "train", "val", "test", "test")[number]
            lists[split].append(f"{key:07} {name}")
    lists["trainval"] = sorted(lists["train"] + lists["val"])
    for split, lines in lists.items():
        write_text(root / f"images_variant_{split}.txt", lines)
    write_text(root / "variants.txt", AIRCRAFT_CLASSES)
    write_text(folder / "fgvc-aircraft-2013b" / "README", ["10,200 images of 102 variants"])


def write_aircraft_tables(folder: Path, source: Path) -> list[Path]:
    """Two files each of train, validation and test, of what `write_aircraft` wrote."""
    root = source / "fgvc-aircraft-2013b" / "data"
    manufacturers = ("Boeing", "Lockheed Martin", "McDonnell Douglas")
    tables = []
    for split, prefix in (("train", "train"), ("val", "validation"), ("test", "test")):
        rows = []
        for line in (root / f"images_variant_{split}.txt").read_text().splitlines():
            key, _, variant = line.partition(" ")
            path = root / "images" / f"{key}.jpg"
            image = {"bytes": path.read_bytes(), "path": path.name}
            label = AIRCRAFT_CLASSES.index(variant)
            rows.append({"image": image, "manufacturer": 2 - label, "variant": label})
        for number, part in enumerate((rows[:2], rows[2:])):
            table = folder / f"{prefix}-{number:05}-of-00002.parquet"
            classes = {"manufacturer": manufacturers, "variant": AIRCRAFT_CLASSES}
            tables.append(write_table(table, part, **classes))
    return tables


CARS_CLASSES = (
    "Acura TSX Sedan 2012",
    "Acura Integra Type R 2001",
    "Ram C/V Cargo Van Minivan 2012",
)


def cars_records(train: bool, with_classes: bool = True) -> list[dict[str, Any]]:
    """Annotations of nine training or six test images, with one-based classes."""
    records = []
    for number in range(9 if train else 6):
        record: dict[str, Any] = {"bbox_x1": 1, "bbox_y1": 2, "bbox_x2": 40, "bbox_y2": 30}
        if with_classes:
            record["class"] = np.uint8(2 - number % 3 + 1)
        records.append({**record, "fname": f"{number + 1:05}.jpg"})
    return records


def write_mat(path: Path, records: list[dict[str, Any]], names: bool = False) -> None:
    """A MATLAB file as the devkit's: a struct array ``annotations``, and perhaps the classes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {}
    if records:
        array = np.zeros((1, len(records)), dtype=[(key, object) for key in records[0]])
        for position, record in enumerate(records):
            array[0, position] = tuple(record.values())
        content["annotations"] = array
    if names:
        content["class_names"] = np.array([CARS_CLASSES], dtype=object)
    savemat(path, content)


def write_cars(folder: Path, nested: bool = False, labels: bool = True) -> None:
    """``cars_train/``, ``cars_test/``, ``devkit/``; ``nested`` as on Kaggle."""
    for split in ("train", "test"):
        inner = f"cars_{split}/cars_{split}" if nested else f"cars_{split}"
        for number, record in enumerate(cars_records(split == "train")):
            write_photo(folder / inner / record["fname"], number + (50 if split == "test" else 0))
    devkit = folder / ("car_devkit/devkit" if nested else "devkit")
    write_mat(devkit / "cars_train_annos.mat", cars_records(True))
    write_mat(devkit / "cars_test_annos.mat", cars_records(False, with_classes=False))
    write_mat(devkit / "cars_meta.mat", [], names=True)
    if labels:
        write_mat(folder / "cars_test_annos_withlabels.mat", cars_records(False))


def write_combined_cars(folder: Path) -> None:
    """``car_ims/`` with all images, and ``cars_annos.mat``; test images first here."""
    records = []
    for split in ("test", "train"):
        for record in cars_records(split == "train"):
            name = f"car_ims/{len(records) + 1:06}.jpg"
            write_photo(folder / name, len(records))
            fields = {key: value for key, value in record.items() if key != "fname"}
            test = np.uint8(split == "test")
            records.append({"relative_im_path": name, **fields, "test": test})
    write_mat(folder / "cars_annos.mat", records, names=True)


def write_table(path: Path, rows: list[dict[str, Any]], **classes: Iterable[str]) -> Path:
    """A parquet file as the Hugging Face hub's: ``image``, and a column of labels a name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    for column, names in classes.items():
        features[column] = {"names": list(names), "_type": "ClassLabel"}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    columns = [("image", image), *((column, pa.int64()) for column in classes)]
    schema = pa.schema(columns, metadata=metadata)
    pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=2)
    return path


def write_cars_tables(folder: Path, source: Path) -> list[Path]:
    """Two files a split, of the images that `write_cars` has written to ``source``."""
    tables = []
    for split in ("train", "test"):
        rows = []
        for record in cars_records(split == "train"):
            content = (source / f"cars_{split}" / record["fname"]).read_bytes()
            image = {"bytes": content, "path": record["fname"]}
            rows.append({"image": image, "label": int(record["class"]) - 1})
        for number, part in enumerate((rows[:5], rows[5:])):
            path = folder / f"{split}-{number:05}-of-00002.parquet"
            tables.append(write_table(path, part, label=CARS_CLASSES))
    return tables


def write_imagenette(folder: Path, wnids: Iterable[str], name: str) -> None:
    """``NAME2/{train,val}/WNID/``: three training and two test images a class, and a csv file."""
    root = folder / f"{name}2"
    for position, wnid in enumerate(wnids):
        for number in range(5):
            split, stem = ("train", wnid) if number < 3 else ("val", "ILSVRC2012_val")
            file = f"{stem}_{100 * position + number:08}.JPEG"
            write_photo(root / split / wnid / file, 5 * position + number)
    write_text(root / f"noisy_{name}.csv", ["path,noisy_labels_0"])


def grey_photos(count: int, side: int, first: int = 0) -> np.ndarray:
    """uint8 ``[count, side, side]``: photographs made small."""
    pixels = np.empty((count, side, side), np.uint8)
    for number in range(count):
        with Image.open(photographs()[37 * (first + number) % 2624]) as image:
            pixels[number] = np.asarray(image.convert("L").resize((side, side)))
    return pixels


def colour_photos(count: int, side: int, first: int = 0) -> np.ndarray:
    """uint8 ``[count, side, side, 3]``, each channel darker than the one before."""
    grey = grey_photos(count, side, first)
    return np.stack([grey, grey // 2, grey // 3], axis=-1)


def idx(values: np.ndarray) -> bytes:
    """An IDX file of bytes."""
    return (
        struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()
    )


#: Images and labels by the names of their files: training, then test.
IdxArrays = dict[str, np.ndarray]


def write_idx(folder: Path, train: int = 30, test: int = 20) -> IdxArrays:
    """The four files of MNIST, ten classes in turns; returns what is in them."""
    arrays: IdxArrays = {}
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, count, first in (("train", train, 0), ("t10k", test, train)):
        arrays[f"{prefix}-images-idx3-ubyte"] = grey_photos(count, 28, first)
        arrays[f"{prefix}-labels-idx1-ubyte"] = (7 * np.arange(count) % 10).astype(np.uint8)
    for name, values in arrays.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx(values), mtime=0))
    return arrays


def write_cifar(folder: Path, classes: Iterable[str], coarse: bool) -> dict[str, np.ndarray]:
    """``cifar-10-batches-bin/`` or, with ``coarse`` labels, ``cifar-100-binary/``.

    Ten images in each of five batches, or thirty in one file; twenty to test on. Returns each
    file's images ``[N, 32, 32, 3]``; classes in turns, from the last one.
    """
    names = list(classes)
    root = folder / ("cifar-100-binary" if coarse else "cifar-10-batches-bin")
    batches = {f"data_batch_{number}.bin": 10 for number in range(1, 6)}
    sizes = {"train.bin": 30, "test.bin": 20} if coarse else {**batches, "test_batch.bin": 20}
    written, first = {}, 0
    for file, count in sizes.items():
        images = colour_photos(count, 32, first)
        fine = (len(names) - 1 - np.arange(count) % len(names)).astype(np.uint8)
        columns = [fine % 20] * coarse + [fine]
        planes = images.transpose(0, 3, 1, 2).reshape(count, -1)
        root.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(np.column_stack([*columns, planes]).astype(np.uint8).tobytes())
        written[file], first = images, first + count
    write_text(root / ("fine_label_names.txt" if coarse else "batches.meta.txt"), [*names, ""])
    if coarse:
        write_text(root / "coarse_label_names.txt", ["aquatic_mammals", "fish"])
    return written


TINY_WNIDS = ("n02124075", "n01443537", "n02012849", "n03126707")


def write_tiny_imagenet(folder: Path) -> Path:
    """``tiny-imagenet-200.zip``: three training and two validation images a class, and test ones.

    The list of classes is in no order; two of them share their first name. Returns the archive.
    """
    root = folder / "tiny-imagenet-200"
    words = ("Egyptian cat", "goldfish, Carassius auratus", "crane", "crane, lifting device")
    number, annotations = 0, []
    for wnid in TINY_WNIDS:
        for place in range(3):
            write_photo(root / "train" / wnid / "images" / f"{wnid}_{place}.JPEG", number + place)
        write_text(root / "train" / wnid / f"{wnid}_boxes.txt", [f"{wnid}_0.JPEG\t0\t0\t62\t62"])
        number += 5
    for place in range(8):
        write_photo(root / "val" / "images" / f"val_{place}.JPEG", 40 + place)
        annotations.append(f"val_{place}.JPEG\t{TINY_WNIDS[place % 4]}\t0\t0\t63\t63")
    write_text(root / "val" / "val_annotations.txt", annotations)
    write_photo(root / "test" / "images" / "test_0.JPEG", 60)
    write_text(root / "wnids.txt", TINY_WNIDS)
    named = zip(TINY_WNIDS, words, strict=True)
    write_text(root / "words.txt", ["n00001740\tentity", *(f"{w}\t{name}" for w, name in named)])
    path = folder / "tiny-imagenet-200.zip"
    with ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path
