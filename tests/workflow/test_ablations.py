"""Every ablation and cost table at smoke size: the shipped sheets' rows on two real classes."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

CONFIG = Path(__file__).resolve().parents[2] / "config"
LISTS = ("ablations", "measurements")
#: One or two of each kind of variant: of loss, groups, patches, teacher.
KEPT = {
    *("", "base", "similarity-alone", "similarity-alone-group-3", "characteristic-alone-alpha-0"),
    *("pretrain-cal-ratio-0.1", "release-prototypes", "release-patch-codec"),
}
SHIPPED: dict[str, Any] = yaml.safe_load((CONFIG / "config.yaml").read_text())
TABLES = [name for key in LISTS for name in SHIPPED[key]]
FILES = ("--configfile", "config/tiny.yaml", "config/ablations.yaml")
TEACHERS = "results/teachers/tiny/resnet10t"
BOTH = [{"method": "sre2lpp", "fd2": fd2, "variant": "base"} for fd2 in ("plain", "fd2")]
REAL = {"method": "full", "fd2": "plain", "variant": "base"}
#: The kinds that the tiny workflow leaves out.
FIGURES = {
    "figure4": {
        **{"dataset": "tiny", "backbone": "resnet10t", "published": []},
        "teacher_variants": ["pretrain-cal-ratio-0.1", "base"],
    },
    "figure5": {
        **{"dataset": "tiny", "ipc": 2, "class": "cracked", "teacher": "resnet10t"},
        **{"slots": [0, 1], "rows": BOTH},
    },
    "figure3b": {
        **{"dataset": "tiny", "ipc": 2, "backbone": "resnet10t", "training": "cal"},
        "rows": [REAL, *BOTH],
    },
}
TARGETS = (*LISTS, *FIGURES)
#: Steps in one iteration of what is measured, which are minutes as published.
METHODS = {"dsa": {"outer_loops": 2, "inner_epochs": 1}, "datm": {"inner_steps": 3}}


def smoke(name: str) -> str:
    """A shipped sheet with its notes, its rows on CUB-200-2011 and FD² moved to the tiny data."""
    lines = (CONFIG / "tables" / f"{name}.csv").read_text().splitlines()
    notes = [line for line in lines if line.startswith("#")]
    reader = csv.DictReader([line for line in lines if not line.startswith("#")])
    header = list(reader.fieldnames or ())
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    moved = {"dataset": "tiny", "ipc": "2", "student": "resnet10t", "backbone": "resnet10t"}
    for row in reader:
        other = row["dataset"] != "cub200" or row.get("method", "").startswith("fadrm")
        if other or row.get("variant") not in KEPT or row.get("student") == "resnet50":
            continue
        full = row.get("method") == "full"
        new = {k: moved[k] if k in moved and not (full and k == "ipc") else row[k] for k in header}
        rows[tuple(new[k] for k in header if not k.startswith("published") and k != "label")] = new
    stream = io.StringIO()
    writer = csv.DictWriter(stream, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows.values())
    return "\n".join([*notes, stream.getvalue()])


def with_ablations(project: Any) -> Any:
    """A tiny project with every ablation and cost table."""
    settings: dict[str, Any] = {key: [f"tiny_{name}" for name in SHIPPED[key]] for key in LISTS}
    settings |= {"figures": FIGURES, "measure": {"warm_up": 1, "iterations": 2}}
    settings["distill"] = {"methods": METHODS}
    project.write("config/ablations.yaml", settings)
    for name in TABLES:
        project.write(f"config/tables/tiny_{name}.csv", smoke(name))
    return project


@pytest.fixture(scope="module")
def ablated(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The finished tiny workflow with all of its ablations and measurements."""
    folder = tmp_path_factory.mktemp("ablated") / "repository"
    shutil.copytree(finished.folder, folder)
    project = with_ablations(type(finished)(folder, finished._server))
    plan = project.dry_run(*TARGETS, *FILES)
    done = project.snakemake(*TARGETS, "--cores", "2", *FILES)
    assert done.returncode == 0, done.stdout + done.stderr
    project.plan = plan
    return project


def test_variants_share_what_comes_before_them(ablated: Any) -> None:
    """Two other teachers, patches of one variant, nothing of the data."""
    assert ablated.plan == {
        **{"pretrain": 2, "patches": 1, "distill": 5, "assemble": 5, "relabel": 7},
        **{"evaluate": 7, "measure": 5, "tabulate": 10, "ablations": 1, "measurements": 1},
        **{"draw": len(FIGURES), **dict.fromkeys(FIGURES, 1)},
    }
    assert ablated.dry_run(*TARGETS, *FILES) == {}


def test_figure_4_has_the_accuracies_of_its_teachers(ablated: Any) -> None:
    results = ablated.folder / "results"
    with (results / "figures" / "figure4.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    trainings = {"0.1000": "cal-pretrain-cal-ratio-0.1", "0.5000": "cal"}
    assert {line["cal_ratio"] for line in lines} == set(trainings)
    for line in lines:
        path = ablated.folder / TEACHERS / f"{trainings[line['cal_ratio']]}.json"
        top1 = json.loads(path.read_text())["result"]["chosen"][line["head"]]["top1"]
        assert line["top1"] == f"{top1:.4f}"


def test_every_kind_of_figure_has_numbers_and_a_caption(ablated: Any) -> None:
    for name in FIGURES:
        path = ablated.folder / "results" / "figures" / name
        assert len(path.with_suffix(".csv").read_text().splitlines()) > 1
        assert f"Figure {name}. Data: tiny (manifest " in path.with_suffix(".md").read_text()


@pytest.mark.parametrize("name", TABLES)
def test_table_is_whole_and_shows_labels_notes_and_published(ablated: Any, name: str) -> None:
    table = ablated.folder / "results" / "tables" / f"tiny_{name}"
    markdown = table.with_suffix(".md").read_text()
    assert "missing" not in markdown.lower()
    sheet = (ablated.folder / "config" / "tables" / f"tiny_{name}.csv").read_text().splitlines()
    notes = [line.removeprefix("# ") for line in sheet if line.startswith("#")]
    for note in (note for note in notes if not note.startswith("kind: ")):
        assert f"- {note}" in markdown
    reader = csv.DictReader([line for line in sheet if not line.startswith("#")])
    for row in reader:
        assert row.get("label", "") in markdown
        for key, value in row.items():
            if key.startswith("published") and value:
                assert f"{float(value):g}" in markdown
    assert table.with_suffix(".tex").read_text().isascii()
    frame = list(csv.DictReader(table.with_suffix(".csv").open()))
    assert len(frame) == reader.line_num - 1
    assert {line["missing"] for line in frame} == {""}


def test_a_variant_of_the_teacher_works_to_its_end(ablated: Any) -> None:
    for training, ratio, prototypes in (
        ("cal", 0.5, "momentum"),
        ("cal-pretrain-cal-ratio-0.1", 0.1, "momentum"),
        ("cal-release-prototypes", 0.5, "last_feature"),
    ):
        content = json.loads((ablated.folder / TEACHERS / f"{training}.json").read_text())
        assert content["teacher"]["training"] == training
        cal = content["settings"]["cal"]
        assert (cal["cal_ratio"], cal["prototypes"]) == (ratio, prototypes)
    table = ablated.folder / "results/tables/tiny_cal_ratio_teachers.csv"
    lines = list(csv.DictReader(table.open()))
    assert [(line["variant"], float(line["cal_ratio"])) for line in lines] == [
        ("pretrain-cal-ratio-0.1", 0.1),
        ("base", 0.5),
    ]
    sets = ablated.folder / "results/distilled/tiny/sre2lpp/fd2"
    read = json.loads((sets / "release-prototypes/group0.json").read_text())
    base = json.loads((sets / "base/group0.json").read_text())
    assert read["inputs"]["teacher0"] != base["inputs"]["teacher0"]
    assert read["inputs"]["patches"] == base["inputs"]["patches"]
    codec = json.loads((sets / "release-patch-codec/group0.json").read_text())
    assert codec["inputs"]["teacher0"] == base["inputs"]["teacher0"]
    assert codec["inputs"]["patches"] != base["inputs"]["patches"]


def test_times_are_those_of_the_groups_records(ablated: Any) -> None:
    table = ablated.folder / "results/tables/tiny_appendix5.csv"
    lines = {line["variant"]: line for line in csv.DictReader(table.open())}
    assert len(lines) == 2
    for variant, line in lines.items():
        path = f"results/distilled/tiny/sre2lpp/fd2/{variant}/group0.json"
        record = json.loads((ablated.folder / path).read_text())
        seconds = record["run"]["slot_seconds"]
        assert len(seconds) == 2 and 0 < sum(seconds) < record["run"]["seconds"]
        assert float(line["total_seconds"]) == pytest.approx(sum(seconds), abs=1e-4)
        assert float(line["seconds_per_slot"]) == pytest.approx(sum(seconds) / 2, abs=1e-4)
        assert line["device"] == record["run"]["device_name"]


def test_measurements_name_their_hardware(ablated: Any) -> None:
    markdown = (ablated.folder / "results/tables/tiny_appendix2.md").read_text()
    for fd2, slots in (("plain", {"first"}), ("fd2", {"first", "last"})):
        path = ablated.folder / f"results/measured/tiny/sre2lpp/{fd2}/base/ipc2.json"
        content = json.loads(path.read_text())
        assert set(content["iterations"]) == slots
        assert f"| {content['run']['device_name']} |" in markdown
        assert f"{content['iterations']['first']['milliseconds']['median']:.1f} (" in markdown
    for method, published in (("dsa", 3900), ("dm", 1400), ("datm", 2700)):
        path = ablated.folder / f"results/measured/tiny/{method}/plain/base/ipc2.json"
        median = json.loads(path.read_text())["iterations"]["first"]["milliseconds"]["median"]
        assert f"| {method.upper()} | 2 | {median:.1f} (" in markdown
        assert f"| – | {published} |" in markdown
    assert "peak resident memory" in markdown


def test_a_variant_that_repeats_base_is_refused_as_a_target(ablated: Any) -> None:
    name = ablated.write("config/same.yaml", {"distill": {"group_size": 3}})
    path = "results/distilled/tiny/sre2lpp/fd2/same/ipc2.safetensors"
    ablated.write("config/variant.yaml", {"variants": {"same": {"distill": {"group_size": 2}}}})
    for arguments, status in (((), 1), ((name,), 0)):
        done = ablated.snakemake("--dry-run", path, *FILES, "config/variant.yaml", *arguments)
        assert done.returncode == status, done.stdout + done.stderr
        assert ("variant 'same' repeats 'base'" in done.stdout + done.stderr) == bool(status)
