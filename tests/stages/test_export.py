"""The archive of a distilled set: the same pixels and labels for anyone, and safe names."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from scipy import stats
from torchvision.datasets import ImageFolder

from fd2.artifacts.class_folders import folder_names, safe_name
from fd2.artifacts.exports import read_export
from fd2.artifacts.files import file_digest
from fd2.artifacts.images import read_distilled, write_distilled, write_slots
from fd2.artifacts.manifests import Manifest, read_manifest
from fd2.artifacts.prepared import write_prepared
from fd2.artifacts.records import write_record
from fd2.config.names import SetName
from fd2.errors import FD2Error
from fd2.stages.export import Sources, export, licence_name, top_folder

TEMPLATES = Path(__file__).resolve().parents[2] / "workflow/report/export"
SIZE = 8
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
PLAIN = ("crow", "wren")
RUN = {
    **{"commit": None, "dirty": None, "versions": {}, "host": "Linux", "device": "cpu"},
    **{"device_name": "abacus", "threads": 1, "started": "", "finished": "", "seconds": 1.0},
    "peak_memory_mb": {"resident": 1.0},
}
LICENCE = {"licence": "CC BY-NC-SA 4.0", "attribution": "A. Photographer"}
NAME, IPC = SetName("birds", "random", "plain", "base"), 3


class Sets:
    """Writes a manifest, a distilled set and groups, as the stages do."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def manifest(self, classes: tuple[str, ...] = PLAIN, channels: int = 3, **source: Any) -> Path:
        """Prepared data with one image a class and split."""
        files = [{"path": f"{c}.png", "class": c, "sha256": "0"} for c in range(len(classes))]
        described = Manifest(
            dataset="birds",
            resolution=SIZE,
            classes=classes,
            files={"train": files, "test": files},
            mean=(0.5, 0.25, 0.125)[:channels],
            std=(0.25, 0.25, 0.25)[:channels],
            source=source,
        )
        shape = (len(classes), SIZE, SIZE, channels)
        pixels = np.random.default_rng(6).integers(256, size=shape, dtype=np.uint8)
        images = {"train": pixels, "test": pixels}
        written = write_prepared(self.root / "data", described, images)
        self.digest, self.classes = written.digest(), len(classes)
        self.real, self.channels = pixels, channels
        return self.root / "data" / "manifest.json"

    def images(self, count: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(5)
        shape = (count, self.classes, self.channels, SIZE, SIZE)
        return torch.randint(256, shape, generator=generator).to(torch.uint8)

    def selected(self, count: int = 3, **changes: Any) -> Path:
        facts = {
            "stage": "select_images",
            "settings": {"method": "random", "seed": 7},
            "manifest": self.digest,
            "inputs": {},
        }
        path = self.root / "ipc.safetensors"
        write_distilled(path, self.images(count), facts | changes)
        return path

    def assembled(self, count: int = 3) -> tuple[Path, list[Path]]:
        """A set from two groups of two slots."""
        images, groups, patches = self.images(4), [], self.root / "patches.safetensors"
        # As far from their start as from each other, but for one class.
        crops = 255 - images
        crops[:, 1] = images[:, 1] ^ 3
        write_slots(patches, crops, (0, 1, 2, 3), {"manifest": self.digest})
        for number in range(2):
            slots = (2 * number, 2 * number + 1)
            facts = {
                "stage": "distill",
                "settings": {"slots": slots, "learning_rate": 0.125},
                **{"manifest": self.digest, "inputs": {"patches": file_digest(patches)}},
            }
            groups.append(self.root / f"group{number}.safetensors")
            write_slots(groups[-1], images[2 * number : 2 * number + 2], slots, facts)
        digests = {f"group{i}": file_digest(path) for i, path in enumerate(groups)}
        path = self.selected(count, stage="assemble", settings={}, inputs=digests)
        return path, groups


@pytest.fixture
def sets(tmp_path: Path) -> Sets:
    return Sets(tmp_path)


@pytest.fixture
def unzipped(sets: Sets, tmp_path: Path) -> Callable[..., Path]:
    def make(
        distilled: Path, manifest: Path, groups: list[Path] | None = None, **names: Any
    ) -> Path:
        output, name = tmp_path / "out.zip", replace(NAME, **names)
        export(name, IPC, Sources(distilled, manifest, TEMPLATES, groups or []), output)
        with zipfile.ZipFile(output) as archive:
            assert archive.testzip() is None
            archive.extractall(tmp_path / "out")
        (top,) = (tmp_path / "out").iterdir()
        assert top.name == top_folder(name, IPC)
        return top

    return make


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


def test_the_card_quotes_licence_and_settings(sets: Sets, unzipped: Callable[..., Path]) -> None:
    manifest = sets.manifest(**LICENCE)
    root = unzipped(sets.selected(), manifest)
    text = (root / "README.md").read_text(encoding="utf-8")
    assert "inherit the licence of the data" in text
    assert "Licence: CC BY-NC-SA 4.0" in text and "Attribution: A. Photographer" in text
    assert "birds, 3 images per class: Random real images" in text and sets.digest in text
    (settings,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert json.loads(settings) == {"select_images": {"method": "random", "seed": 7}}
    assert "mean [0.5, 0.25, 0.125]" in text


def test_the_card_says_what_is_not_known(sets: Sets, unzipped: Callable[..., Path]) -> None:
    manifest = sets.manifest()
    text = (unzipped(sets.selected(), manifest) / "README.md").read_text(encoding="utf-8")
    assert "names no licence" in text and "no student has been trained" in text
    assert yaml.safe_load(text.split("---")[1])["license"] == "unknown"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CC BY-NC-SA 4.0 (images and labels; not for commercial use)", "cc-by-nc-sa-4.0"),
        ("MIT (Copyright 2017 Zalando SE)", "mit"),
        ("CC0-1.0", "cc0-1.0"),
        ("CC BY-NC-SA 4.01", "other"),
        ("mitigated", "other"),
        ("none stated; for research", "other"),
        ("", "unknown"),
    ],
)
def test_names_of_licences_on_the_hub(text: str, name: str) -> None:
    assert licence_name(text) == name


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


def write_student(
    path: Path, manifest: str, distilled: str, accuracy: float, **changes: Any
) -> None:
    """A student's record with this class-balanced top-1."""
    settings = {
        **{"student": "convnet", "protocol": "direct", "labels": "hard", "epochs": 9},
        **{"method": "dm", "fd2": "plain", "learning_rate": 0.5, "initialisation": "scratch"},
        **{"variant": "base", "seed": 0, "pictures": False},
    }
    content = {
        **{"stage": "evaluate", "settings": {**settings, **changes}, "manifest": manifest},
        **{"inputs": {"distilled": distilled}, "run": RUN},
        "result": {"last": {"top1": 1.0, "balanced_top1": accuracy}},
    }
    write_record(path, content)


def test_a_float_set_is_exported_as_it_is_with_what_its_pictures_cost(
    sets: Sets, tmp_path: Path
) -> None:
    manifest, path = sets.manifest(), tmp_path / "ipc3.safetensors"
    images = sets.images(3).float() / 255
    images[:, :, 0, 0, :2] = torch.tensor([-0.5, 1.25])
    # Rounding makes such values of black pixels.
    images[:, :, 0, 0, 2] = -1e-7
    facts = {"stage": "match", "settings": {"method": "dm"}, "manifest": sets.digest, "inputs": {}}
    logits = torch.zeros(3, sets.classes, sets.classes)
    write_distilled(path, images, facts, learned_labels=logits)
    students: list[Path] = []
    random: list[Path] = []

    def student(
        top1: float, digest: str = "", among: list[Path] = students, **changes: Any
    ) -> None:
        among.append(tmp_path / f"{len(students)}-{len(random)}.json")
        write_student(among[-1], sets.digest, digest or file_digest(path), top1, **changes)

    student(60.0)
    student(70.0, seed=1)
    # The same student by another name.
    student(70.0, seed=1, variant="again")
    student(50.0, pictures=True, variant="pictures")
    student(10.0, learning_rate=0.1)
    student(20.0, labels="soft")
    student(30.0, digest="another set", pictures=True)
    # Class labels are the same with any teacher, soft ones are not.
    student(64.0, "random", random, method="random", fd2="fd2")
    student(67.0, "random", random, method="random", seed=1)
    # Of training that no student of the set had: another baseline.
    student(80.0, "random", random, method="random", learning_rate=9.0)
    student(90.0, "random", random, method="random", learning_rate=9.0, student="resnet18")
    student(1.0, "random", random, method="random", fd2="fd2", labels="soft")
    output = tmp_path / "out.zip"
    sources = Sources(path, manifest, TEMPLATES, students=students, random=random)
    export(replace(NAME, method="dm"), IPC, sources, output)
    with zipfile.ZipFile(output) as archive:
        assert archive.read("birds-dm-ipc3/ipc3.safetensors") == path.read_bytes()
        card = archive.read("birds-dm-ipc3/README.md").decode()
    told = read_export(output)
    assert told["clipped_share"] == pytest.approx(2 / (3 * SIZE * SIZE))
    means = [
        [kind[seen] and kind[seen]["balanced_top1_mean"] for seen in ("set", "pictures", "random")]
        for kind in told["students"]
    ]
    assert sorted(means, key=str) == [
        *([10.0, None, None], [20.0, None, None], [65.0, 50.0, 65.5], [None, None, 80.0]),
    ]
    (whole,) = [kind for kind in told["students"] if kind["pictures"]]
    # t(0.975, 1) · √(50 / 2), and Welch's: freedom (25 + 2.25)² / (25² + 2.25²).
    assert whole["set"] == {
        **{"variants": ["again", "base"], "n": 2},
        **{"balanced_top1_mean": 65.0, "balanced_top1_half_width": pytest.approx(63.531, abs=1e-3)},
        **{"over_random_balanced_top1": -0.5},
        "over_random_balanced_top1_half_width": pytest.approx(
            stats.t.ppf(0.975, 27.25**2 / 630.0625) * 27.25**0.5
        ),
    }
    assert whole["pictures"]["over_random_balanced_top1_half_width"] is None
    assert "| 65.0 ± 63.5 (n=2) | 50.0 ± – (n=1) | 65.5 ± 19.1 (n=2) | −0.5 ± " in card
    assert "| 10.0 ± – (n=1) | not run | not run | – |" in card
    first = card.split("# birds")[1].split("![")[0]
    assert "as far as 2 students can tell" in first and "80.0" in first


@pytest.mark.parametrize(
    ("own", "warned"), [((60.0, 62.0), False), ((52.0, 60.0), True), ((41.0, 43.0), True)]
)
def test_the_card_begins_with_a_doubt_where_the_interval_leaves_one(
    sets: Sets, tmp_path: Path, own: tuple[float, float], warned: bool
) -> None:
    manifest, (distilled, groups) = sets.manifest(), sets.assembled()
    written: dict[str, list[Path]] = {"students": [], "random": []}
    for role, values in (("students", own), ("random", (50.0, 52.0))):
        for seed, value in enumerate(values):
            written[role].append(tmp_path / f"{role}{seed}.json")
            of = file_digest(distilled) if role == "students" else "real ones"
            write_student(written[role][-1], sets.digest, of, value, seed=seed, method=role)
    sources = Sources(distilled, manifest, TEMPLATES, groups, **written)
    export(replace(NAME, method="sre2lpp"), IPC, sources, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        card = archive.read("birds-sre2lpp-ipc3/README.md").decode()
    assert card.split("# birds")[1].split("\n")[2].startswith("**") == warned


@pytest.mark.parametrize("kept", [True, False])
def test_the_card_tells_how_far_images_moved_from_the_crops_of_real_ones(
    sets: Sets, tmp_path: Path, kept: bool
) -> None:
    manifest = sets.manifest()
    distilled, groups = sets.assembled()
    patches = [sets.root / "patches.safetensors"]
    sources = Sources(distilled, manifest, TEMPLATES, groups, patches if kept else ())
    export(replace(NAME, method="sre2lpp"), IPC, sources, tmp_path / "out.zip")
    shutil.unpack_archive(tmp_path / "out.zip", tmp_path / "out")
    folder = tmp_path / "out/birds-sre2lpp-ipc3"
    card = (folder / "README.md").read_text(encoding="utf-8")
    table = pd.read_csv(folder / "images/pictures.csv")
    if kept:
        # Two bits of 8 changed: by 1, 2 or 3 levels of 255.
        moved = table["nearest_start"].to_numpy()
        assert (moved[IPC:] < 3).all() and (moved[:IPC] > 50).all()
        assert re.search(r"[3-6] of the 6 pictures are nearer to .*, or to a crop that", card)
    else:
        assert "nearest_start" not in table and "not known how far they moved" in card


@pytest.mark.parametrize(
    ("method", "share", "told"),
    [
        ("random", 1.0, "The pictures are real training images"),
        ("sre2lpp", 0.98, "6 of the 6 pictures are nearer to a real training image"),
        ("sre2lpp", 0.0, "No picture is nearer"),
    ],
)
def test_the_card_warns_of_images_that_are_close_to_real_ones(
    sets: Sets, unzipped: Callable[..., Path], method: str, share: float, told: str
) -> None:
    manifest = sets.manifest()
    path = sets.root / "ipc.safetensors"
    copies = np.repeat(sets.real.transpose(0, 3, 1, 2)[None], IPC, 0)
    images = (copies * share).astype(np.uint8)
    facts = {"stage": "assemble", "settings": {}, "manifest": sets.digest, "inputs": {}}
    write_distilled(path, torch.from_numpy(images), facts)
    root = unzipped(path, manifest, method=method)
    card = (root / "README.md").read_text(encoding="utf-8")
    assert told in card.split("## Privacy")[1].split("## What")[0]
    distances = pd.read_csv(root / "images/pictures.csv")["nearest_real"]
    flat = (images.reshape(-1, 1, 3 * SIZE**2), copies[0].reshape(1, -1, 3 * SIZE**2))
    brute = np.sqrt(((flat[0].astype(float) - flat[1]) ** 2).mean(-1)).min(1)
    by_class = brute.reshape(IPC, -1).T.ravel()
    np.testing.assert_allclose(distances, by_class, rtol=0, atol=1e-3)


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
