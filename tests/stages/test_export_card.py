"""What the card of an export says: licence, settings, nearness to real images, and worth."""

from __future__ import annotations

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
from tests.stages.conftest import IPC, LICENCE, NAME, RUN, SIZE, TEMPLATES, Sets

from fd2.artifacts.exports import read_export
from fd2.artifacts.files import file_digest
from fd2.artifacts.images import write_distilled
from fd2.artifacts.records import write_record
from fd2.stages.export import Sources, export, licence_name


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
