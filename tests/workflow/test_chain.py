"""The finished tiny workflow: its artefacts, logs, benchmarks, page and report."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from typing import Any

import pytest
import yaml
from PIL import Image

from fd2.artifacts.images import read_slots

pytestmark = pytest.mark.workflow
BOTH = ("plain", "fd2")
TINY = ["--configfile", "config/tiny.yaml"]


def test_every_heavy_job_has_a_log_and_a_benchmark(finished: Any) -> None:
    for cell in (finished.folder / "results" / "students").rglob("seed*.json"):
        name = cell.relative_to(finished.folder / "results").with_suffix("")
        log = finished.folder / "logs" / name.with_suffix(".log")
        assert "device: cpu" in log.read_text()
        benchmark = finished.folder / "benchmarks" / name.with_suffix(".tsv")
        assert len(benchmark.read_text().splitlines()) == 2


def test_no_temporary_or_state_file_is_left(finished: Any) -> None:
    left = [path for path in (finished.folder / "results").rglob(".*") if path.is_file()]
    assert left == []
    state = finished.folder / "state"
    assert not state.exists() or list(state.iterdir()) == []


def test_distilled_images_moved(finished: Any) -> None:
    """Most bytes differ from the initial patches, so that equal bytes elsewhere mean something."""
    results = finished.folder / "results"
    patches = read_slots(results / "patches/tiny/2x2.safetensors").images[:2]
    for fd2 in BOTH:
        images = read_slots(
            results / f"distilled/tiny/sre2lpp/{fd2}/base/group0.safetensors"
        ).images
        assert (images != patches).double().mean() > 0.5


def test_table_shows_the_results_beside_the_published_number(finished: Any) -> None:
    tables = finished.folder / "results" / "tables"
    markdown = (tables / "tiny.md").read_text()
    assert "60.5" in markdown
    assert "missing" not in markdown.lower()
    for row in ("sre2lpp/plain", "sre2lpp/fd2"):
        path = f"results/students/tiny/{row}/base/ipc2/resnet10t/seed0.json"
        top1 = json.loads((finished.folder / path).read_text())["result"]["last"]["top1"]
        assert f"{top1:.1f}" in markdown
    assert {path.suffix for path in tables.iterdir()} == {".csv", ".md", ".tex"}


def test_table_of_diagnoses_shows_each_result_and_fd2_minus_plain(finished: Any) -> None:
    results = finished.folder / "results"
    markdown = (results / "tables" / "seen.md").read_text()
    margins = []
    for path in ("full/resnet10t/cal", *(f"sre2lpp/{f}/base/ipc2/resnet10t/cal" for f in BOTH)):
        result = json.loads((results / "diagnostics" / "tiny" / f"{path}.json").read_text())[
            "result"
        ]
        margins.append(result["margin"])
        assert f"{result['centre_distance']:.3f}" in markdown
    difference = f"{margins[2] - margins[1]:+.3f}".replace("-", "−")
    assert difference in markdown.split("## With FD² minus without")[1]
    assert (results / "figures" / "embedding.csv").read_text().count("\n") == 1 + 16 + 4 + 4


def test_each_figure_has_its_picture_numbers_and_caption(finished: Any) -> None:
    folder = finished.folder / "results" / "figures"
    names = yaml.safe_load((finished.folder / "config/tiny.yaml").read_text())["figures"]
    written = {path.name for path in folder.iterdir()}
    assert written == {f"{name}.{kind}" for name in names for kind in ("png", "pdf", "csv", "md")}
    for name in names:
        assert len((folder / f"{name}.csv").read_text().splitlines()) > 1
        caption = (folder / f"{name}.md").read_text()
        assert f"Figure {name}. Data: tiny (manifest " in caption and "Commits: " in caption


def test_the_page_holds_tables_figures_costs_and_commands(finished: Any) -> None:
    page = html.unescape((finished.folder / "results/report/index.html").read_text())
    shown = [
        Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB").tobytes()
        for content in re.findall(r"data:image/\w+;base64,([^\"]+)", page)
    ]
    for figure in ("curves", "images", "figure1b", "embedding"):
        picture = Image.open(finished.folder / f"results/figures/{figure}.png").convert("RGB")
        assert picture.tobytes() in shown
    table = (finished.folder / "results/tables/tiny.md").read_text()
    (published,) = [line for line in table.splitlines() if "60.5" in line]
    for words in published.strip("| ").split(" | "):
        assert f">{words}</t" in page
    for cell in (finished.folder / "results/students").rglob("seed0.json"):
        path = cell.relative_to(finished.folder)
        command = f"snakemake --force {path} --cores all --configfile config/tiny.yaml"
        assert command in page
        assert f"{json.loads(cell.read_text())['result']['last']['top1']:.1f} / " in page
    stages = ("prepare", "pretrain", "patches", "distill", "assemble", "select_images", "relabel")
    for stage in (*stages, "evaluate"):
        assert f'<tr><th scope="row">{stage}</th><td>tiny</td>' in page
    tables = page.split('id="tables"')[1].split('id="figures"')[0]
    assert "photos" in page and "missing" not in tables.split("</dl>")[1]


@pytest.mark.parametrize("made_by", ["the run itself", "--report"])
def test_report_holds_tables_figures_captions_and_labels(finished: Any, made_by: str) -> None:
    path = finished.folder / "report.html"
    if made_by == "--report":
        path = finished.folder / "again.html"
        done = finished.snakemake(*TINY, "--report", path.name)
        assert done.returncode == 0, done.stderr
    report = html.unescape(path.read_text())
    for expected in (
        *("results/tables/tiny.csv", "results/figures/curves.png"),
        *("results/figures/images.png", "results/figures/figure1b.png"),
        *("results/tables/seen.csv", "results/figures/embedding.png"),
        # Captions of the workflow, a table and each kind of figure.
        "Snakemake's own views of the same run",
        "top-1 and class-balanced top-1 in percent at the last epoch",
        "the line is the mean over seeds",
        "A block of rows for each method",
        "bright where the teacher looks",
        "All panels share one embedding",
        # Labels and categories.
        *('"figure1b"', '"Tables"', '"Figures"'),
    ):
        assert expected in report, expected
    # The page says these things once, in a file of its own.
    for other in ("results/report/index.html", "results/tables/tiny.md"):
        assert f'"{other}": {{"name"' not in report
