"""What the page says first, from results whose numbers are known: pictures, classes, csv files."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.report.showcase import (
    BEST,
    CLASSES,
    SEEDS,
    SIDE,
    TEST_IMAGES,
    fill_table,
    sheet,
    showcase,
)

from fd2.artifacts.images import read_distilled
from fd2.artifacts.records import read_content, write_record
from fd2.config.names import Cell
from fd2.errors import FD2Error
from fd2.report.page import PageSources
from fd2.stages.summarise import summarise

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> PageSources:
    """Results that tests leave as they are."""
    return showcase(tmp_path_factory.mktemp("shown"))


def written(sources: PageSources, folder: Path) -> tuple[str, pd.DataFrame, pd.DataFrame]:
    """The page's text, and the two csv files."""
    files = [folder / name for name in ("index.html", "classes.csv", "confusions.csv")]
    summarise(sources, *files)
    frames = [pd.read_csv(file, dtype={"dataset": str}) for file in files[1:]]
    return files[0].read_text(), *frames


def words(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page))


def change(sources: PageSources, seed: int, how: Change) -> Path:
    """Change what the best row's student of a seed recorded."""
    path = sources.results / Cell(BEST, 5, "resnet18", seed).path()
    content = read_content(path)
    how(content["result"])
    path.unlink()
    write_record(path, {k: v for k, v in content.items() if k not in ("artefact", "record_sha256")})
    return path


def test_the_conclusion_is_the_first_that_is_said(shown: PageSources, tmp_path: Path) -> None:
    page, _, _ = written(shown, tmp_path)
    (line,) = [
        one
        for one in pd.read_csv(shown.results / "tables/config.csv").to_dict("records")
        if (one["method"], one["fd2"], one["ipc"]) == ("sre2lpp", "fd2", 5)
    ]
    gain = [line["over_random_balanced_top1"], line["over_random_balanced_top1_half_width"]]
    first = words(page.split("</h1>")[1].split("</p>")[0])
    assert re.findall(r"[+−]?[0-9]+\.[0-9]", first) == [
        f"{line['balanced_top1_mean']:.1f}",
        *(f"+{gain[0]:.1f}", f"{gain[1]:.1f}", "60.0"),
    ]
    assert "5 images a class" in first and "160 images" in first


def test_a_better_baseline_is_said_before_the_best_set(tmp_path: Path) -> None:
    """Where it has other labels than the random images that the best set is above."""
    sources = showcase(tmp_path, random_plain=0.97, sre2lpp_fd2=0.8, random_fd2=0.5)
    page, _, _ = written(sources, tmp_path)
    table = pd.read_csv(sources.results / "tables/config.csv").query("ipc == 5")
    random = table[table["method"] == "random"].sort_values("balanced_top1_mean").iloc[-1]
    best = table[table["method"] == "sre2lpp"].sort_values("balanced_top1_mean").iloc[-1]
    assert best["over_random_balanced_top1"] > best["over_random_balanced_top1_half_width"]
    first = words(page.split("</h1>")[1].split("</p>")[0])
    means = [one["balanced_top1_mean"] for one in (random, best)]
    numbers = re.findall(r"[+−]?[0-9]+\.[0-9]", first)
    shortfall = f"{means[1] - means[0]:.1f}".replace("-", "−")
    assert numbers[:3] == [f"{means[0]:.1f}", f"{means[1]:.1f}", shortfall]
    assert f"+{best['over_random_balanced_top1']:.1f}" == numbers[4]
    (lead,) = re.findall(r"<p class=\"conclusion\"><strong>(.*?)</strong>", page)
    assert random["label"] in lead and best["label"] not in lead


def test_its_images_are_those_of_the_set(shown: PageSources, tmp_path: Path) -> None:
    page, _, _ = written(shown, tmp_path)
    pictures = re.findall(r'<img src="data:image/webp;base64,([^"]+)" width', page)
    assert len(pictures) == len(CLASSES)
    held = read_distilled(shown.results / BEST.images(5)).images.reshape(4, 5, SIDE, SIDE)
    for strip, images in zip(pictures, held.numpy(), strict=True):
        seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(strip))).convert("L"))
        for place, image in enumerate(images):
            tile = seen[:, place * (SIDE + 2) :][:, :SIDE].astype(float)
            # Compressed with loss; another image is tens of levels away.
            assert abs(tile - image).mean() < 6
    assert all(html.escape(name) in page for name in CLASSES)


def test_images_that_were_not_learned_from_are_not_shown(tmp_path: Path) -> None:
    sources = showcase(tmp_path)
    path = sources.results / BEST.images(5)
    other = sources.results / "distilled/cells/sre2lpp/plain/base/ipc5.safetensors"
    path.unlink()
    page, _, _ = written(sources, tmp_path)
    assert f"snakemake {path} " in page and "<figcaption>" not in page.split('id="classes"')[0]
    assert other.is_file()


def test_classes_and_confusions_are_counted_over_all_students(
    shown: PageSources, tmp_path: Path
) -> None:
    page, classes, confusions = written(shown, tmp_path)
    cells = [shown.results / Cell(BEST, 5, "resnet18", seed).path() for seed in SEEDS]
    results = [json.loads(path.read_text())["result"] for path in cells]
    own = classes.query("method == 'sre2lpp' and fd2 == 'fd2'").set_index("class")
    mistakes = confusions.query("method == 'sre2lpp' and fd2 == 'fd2'").set_index("class")
    for name in CLASSES:
        right = sum(result["correct"][name].count("1") for result in results)
        assert own.loc[name, "right"] == pytest.approx(100 * right / (3 * TEST_IMAGES))
        assert own.loc[name, "students"] == 3 and own.loc[name, "test_images"] == TEST_IMAGES
        wrong = " ".join(result["mistaken_for"][name] for result in results).split()
        counted = mistakes.loc[[name]].set_index("taken_for")["answers"].to_dict()
        assert counted == {CLASSES[int(k)]: wrong.count(k) for k in set(wrong)}
    # The accuracies that the table has are the means of these.
    balanced = [result["last"]["balanced_top1"] for result in results]
    assert own["right"].mean() == pytest.approx(sum(balanced) / 3)
    # The page begins its list with the most frequent.
    worst = mistakes.reset_index().sort_values("share", ascending=False).iloc[0]
    listed = words(page.split('id="classes-1-pairs"')[1].split("<tbody>")[1].split("</tr>")[0])
    assert listed.split("\n")[1].startswith(f"{worst['class']}{worst['taken_for']}")
    # Every row of five images and of one, without full data.
    assert classes.groupby(["method", "fd2", "variant", "ipc"]).ngroups == 8


def test_records_without_wrong_answers_have_classes_alone(tmp_path: Path) -> None:
    sources = showcase(tmp_path)
    change(sources, 1, lambda result: result.pop("mistaken_for"))
    page, classes, confusions = written(sources, tmp_path)
    assert len(classes.query("fd2 == 'fd2' and method == 'sre2lpp'")) == 4
    assert confusions.query("fd2 == 'fd2' and method == 'sre2lpp'").empty
    assert 'id="classes-1-right"' in page and 'id="classes-1-pairs"' not in page


def test_answers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    def lose_an_answer(result: dict[str, Any]) -> None:
        result["mistaken_for"][CLASSES[0]] += " 1"

    sources = showcase(tmp_path)
    path = change(sources, 2, lose_an_answer)
    with pytest.raises(FD2Error, match="damaged") as error:
        written(sources, tmp_path)
    assert error.value.where == str(path)


def test_two_datasets_in_one_table_are_told_apart(tmp_path: Path) -> None:
    """Each with its own conclusion, chart, best set, classes and mistakes; one's name is digits."""
    birds = ("crow", "rook", "wren", "tit")
    showcase(tmp_path, "007", birds, sre2lpp_fd2=0.2, rded_plain=0.9, random_plain=0.3)
    sources = showcase(tmp_path)
    header, *cells = sheet("cells").splitlines()
    others = sheet("007").splitlines()[1:]
    # One's rows between the other's, as a sheet may have them.
    mixed = [line for pair in zip(cells, others, strict=True) for line in pair]
    (tmp_path / "config.csv").write_text("\n".join([header, *mixed]) + "\n")
    fill_table(tmp_path)
    page, classes, confusions = written(sources, tmp_path)
    first, second = page.split("<nav")[0].split("<section")[1:]
    table = pd.read_csv(sources.results / "tables/config.csv", dtype={"dataset": str})
    table = table[table["ipc"] == 5]
    for part, dataset, method, label in (
        (first, "cells", "sre2lpp", "SRe²L++ + FD²"),
        (second, "007", "rded", "RDED"),
    ):
        own = table[(table["dataset"] == dataset) & (table["method"] == method)]
        best = own.sort_values("balanced_top1_mean").iloc[-1]
        said = words(part.split('class="conclusion"')[1].split("</p>")[0])
        assert f"{label} reaches {best['balanced_top1_mean']:.1f}" in said.replace("\xa0", " ")
        assert f"+{best['over_random_balanced_top1']:.1f} ± " in said
        rows = re.findall(r'<g class="([a-z ]+)">\s*<text[^>]*>([^<]+)', part)
        # Full data with two networks, and six rows of five images; below, a chart of one image.
        assert len(rows) == 8 + 4
        assert [name for kind, name in rows[:8] if "best" in kind] == [label]
        assert f">{dataset}, 5 images a class" in part
    # Photographs of the one, and of the other, whose best set is not there, how to make them.
    images = page.split('id="images"')[1].split("</section>")[0]
    missing = sources.results / "distilled/007/rded/plain/base/ipc5.safetensors"
    assert images.count("<img") == 4 and f"snakemake {missing} " in images
    by_class = page.split('id="classes"')[1].split("</section>")[0].split("<h3>")[1:]
    for part, own, names, foreign in (
        (by_class[0], "cells", CLASSES, birds),
        (by_class[1], "007", birds, CLASSES),
    ):
        assert part.startswith(own)
        assert all(f">{html.escape(name)}<" in part for name in names)
        assert not any(f">{html.escape(name)}<" in part for name in foreign)
        for frame in (classes, confusions):
            assert set(frame[frame["dataset"] == own]["class"]) == set(names)
    assert set(confusions.query("dataset == '007'")["taken_for"]) == set(birds)
    right = classes.query("dataset == '007' and method == 'rded'")["right"].mean()
    wanted = table.query("dataset == '007' and method == 'rded'")["balanced_top1_mean"].item()
    assert right == pytest.approx(wanted, abs=1e-3)
    found = re.findall(r'id="([^"]+)"', page)
    assert len(found) == len(set(found))
    assert classes.groupby("dataset").size().tolist() == [32, 32]


def test_rows_that_are_not_finished_are_said(tmp_path: Path) -> None:
    sources = showcase(tmp_path)
    (sources.results / Cell(BEST, 5, "resnet18", 1).path()).unlink()
    fill_table(tmp_path)
    page, _, _ = written(sources, tmp_path)
    first = words(page.split("</h1>")[1].split("<nav")[0])
    assert "Not finished: 1 of 10 rows (SRe²L++ + FD² at 5, 2 of 3)" in " ".join(first.split())
    assert "SRe²L++ + FD² reaches" not in first
