"""`fd2 init` on a folder with the faults of a first evening, and what the planner makes of it."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import ExifTags, Image
from tests.workflow.conftest import Project, Server, copy_sources

from fd2.__main__ import main
from fd2.config.checks import check_table, checked_configuration
from fd2.config.layers import read_layers
from fd2.config.rows import StudentRow
from fd2.config.sheets import read_sheet
from fd2.config.yaml_reader import read_yaml
from fd2.image_counts import visible_difference
from fd2.planning.first_config import Wanted, choices, fitting_resolution, written
from fd2.planning.own_images import OwnImages

pytestmark = pytest.mark.workflow
#: Of each class; a quarter of them, rounded up, is for testing.
COUNTS = {"cracked": 32, "Dark Spot": 20, "sound": 12}
#: Photographs of solar cells are 300 pixels wide and high.
SIZES = ((300, 300), (200, 260), (180, 90))
SUFFIXES = ("png", "jpg", "tif", "webp", "bmp")
Init = Callable[..., dict[str, Any]]


def write_faulty(folder: Path) -> None:
    """Photographs of one class each, in several formats and sizes; the smallest class has nine."""
    spec = find_spec("elpv_dataset")
    assert spec is not None and spec.origin is not None
    photographs = iter(sorted((Path(spec.origin).parent / "data/images").iterdir()))
    for name, count in COUNTS.items():
        (folder / name).mkdir(parents=True)
        for number in range(9 if name == "sound" else count):
            with Image.open(next(photographs)) as image:
                picture = image.convert("RGB").resize(SIZES[number % len(SIZES)])
            exif = Image.Exif()
            if number == 1:
                exif[ExifTags.Base.Orientation] = 6
            path = folder / name / f"{number}.{SUFFIXES[number % len(SUFFIXES)]}"
            picture.save(path, exif=exif) if number == 1 else picture.save(path)
    (folder / "cracked" / "cut off.jpg").write_bytes(
        (folder / "cracked" / "6.jpg").read_bytes()[:600]
    )
    shutil.copy(folder / "cracked" / "0.png", folder / "Dark Spot" / "same.png")
    (folder / "sound" / ".DS_Store").write_bytes(b"")
    (folder / "sound" / "Thumbs.db").write_bytes(b"")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The faulty folder; leave it as it is."""
    folder = tmp_path_factory.mktemp("own") / "Solar cells"
    write_faulty(folder)
    return folder


@pytest.fixture
def project(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the sources, as the present folder."""
    copied = copy_sources(tmp_path / "repository", server)
    monkeypatch.chdir(copied.folder)
    return copied


@pytest.fixture
def init(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Init:
    """Runs the command; what it found, or why it was refused."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    def run(folder: Path, *words: str) -> dict[str, Any]:
        capsys.readouterr()
        code = main(["init", str(folder), "--json", *words])
        told = capsys.readouterr()
        return dict(json.loads(told.out)) if code == 0 else {"error": told.err}

    return run


def test_a_folder_with_many_faults_becomes_a_plan(
    project: Project,
    init: Init,
    photographs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photographs = shutil.copytree(photographs, tmp_path / photographs.name)
    found = init(photographs)
    assert found["classes"]["train"] == {"Dark Spot": 15, "cracked": 24, "sound": 6}
    assert found["classes"]["test"] == {"Dark Spot": 6, "cracked": 8, "sound": 3}
    assert list(found["broken"]) == [str(photographs / "cracked/cut off.jpg")]
    told = " ".join(found["told"])
    for words in ("EXIF orientation", "copies of a picture of another class", "machine-made"):
        assert words in told
    values = read_yaml(Path("config/solar_cells.yaml"))
    entry = values["datasets"]["solar_cells"]
    assert (entry["path"], entry["test_fraction"]) == (str(photographs), 0.25)
    # The middle of the shorter sides, 90, 180 or 200 and 300, would take 128 on a CPU.
    assert entry["resolution"] == 128 and values["device"] == "auto"
    # Six images of the smallest class: five of four crops each would need twenty.
    methods = values["distill"]["methods"]
    assert (methods["sre2lpp"]["patches"], methods["rded"]["patches"]["tiling"]) == ("1x1", "1x1")
    sheet = read_sheet(Path("config/tables/solar_cells.csv"))
    assert len(sheet.notes) == 1 and sheet.notes[0].startswith("hard: ")
    sets = [(row.method, row.fd2, row.variant, row.ipc) for row in sheet.rows_of(StudentRow)]
    assert sets == [
        *(("full", fd2, "base", None) for fd2 in ("plain", "fd2", "plain")),
        ("random", "plain", "hard", 5),
        *((method, "plain", "base", 5) for method in ("random",)),
        ("random", "fd2", "base", 5),
        *(("rded", "plain", "base", 5), ("sre2lpp", "plain", "base", 5)),
        ("sre2lpp", "fd2", "base", 5),
    ]
    assert project.dry_run("--configfile", "config/solar_cells.yaml") == {
        **{"prepare": 1, "pretrain": 3, "patches": 2, "select_images": 3, "distill": 4},
        **{"assemble": 2, "relabel": 5, "evaluate_seeds": 6, "draw": 2, "tabulate": 1},
        **{"summarise": 1, "all": 1},
    }
    assert "config/solar_cells.yaml" in init(photographs)["error"]
    assert main(["init", str(photographs), "--force", "--ipc", "6"]) == 0
    said = capsys.readouterr().out
    move = next(line for line in said.splitlines() if "mv " in line)
    done = subprocess.run(["bash", "-c", move], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    config = project.folder / "config/solar_cells.yaml"
    edited = config.read_text().replace("horizontal", "vertical")
    config.write_text(edited)
    again = init(photographs, "--force")
    assert again["broken"] == {}
    assert again["classes"] == found["classes"]
    lines = again["replaced"].pop("config/solar_cells.yaml")
    assert any(line[0] == "-" and "vertical" in line for line in lines)
    assert config.with_name("solar_cells.yaml.old").read_text() == edited
    # Six images of each class went back to five.
    assert all("solar_cells,full" not in line for line in again["replaced"].popitem()[1])
    assert init(photographs, "--force")["replaced"] == {}


def test_shipped_files_are_not_written_over(
    project: Project, init: Init, photographs: Path
) -> None:
    # A config alone, a sheet alone, and one of the user's own.
    project.write("config/mine.yaml", "seeds: [0]\n")
    for name, path in (
        ("quickstart", "config/quickstart.yaml"),
        ("table1", "config/tables/table1.csv"),
        ("mine", "config/mine.yaml"),
    ):
        before = (project.folder / path).read_bytes()
        assert path in init(photographs, "--name", name, "--force")["error"]
        assert (project.folder / path).read_bytes() == before


def test_small_pictures_get_small_networks_and_matching(
    project: Project, init: Init, photographs: Path
) -> None:
    words = ("--name", "on", "--resolution", "32", "--ipc", "2", "--device", "cpu")
    found = init(photographs, *words)
    assert (found["student"], found["teacher"]) == ("convnet", "resnet10t")
    rows = read_sheet(Path("config/tables/on.csv")).rows_of(StudentRow)
    assert "dm" in {row.method for row in rows} and {row.ipc for row in rows} == {None, 2}
    counts = project.dry_run("on", "--configfile", "config/on.yaml")
    assert (counts["match"], counts["evaluate_seeds"]) == (1, 7)


def test_a_student_starts_from_the_weights_that_a_package_has(
    project: Project, init: Init, photographs: Path
) -> None:
    network = "tf_efficientnet_lite0"
    found = init(photographs, "--name", "cells", "--student", network, "--device", "cuda")
    config = read_yaml(Path("config/cells.yaml"))
    (override,) = config["overrides"].values()
    assert override["where"] == {"student": network}
    assert override["set"]["evaluate"]["initialisation"] == "imagenet"
    # The teacher's row of full data is the student's.
    rows = read_sheet(Path("config/tables/cells.csv")).rows_of(StudentRow)
    assert [(row.fd2, row.student) for row in rows if row.ipc is None] == [
        ("plain", network),
        ("fd2", network),
    ]
    # With a GPU students are trained longer; fifteen images are one batch, so a step is an epoch.
    assert config["evaluate"]["epochs"] == config["relabel"]["epochs"] == 4000
    assert (found["steps"]["student"], config["device"]) == (4000, "cuda")


@pytest.mark.parametrize(
    ("student", "initialisation"),
    [
        ("tf_efficientnet_lite0", "imagenet"),
        # Of either library, in a table here or not, with weights to be fetched or without any.
        *((name, "scratch") for name in ("resnet18", "resnet34", "mobilenetv3_small_100")),
        *((name, "scratch") for name in ("darknet17", "convnet")),
    ],
)
def test_no_weights_are_fetched_for_a_student(
    sources: Project, student: str, initialisation: str, tmp_path: Path
) -> None:
    counts = {split: dict.fromkeys(("cracked", "sound"), 20) for split in ("train", "test")}
    images = OwnImages(tmp_path, 0.25, counts, ((300, 300),), {}, (), None)
    wanted = Wanted(name="cells", device="cuda", gpu=True, student=student)
    values = choices(images, wanted)
    folder = shutil.copytree(sources.folder / "config", tmp_path / "config")
    (folder / "cells.yaml").write_text(written("config.j2", values))
    (folder / "tables/cells.csv").write_text(written("sheet.j2", values))
    layers = read_layers(folder / "config.yaml", [folder / "cells.yaml"])
    found = checked_configuration(layers, "config", folder)
    check_table(found, "cells")
    rows = found.sheet("cells").rows_of(StudentRow)
    assert {student} == {row.student for row in rows if row.ipc is not None}
    sections = [found.evaluate(cell) for row in rows for cell in row.cells([0])]
    full = [row for row in rows if row.ipc is None and row.student == student]
    sections += [found.pretrain(row.teacher) for row in full]
    assert {section["initialisation"] for section in sections} == {initialisation}


def test_pictures_that_training_and_test_share_are_told(
    project: Project, init: Init, photographs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "splits"
    for name in ("cracked", "sound"):
        shutil.copytree(photographs / name, folder / "train" / name)
        (folder / "test" / name).mkdir(parents=True)
        shutil.copy(folder / "train" / name / "5.png", folder / "test" / name / "again.png")
        shutil.move(folder / "train" / name / "0.png", folder / "test" / name)
    found = init(folder)
    assert found["shared"].startswith("test images of which training has a copy")
    assert "again.png" in found["shared"]
    assert "test_fraction" not in read_yaml(Path("config/splits.yaml"))["datasets"]["splits"]


def test_a_table_of_paths_and_labels(
    project: Project, init: Init, photographs: Path, tmp_path: Path
) -> None:
    lines = [
        f"{path if label == 'sound' else os.path.relpath(path, tmp_path)};{label} cell;{split}"
        for label in ("cracked", "sound")
        for number, path in enumerate(sorted((photographs / label).glob("[0-9].*")))
        for split in ("valid" if number < 3 else "train",)
    ]
    table = tmp_path / "cells.csv"
    table.write_text("\n".join(["\ufeffpath;label;split", *lines]) + "\n", encoding="utf-8")
    found = init(table)
    assert found["classes"] == {
        "train": {"cracked cell": 7, "sound cell": 6},
        "test": {"cracked cell": 3, "sound cell": 3},
    }
    assert project.dry_run("cells", "--configfile", "config/cells.yaml")["evaluate_seeds"] == 6
    # Names, which say what is for testing where no split is named, do not hang on other lines.
    links = project.folder / "resources/own/cells/images"
    before = {path.name for path in links.rglob("*.*")}
    table.write_text("\n".join(["path;label;split", *lines[:-1][::-1]]), encoding="utf-8")
    init(table, "--force")
    assert {path.name for path in links.rglob("*.*")} < before
    table.write_text("path,label\nnone.png,a\n", encoding="utf-8")
    assert "1 of 1 pictures are not there" in init(table, "--force")["error"]
    table.write_text(f"path,label\n{next(links.rglob('*.jpg'))},a\n", encoding="utf-8")
    assert "would be deleted" in init(table, "--force")["error"]
    assert links.is_dir()
    names = ["path,label", *(f"{photographs}/{c}/0.png,{c[0]}{e}" for c in COUNTS for e in "?")]
    table.write_text("\n".join([*names[:2], names[2].replace("D?", "c!")]), encoding="utf-8")
    assert "give the same folder" in init(table, "--force")["error"]


def test_parquet_files_of_the_hub(
    project: Project, init: Init, photographs: Path, tmp_path: Path
) -> None:
    classes = ["cracked", "sound"]
    info = {"info": {"features": {"label": {"names": classes}}}}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", image), ("label", pa.int64())], {"huggingface": json.dumps(info)})
    rows = [
        {"image": {"bytes": path.read_bytes(), "path": path.name}, "label": label}
        for label, name in enumerate(classes)
        for path in sorted((photographs / name).glob("[0-8].*"))
    ]
    folder = tmp_path / "hub"
    (folder / "data").mkdir(parents=True)
    for split, part in (("train", rows[::2]), ("test", rows[1::2])):
        target = folder / f"data/{split}-00000-of-00001.parquet"
        pq.write_table(pa.Table.from_pylist(part, schema), target)
    assert init(folder)["classes"] == {
        "train": {"cracked": 5, "sound": 4},
        "test": {"cracked": 4, "sound": 5},
    }


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--name", "my-cells"), "no name of a dataset"),
        (("--name", "ELPV"), "is a dataset of config/config.yaml"),
        (("--name", "quickstart"), "config/tables/quickstart.csv"),
        (("--name", "export"), "a target of the workflow itself"),
        (("--student", "resnet_18"), "did you mean 'resnet18'"),
        (("--ipc", "7"), "the smallest class has 6"),
        # A half of a batch of three would be one image.
        (("--ipc", "1"), "ask for --ipc 2"),
        (("--resolution", "9"), "the nearest is 16"),
        (("--configfile", "config/quickstart.yaml"), "leave out --configfile"),
    ],
)
def test_what_cannot_be_written_is_refused(
    sources: Project,
    init: Init,
    photographs: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    what: str,
) -> None:
    monkeypatch.chdir(sources.folder)
    before = sorted(Path("config").rglob("*"))
    assert what in init(photographs, *words)["error"]
    assert sorted(Path("config").rglob("*")) == before


def test_folders_that_are_no_dataset_are_refused(
    sources: Project,
    init: Init,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(sources.folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no class folders" in init(empty)["error"]
    assert "no such folder" in init(tmp_path / "none")["error"]
    (empty / "cracked").mkdir()
    (empty / "sound").mkdir()
    assert "2 class(es) without images" in init(empty)["error"]
    (empty / "sound").rmdir()
    shutil.copy(photographs / "sound/0.png", empty / "cracked")
    assert "one class folder only: 'cracked'" in init(empty)["error"]
    assert "rename the folder" in init(shutil.copytree(empty, tmp_path / "a$HOME"))["error"]


@pytest.mark.parametrize(
    ("side", "gpu", "resolution"),
    [(20, True, 32), (63, True, 32), (64, False, 64), (500, False, 128), (500, True, 224)],
)
def test_resolutions_enlarge_nothing(side: int, gpu: bool, resolution: int) -> None:
    assert fitting_resolution(side, gpu=gpu) == resolution


def test_the_difference_that_test_images_show() -> None:
    # 100 images at one half: a standard error of 5 points, and that of a difference √2 times it.
    assert visible_difference([50, 50]) == pytest.approx(1.96 * math.sqrt(2) * 5, rel=0.02)
    # Each class counts as much: the smallest says how much is known.
    assert visible_difference([90, 10]) > visible_difference([50, 50])
    assert visible_difference([50, 50], 0.9) == pytest.approx(0.6 * visible_difference([50, 50]))
