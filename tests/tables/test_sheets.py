"""Tables of teachers, diagnoses and costs: golden files, gaps and refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.tables.conftest import RUN, TEMPLATES, check_golden, record, write_teacher

from fd2.artifacts.records import read_content, write_record
from fd2.config.rows import ComplexityRow, DetectionRow, DiagnosticRow
from fd2.errors import FD2Error
from fd2.stages.tabulate import tabulate
from fd2.tables.diagnostics import MEASURES

RESULTS = Path("results")
TEACHERS = """\
# kind: teachers
# A note.
dataset,backbone,variant,published_backbone,published_cal
d_1,resnet18,base,71.0,82.1;83.0
d_1,resnet18,low-0.1,,
d_1,resnet50,base,70.0,
"""
DIAGNOSES = """\
# kind: diagnostics
dataset,method,fd2,variant,ipc,backbone,training
d_1,full,plain,base,,resnet18,cal
d_1,sre2lpp,plain,base,1,resnet18,cal
d_1,sre2lpp,fd2,base,1,resnet18,cal
d_1,sre2lpp,fd2,base,1,resnet50,plain
"""
REAL = DiagnosticRow("d_1", "full", "plain", "base", None, "resnet18", "cal")
PLAIN = DiagnosticRow("d_1", "sre2lpp", "plain", "base", 1, "resnet18", "cal")
FD2 = DiagnosticRow("d_1", "sre2lpp", "fd2", "base", 1, "resnet18", "cal")
COMPLEXITY = """\
# kind: complexity
# A note.
dataset,backbone,training,group,published
d_1,resnet18,plain,,0.75
d_1,resnet18,plain,birds,
one,resnet18,plain,,0.5
d_1,resnet50,plain-long,,0.25
"""
BIRDS = {"name": "birds", "dataset": "d_1", "classes": ["wren", "owl", "kite", "crow"], "size": 1}
DETECTION = """\
# kind: detection
# A note.
dataset,method,fd2,variant,ipc,scenes,annotator,detector,label
d_1,full,plain,base,,coco,,ssd,
d_1,random,plain,base,1,coco,boxes,ssd,
d_1,sre2lpp,plain,base,1,coco,boxes,ssd,all boxes
d_1,random,plain,base,10,coco,boxes,ssd,
"""
ITERATIONS = """\
# kind: iterations
# A note.
dataset,method,fd2,variant,ipc,published_ms,published_gb
d,DSA,plain,,1,3900,68.4
d,sre2lpp,plain,base,2,64.6,4.8
d,sre2lpp,fd2,base,2,96.8,5.3
"""
GROUPS = """\
# kind: groups
dataset,method,fd2,variant,ipc,published_seconds,label
d,sre2lpp,fd2,two,5,100.0,N_s = 2
d,sre2lpp,fd2,five,5,125.0,N_s = 5
"""


def fill(
    text: str,
    name: str = "t",
    seeds: Sequence[int] = (0,),
    facts: Sequence[Mapping[str, Any]] = (),
) -> pd.DataFrame:
    """Write a sheet and its table; the csv."""
    path = Path(f"sheet/{name}.csv")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    tabulate(path, RESULTS, seeds, facts, TEMPLATES, Path(name))
    return pd.read_csv(f"{name}.csv")


def teach() -> None:
    settings = {"accuracy": "exact", "cal": {"attention_maps": 8, "cal_ratio": 0.5}}
    write_teacher(RESULTS, "d_1", "resnet18", "cal", settings=settings)
    write_teacher(RESULTS, "d_1", "resnet18", "cal-low-0.1")


def diagnose(row: DiagnosticRow, manifest: str = "m", **changes: Any) -> Path:
    values = dict(zip(MEASURES, (0.25, 0.5, 0.4, -0.125, 0.6, 0.7, 0.3), strict=True))
    return record(
        RESULTS / row.path("json"),
        diagnosis=vars(row),
        preset="paper",
        result={**values, "group_size": 4, "attention": "cal", **changes},
        manifest=manifest,
        run={**RUN, "dirty": True},
    )


def diagnose_three() -> None:
    undefined = {"intra_class_variance": None, "margin": None, "pairwise_distance": None}
    diagnose(REAL)
    diagnose(PLAIN, **undefined)
    diagnose(FD2, **undefined, centre_distance=0.6, nearest_centre_distance=0.35)


#: Of each class complexity at three thresholds.
CLASSES = {
    **{"ant": [0.5, 1, 1], "crow": [0.25, 0.75, 1], "kite": [0.125, 0.5, 0.75]},
    **{"owl": [0, 0.25, 1], "wren": [0.25, 0.5, 1]},
}


def look(
    dataset: str,
    manifest: str = "m",
    classes: Mapping[str, list[float]] = CLASSES,
    flat_maps: int = 2,
    **changes: Any,
) -> Path:
    network = ComplexityRow(dataset, "resnet18", "plain").network
    found = [
        {
            **{"name": name, "images": 12, "flat_maps": flat_maps},
            **{"activation": 1 - own[0] / 2, "complexity": own},
        }
        for name, own in classes.items()
    ]
    result = {"map_cells": [7, 5], "thresholds": [0.1, 0.5, 0.9], "halves_by": 0.5}
    return record(
        RESULTS / network.complexity(),
        complexity_of=vars(network),
        preset="paper",
        settings={"maps": "smooth_grad_cam"},
        result={**result, "classes": found, **changes},
        manifest=manifest,
    )


def look_at_two() -> None:
    look("d_1")
    look("one", classes={"only": [0.5]}, flat_maps=0, thresholds=[0.2], halves_by=0.2)


def detect(method: str, ipc: int | None, seed: int, manifest: str = "v", **result: Any) -> Path:
    annotator = "" if ipc is None else "boxes"
    row = DetectionRow("d_1", method, "plain", "base", ipc, "coco", annotator, "ssd")
    (detector,) = row.detectors([seed])
    numbers = {"images": 12, "boxes": 30, "tested_images": 5, "map": 10.0, "map50": 25.0}
    return record(
        RESULTS / detector.path(),
        detection=detector.fields(),
        preset="paper",
        scenes_manifest=manifest,
        result={**numbers, **result},
        manifest=manifest if ipc is None else "m",
    )


def detect_all() -> None:
    detect("full", None, 0, map=40.0, map50=60.0, images=100, boxes=400)
    for seed, value in enumerate((8.0, 10.0, 12.0)):
        detect("random", 1, seed, map=value)
    for seed, value in enumerate((11.0, 14.0)):
        detect("sre2lpp", 1, seed, map=value, map50=value)


def measure(fd2: str, factor: float, kind: str = "gpu", device: str = "Test GPU") -> Path:
    def slot(scale: float, earlier: int, peak: float) -> dict[str, Any]:
        times = {"lower_quartile": 9 * scale, "median": 10 * scale, "upper_quartile": 12 * scale}
        memory = {"resident": 512.0, kind: peak}
        return {"earlier_slots": earlier, "milliseconds": times, "peak_memory_mb": memory}

    return record(
        RESULTS / f"measured/d/sre2lpp/{fd2}/base/ipc2.json",
        measured={"dataset": "d", "method": "sre2lpp", "fd2": fd2, "variant": "base", "ipc": 2},
        classes=100,
        resolution=224,
        iterations={"first": slot(factor, 0, 1024.0), "last": slot(2 * factor, 3, 2048.0)},
        preset="paper",
        run={**RUN, "device_name": device},
    )


def distil(variant: str, number: int, seconds: Sequence[float]) -> Path:
    run = {**RUN, "device_name": "Test GPU", "slot_seconds": list(seconds)}
    path = RESULTS / f"distilled/d/sre2lpp/fd2/{variant}/group{number}.json"
    return record(path, settings={"preset": "paper"}, run=run)


def test_golden_teachers() -> None:
    teach()
    frame = fill(TEACHERS, "teachers")
    check_golden(Path(), "teachers")
    assert frame["backbone_difference"].tolist()[0] == pytest.approx(-1.0)
    assert frame["cal_top1"].tolist()[:2] == [80.0, 80.0]
    assert frame["missing"].tolist()[2] == "snakemake results/teachers/d_1/resnet50/cal.json"


def test_golden_diagnoses() -> None:
    diagnose_three()
    frame = fill(DIAGNOSES, "diagnostics")
    check_golden(Path(), "diagnostics")
    assert frame["margin"].isna().tolist() == [False, True, True, True]


def test_golden_complexity() -> None:
    """Results of other thresholds have columns of their own; a single class has no halves."""
    look_at_two()
    frame = fill(COMPLEXITY, "complexity", facts=[BIRDS])
    check_golden(Path(), "complexity")
    assert frame["complexity_0.5"].tolist()[:2] == [0.6, 0.5]
    assert frame["difference"].tolist()[0] == pytest.approx(0.6 - 0.75)
    assert frame["difference"].isna().tolist() == [False, True, False, True]
    assert frame["complexity_0.2"].isna().tolist() == [True, True, False, True]
    assert frame["hard_complexity_0.2"].isna().all()


def test_a_group_of_classes_is_compared_within_itself() -> None:
    look("d_1")
    frame = fill(COMPLEXITY, facts=[BIRDS])
    assert frame["easy_classes"].tolist()[:2] == ["kite; owl", "owl"]
    assert frame["hard_classes"].tolist()[:2] == ["ant; crow", "crow"]
    assert frame["easy_complexity_0.5"].tolist()[:2] == [0.375, 0.25]
    assert frame["hard_complexity_0.5"].tolist()[:2] == [0.875, 0.75]
    assert frame["activation"].tolist()[:2] == [0.8875, pytest.approx(0.921875, abs=1e-4)]
    assert frame["images"].tolist()[:2] == [60, 48] and frame["classes"].tolist()[:2] == [5, 4]
    # Kite and wren are alike at 0.5, and kite is the less complex at other thresholds.
    halves = fill(COMPLEXITY, facts=[{**BIRDS, "size": None}])
    assert halves["easy_classes"][1] == "owl; kite" and halves["hard_classes"][1] == "wren; crow"
    everything = fill(COMPLEXITY, facts=[{**BIRDS, "classes": None, "size": 1}])
    assert (everything["easy_classes"][1], everything["hard_classes"][1]) == ("owl", "ant")
    for changes, message in (
        ({"classes": ["wren", "Kyte"]}, "unknown class of 'd_1' 'Kyte'"),
        ({"classes": None, "size": 3}, "the 3 easiest and the 3 hardest of 5 classes"),
    ):
        with pytest.raises(FD2Error, match=message) as caught:
            fill(COMPLEXITY, facts=[{**BIRDS, **changes}])
        assert "complexity.groups.birds" in caught.value.where


def test_golden_detection() -> None:
    """Intervals over the seeds that there are; one alone has none."""
    detect_all()
    frame = fill(DETECTION, "detection", seeds=(0, 1, 2))
    check_golden(Path(), "detection")
    assert frame["n"].tolist() == [1, 3, 2, 0] and frame["asked"].tolist() == [3] * 4
    assert frame["map_mean"].tolist()[:3] == [40, 10, 12.5]
    # Two degrees of freedom: 4.302653 times 2 / sqrt(3); one: 12.7062 times 2.1213 / sqrt(2).
    assert frame["map_half_width"].tolist()[1:3] == pytest.approx([4.9683, 19.0593], abs=1e-3)
    assert frame["map_half_width"].isna().tolist() == [True, False, False, True]
    assert "seed1.json results/detectors/coco/full/ssd/seed2.json" in frame["missing"][0]


def test_detectors_tested_on_other_images_are_not_compared() -> None:
    detect("random", 1, 0)
    detect("random", 10, 0, manifest="other")
    with pytest.raises(FD2Error, match="different manifests"):
        fill(DETECTION, seeds=(0,))


def test_golden_iterations() -> None:
    measure("fd2", 1.0)
    frame = fill(ITERATIONS, "iterations")
    check_golden(Path(), "iterations")
    assert frame["last_median_ms"].tolist()[2] == 20.0
    assert frame["peak_memory_gib"].tolist()[2] == 2.0


def test_a_selection_has_the_time_of_a_hundred_images() -> None:
    """It has no last image of a group, and published numbers beside it."""
    first = {
        **{"images": 6, "peak_memory_mb": {"resident": 2048.0}},
        "milliseconds": {"lower_quartile": 9.0, "median": 10.0, "upper_quartile": 12.0},
    }
    record(
        RESULTS / "measured/d/rded/plain/base/ipc2.json",
        measured={"dataset": "d", "method": "rded", "fd2": "plain", "variant": "base", "ipc": 2},
        **{"classes": 3, "resolution": 32, "iterations": {"first": first}, "preset": "paper"},
        run={**RUN, "device_name": "Test CPU"},
    )
    measure("fd2", 1.0)
    rows = ITERATIONS.replace("d,DSA,plain,,1,3900,68.4", "d,rded,plain,base,2,3990,1.57")
    frame = fill(rows, "iterations")
    assert frame["first_median_ms"].tolist()[::2] == [10.0, 10.0]
    assert frame["last_median_ms"].isna().tolist() == [True, True, False]
    assert frame["peak_memory_gib"].tolist()[::2] == [2.0, 2.0]
    assert frame["memory"].tolist()[::2] == ["resident", "gpu"]
    assert "selection" not in frame


def test_golden_groups() -> None:
    """Groups of 2, 2 and 1: the last one is not full and has no earlier image to keep away from."""
    for number, seconds in enumerate(([10.0, 12.0], [11.0, 15.0], [2.0])):
        distil("two", number, seconds)
    distil("five", 0, [10.0, 12.0, 14.0, 16.0, 18.0])
    frame = fill(GROUPS, "groups")
    check_golden(Path(), "groups")
    assert frame["seconds_per_slot"].tolist() == [12.0, 14.0]
    assert frame["total_seconds"].tolist() == [50.0, 70.0]


@pytest.mark.parametrize("text", [TEACHERS, DIAGNOSES, COMPLEXITY, DETECTION, ITERATIONS, GROUPS])
def test_without_results_all_is_missing(text: str) -> None:
    frame = fill(text)
    told = Path("t.md").read_text(encoding="utf-8")
    missing = frame["missing"].dropna().tolist()
    assert len(missing) >= 2 and all(command in told for command in missing)
    assert "no result yet" in told and "missing" in told


def test_teachers_chosen_on_test_images_or_tested_on_others_are_told() -> None:
    teach()
    fill(TEACHERS)
    assert "chosen on" not in Path("t.md").read_text(encoding="utf-8")
    write_teacher(
        RESULTS, "d_1", "resnet50", "cal", "best_on_test", tested_on="held-out training images"
    )
    fill(TEACHERS)
    text = Path("t.md").read_text(encoding="utf-8")
    assert "chosen on test images" in text and "d_1: tested on held-out training images" in text


def test_times_of_several_machines_are_marked() -> None:
    measure("fd2", 1.0)
    measure("plain", 1.0, "resident", "Test CPU")
    fill(ITERATIONS)
    text = Path("t.md").read_text(encoding="utf-8")
    assert "their times cannot be compared" in text
    assert "| 2.00 | 4.8 | Test CPU |" in text, "the resident peak where there is no GPU"


def test_a_row_without_all_of_its_groups_is_missing() -> None:
    distil("two", 0, [10.0, 12.0])
    distil("five", 0, [1.0] * 5)
    frame = fill(GROUPS)
    path = "results/distilled/d/sre2lpp/fd2/two/ipc5.safetensors"
    assert frame["missing"].tolist()[0] == f"snakemake {path}"
    assert frame["seconds_per_slot"].isna().tolist() == [True, False]
    assert "| SRe²L++ + FD² (N_s = 5) | 1.0 | – | 125.0 | 1.250 |" in Path("t.md").read_text(
        encoding="utf-8"
    )


def test_results_of_different_data_are_refused() -> None:
    teach()
    write_teacher(RESULTS, "d_1", "resnet50", "cal", manifest="other")
    with pytest.raises(FD2Error, match="different manifests"):
        fill(TEACHERS)
    diagnose_three()
    diagnose(REAL, manifest="other")
    with pytest.raises(FD2Error, match="different manifests"):
        fill(DIAGNOSES)
    look("d_1")
    write_record(
        RESULTS / "complexity/d_1/resnet50/plain-long.json",
        {
            **read_content(look("d_1", manifest="other")),
            "complexity_of": vars(ComplexityRow("d_1", "resnet50", "plain-long").network),
        },
    )
    look("d_1")
    with pytest.raises(FD2Error, match="different manifests"):
        fill(COMPLEXITY, facts=[BIRDS])


def test_results_of_something_else_are_refused() -> None:
    write_record(RESULTS / "complexity/one/resnet18/plain.json", read_content(look("d_1")))
    with pytest.raises(FD2Error, match="holds the numbers of"):
        fill(COMPLEXITY)
    write_record(RESULTS / FD2.path("json"), read_content(diagnose(PLAIN)))
    with pytest.raises(FD2Error, match="holds the numbers of"):
        fill(DIAGNOSES)
    path = measure("fd2", 1.0)
    content = read_content(path)
    content["measured"]["variant"] = "other"
    write_record(path, content)
    with pytest.raises(FD2Error, match=r"holds the numbers of .*other"):
        fill(ITERATIONS)


def test_records_without_their_numbers_are_damaged() -> None:
    path = measure("fd2", 1.0)
    content = read_content(path)
    del content["classes"]
    write_record(path, content)
    with pytest.raises(FD2Error, match="damaged file: KeyError 'classes'"):
        fill(ITERATIONS)
    for seconds in ([], [None]):
        distil("two", 0, seconds)
        with pytest.raises(FD2Error, match="damaged file"):
            fill(GROUPS)
    path = diagnose(REAL)
    content = read_content(path)
    del content["result"]["margin"]
    write_record(path, content)
    with pytest.raises(FD2Error, match="damaged file: KeyError 'margin'"):
        fill(DIAGNOSES)
    look("d_1", classes={"ant": [0.25]})
    with pytest.raises(FD2Error, match="damaged file: ValueError"):
        fill(COMPLEXITY)
    with pytest.raises(FD2Error, match=r"complexity\.0' is 1\.5"):
        look("d_1", classes={"ant": [1.5]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEACHERS.split("d_1,")[0], "no rows"),
        (TEACHERS.replace("low-0.1", "base"), "a row stands twice"),
        (TEACHERS.replace("71.0", "a"), "not a number"),
        (DIAGNOSES.split("d_1,")[0], "no rows"),
        (DIAGNOSES.replace("resnet50,plain", "resnet18,cal"), "a row stands twice"),
        (DIAGNOSES.replace("base,1,", "base,two,"), "not a number"),
        (DIAGNOSES.replace("base,1,", "base,0,"), "ipc 0"),
        (DIAGNOSES.replace("fd2,base", "both,base"), "fd2 is 'both'"),
        (DIAGNOSES.replace("full,plain", "full,fd2"), "fd2 is 'fd2'"),
        (COMPLEXITY.replace("one,resnet18", "d_1,resnet18"), "a row stands twice"),
        (COMPLEXITY.replace("training", "variant"), "variant"),
        (ITERATIONS.replace("64.6", "a"), "not a number"),
        (ITERATIONS.replace("64.6", "1;2"), "not a number: '1;2'"),
        (ITERATIONS.replace("fd2,base", "FD2,base"), "fd2 is 'FD2'"),
        (GROUPS.replace("two,5", "two,0"), "ipc 0"),
        (ITERATIONS.split("d,DSA")[0], "no rows"),
        (GROUPS.split("d,sre")[0], "no rows"),
    ],
)
def test_faulty_sheets(text: str, message: str) -> None:
    with pytest.raises(FD2Error, match=message):
        fill(text)
