"""Which jobs a target needs: how many of each rule, and by name for one cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fd2.datasets.mnist import DATASETS

CONFIG = Path(__file__).resolve().parents[2] / "config"
SHEETS = sorted(path.stem for path in (CONFIG / "tables").glob("*.csv"))
GARMENTS = ("condensation.yaml", "fashion_mnist.yaml", "fashion_mnist_small.yaml")
#: Sheets that are run with files of their own.
GRIDS = {
    "elpv": ("grid.yaml", "elpv.yaml"),
    "typefaces": ("grid.yaml", "typefaces.yaml"),
    "typefaces_sets": ("grid.yaml", "typefaces.yaml", "typefaces_sets.yaml"),
    "typefaces_teachers": ("grid.yaml", "typefaces.yaml", "typefaces_teachers.yaml"),
    "typefaces_90": ("grid.yaml", "typefaces.yaml", "typefaces_90.yaml"),
    "typefaces_draws": ("grid.yaml", "typefaces.yaml", "typefaces_draws.yaml"),
    "sweep": ("grid.yaml", "typefaces.yaml", "sweep.yaml"),
    "sweep_sets": ("grid.yaml", "typefaces.yaml", "sweep.yaml", "sweep_sets.yaml"),
    "sweep_teachers": (
        *("grid.yaml", "typefaces.yaml", "sweep.yaml", "sweep_sets.yaml"),
        "sweep_teachers.yaml",
    ),
    "sweep_fadrm": (
        *("grid.yaml", "typefaces.yaml", "sweep.yaml", "sweep_sets.yaml"),
        "sweep_fadrm.yaml",
    ),
    **{
        name: ("condensation.yaml", f"{name}.yaml")
        for name in ("mnist", "cifar10", "cifar100", "cifar_trajectories")
    },
    "fashion_mnist": GARMENTS[:2],
    "fashion_mnist_small": GARMENTS,
    "like_for_like": (*GARMENTS, "like_for_like.yaml"),
    "tour": (*GARMENTS, "tour.yaml"),
    "robustness": (*GARMENTS, "like_for_like.yaml", "robustness.yaml"),
    "complexity": ("grid.yaml", "complexity.yaml"),
    "continual": (*GARMENTS, "like_for_like.yaml", "continual.yaml"),
    "continual_tiny_imagenet": ("continual_tiny_imagenet.yaml",),
    "detection": ("detection.yaml",),
    "label_cost": ("quickstart.yaml", "label_cost.yaml"),
    "one_gpu": ("one_gpu.yaml",),
    **{name: ("edf.yaml",) for name in SHEETS if name.startswith("edf_")},
    "focusdd_imagenet": ("focusdd.yaml", "focusdd_imagenet.yaml"),
    **{
        name: ("grid.yaml", "focusdd_small.yaml")
        for name in ("focusdd_small", "focusdd_small_costs")
    },
    **{
        name: ("focusdd.yaml",)
        for name in ("focusdd_table14", "focusdd_ablations", "focusdd_costs")
    },
    **{
        name: (*GARMENTS[:2], "trajectories.yaml")
        for name in SHEETS
        if name.startswith("trajectories")
    },
}
PLANS: dict[str, dict[str, dict[str, int]]] = yaml.safe_load(
    Path(__file__).with_name("plans.yaml").read_text()
)
#: The sheets that are run with the same config files, by the last of these.
PLANNED = {
    last: [name for name in SHEETS if GRIDS.get(name, ("config.yaml",))[-1] == last]
    for last in sorted({GRIDS.get(name, ("config.yaml",))[-1] for name in SHEETS})
}
#: Of several kinds of sheets; the others take as long again, each.
QUICK = (
    *("complexity.yaml", "continual.yaml", "detection.yaml", "label_cost.yaml"),
    *("like_for_like.yaml", "robustness.yaml"),
)
#: Its figures show sets of variants that share them with base.
QUICK_DEFAULT = "fashion_mnist.yaml"
#: Configs with figures of their own, and the last of a chain that inherits some: the default target
#: of the others is their table's. Those of config.yaml and quickstart.yaml are counted above.
DEFAULTS = [
    *(
        path.name
        for path in sorted(CONFIG.glob("*.yaml"))
        if path.name not in ("config.yaml", "quickstart.yaml")
        and (yaml.safe_load(path.read_text()) or {}).get("figures")
    ),
    "sweep_teachers.yaml",
]
pytestmark = pytest.mark.workflow


def test_quickstart_has_the_jobs_of_its_sheet_and_figures(sources: Any) -> None:
    # A change of config/tables/quickstart.csv changes these numbers.
    assert sources.dry_run("--configfile", "config/quickstart.yaml") == {
        **{"prepare": 1, "pretrain": 2, "patches": 2, "select_images": 3, "distill": 4},
        # The students of a row's three seeds are one job.
        **{"assemble": 2, "relabel": 5, "evaluate_seeds": 6, "draw": 2, "tabulate": 1},
        **{"summarise": 1, "all": 1},
    }


def test_students_of_several_seeds_are_one_job_only_where_the_config_says_so(sources: Any) -> None:
    row = "results/students/elpv/random/plain/base/ipc2/resnet18"
    together = ("--configfile", "config/quickstart.yaml")
    before = {"prepare": 1, "pretrain": 1, "select_images": 1, "relabel": 1}
    assert sources.dry_run(f"{row}/seed0.json", *together) == {**before, "evaluate_seeds": 1}
    assert sources.dry_run(f"{row}/seed12.json", *together) == {**before, "evaluate": 1}
    alone = (*together, "--config", "seeds_together=False")
    assert sources.dry_run(f"{row}/seed0.json", *alone) == {**before, "evaluate": 1}
    kept = row.replace("students", "weights")
    assert sources.dry_run(f"{kept}/seed0.onnx", *together) == {**before, "keep": 1, "convert": 1}


@pytest.mark.slow
def test_the_default_plan_is_the_papers_grid(sources: Any) -> None:
    # A change of a sheet or of config/config.yaml changes these numbers.
    assert sources.dry_run() == {
        # Five datasets; 25 teachers with attention, and 25 without: those that label, score, look
        # at sets that they had no part in, or stand in a table as full data; figure 4 has eight
        # with other CAL ratios. Table 2's copied rows have data and four teachers from scratch of
        # their own. RDED has crops of its own for each dataset; the others share one or two kinds.
        **{"download": 5, "prepare": 5 + 2, "pretrain": 50 + 8 + 2 * 4, "patches": 3 * 3 + 4 * 2},
        # Table 1: 3 datasets, IPC 1, 3 and 5, which are prefixes of 2 groups; table 2: 2 datasets,
        # IPC 1, 10 and 50, of 13 groups. Random images and RDED; four and two optimising rows, and
        # these but that with FD² once more for the teachers from scratch. Figure 5 has one group of
        # five. Appendix table 1 has two coresets, two matching methods and DATM of its own, whose
        # hundred experts of a dataset serve all IPC.
        **{"select_images": 4 * 9 + 4 * 6, "match": 2 * 9},
        **{"train_expert": 3 * 100, "match_trajectories": 9},
        **{"distill": 4 * 3 * 2 + 2 * 3 * 13 + 1},
        **{"assemble": 4 * 9 + 3 * 6 + 1, "relabel": 6 * 9 + 7 * 6},
        # Rows with students in tables 1, 2 and 3, less those of table 3 that table 1 has too; in
        # appendix table 1 these five methods, and random images beside the matched ones.
        "evaluate": 3 * (180 + 84 + 36 + 35 - 17 + 6 * 9),
        # Three datasets through two networks: real, random, two methods with and without FD². The
        # figures ask for nothing else.
        **{"diagnose_real": 3 * 2, "diagnose": 3 * 2 * 5},
        # Curves, images, attention; figures 1a, 1b, 3a, 3b, 4, 5, 6; ten pages of the appendix.
        **{"draw": 20, "tabulate": 6, "summarise": 1, "all": 1},
    }


@pytest.mark.slow
def test_ablations_are_a_target_of_their_own(sources: Any) -> None:
    # A change of a sheet or of a variant changes these numbers.
    assert sources.dry_run("ablations") == {
        # Table 4 is on Aircraft too; presets are on ImageNette and ImageWoof too.
        **{"download": 4, "prepare": 4, "pretrain": 36, "patches": 11, "select_images": 7},
        **{"distill": 65, "assemble": 51, "relabel": 61, "evaluate": 3 * 66},
        **{"tabulate": 9, "ablations": 1},
    }


@pytest.mark.slow
def test_ablations_on_the_embedded_photographs(sources: Any) -> None:
    assert sources.dry_run("ablations", "--configfile", "config/quickstart.yaml") == {
        **{"prepare": 1, "pretrain": 8, "patches": 9, "select_images": 1},
        **{"distill": 60, "assemble": 42, "relabel": 44, "evaluate_seeds": 44},
        **{"tabulate": 3, "ablations": 1},
    }


def test_a_variant_that_repeats_base_is_refused_before_a_job(sources: Any) -> None:
    release = ("--dry-run", "--config", "preset=release")
    assert sources.snakemake("table7", *release).returncode == 0
    done = sources.snakemake("presets", *release)
    assert done.returncode == 1
    assert "variant 'release-" in done.stdout + done.stderr
    assert "under preset 'release' each of its values is the config's own" in (
        done.stdout + done.stderr
    )


def test_partial_tables_need_no_result(sources: Any) -> None:
    assert sources.dry_run("partial") == {
        **{"tabulate_partial": 6, "summarise_partial": 1, "partial": 1}
    }
    assert sources.dry_run("results/tables/partial/table1.md") == {"tabulate_partial": 1}


def test_every_sheet_has_a_plan() -> None:
    assert sorted(name for names in PLANNED.values() for name in names) == SHEETS
    assert sorted(PLANS["tables"]) == sorted(PLANNED)


@pytest.mark.parametrize(
    "last",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in PLANNED],
)
def test_each_table_is_a_target(sources: Any, last: str) -> None:
    """Those of the same config files are planned in one run, with students of one seed."""
    tables = PLANNED[last]
    files = [f"config/{name}" for name in GRIDS.get(tables[0], ())]
    given = ("--configfile", *files) if files else ()
    names = ", ".join(f'"{name}"' for name in tables)
    plan = sources.dry_run(*tables, "--config", f"tables=[{names}]", "seeds=[0]", *given)
    expected = {**PLANS["tables"][last], **dict.fromkeys(tables, 1)}
    installed = DATASETS["fashion_mnist"].INSTALLED
    garments = f"config/{GARMENTS[1]}" in files or last == "complexity.yaml"
    if garments and installed is not None and installed.is_dir():
        del expected["download"]
    assert plan == expected


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(name, marks=[] if name == QUICK_DEFAULT else pytest.mark.slow)
        for name in DEFAULTS
    ],
)
def test_the_default_target_of_a_config_with_figures_is_planned(sources: Any, last: str) -> None:
    files = [*yaml.safe_load((CONFIG / last).read_text()).get("after", []), last]
    given = ("--configfile", *(f"config/{name}" for name in files))
    assert sources.dry_run("--config", "seeds=[0]", *given)["all"] == 1


@pytest.mark.parametrize("figure", PLANS["figures"])
def test_figures_are_targets(sources: Any, figure: str) -> None:
    assert sources.dry_run(figure) == {**PLANS["figures"][figure], figure: 1}


def test_diagnostics_are_a_target(sources: Any) -> None:
    files = ("--configfile", "config/quickstart.yaml", "config/diagnostics_elpv.yaml")
    assert sources.dry_run("diagnostics", *files) == {
        **{"prepare": 1, "pretrain": 3, "patches": 2, "select_images": 2, "distill": 4},
        # Real images and four sets through two networks.
        **{"assemble": 2, "diagnose_real": 2, "diagnose": 4 * 2, "tabulate": 1, "diagnostics": 1},
    }
    assert sources.dry_run("diagnostics", "--configfile", "config/quickstart.yaml") == {
        "diagnostics": 1
    }


def test_one_cell_needs_one_job_of_each_stage_and_two_teachers(sources: Any) -> None:
    below = "elpv/sre2lpp/fd2/base"
    cell = f"students/{below}/ipc1/resnet18/seed7.json"
    assert sources.records(f"results/{cell}") == {
        # The teacher without attention scores patches.
        *{f"teachers/elpv/resnet18/{training}.json" for training in ("plain", "cal")},
        *{"data/elpv/manifest.json", "data/elpv/record.json", "patches/elpv/2x2.json"},
        *{f"distilled/{below}/group0.json", f"distilled/{below}/ipc1.json"},
        *{f"labels/{below}/ipc1/record.json", cell},
    }


@pytest.mark.parametrize(
    ("target", "plan"),
    [
        ("data/elpv/manifest.json", {"prepare": 1}),
        ("teachers/elpv/resnet50/cal.json", {"prepare": 1, "pretrain": 1}),
        (
            "distilled/elpv/random/plain/base/ipc3.png",
            {"prepare": 1, "select_images": 1, "preview": 1},
        ),
        (
            "students/elpv/random/plain/hard-labels/ipc2/resnet50/seed7.json",
            {"prepare": 1, "select_images": 1, "evaluate": 1},
        ),
    ],
)
def test_any_artefact_is_a_target(sources: Any, target: str, plan: dict[str, int]) -> None:
    assert sources.dry_run(f"results/{target}") == plan


def test_images_beyond_a_group_need_the_next_group(sources: Any) -> None:
    path = "results/distilled/elpv/sre2lpp/plain/base/ipc{}.safetensors"
    groups = [sources.dry_run(path.format(ipc))["distill"] for ipc in (4, 5)]
    assert groups == [1, 2]


def test_a_variant_of_the_teacher_has_teachers_of_its_own(sources: Any) -> None:
    name = sources.write("config/variant.yaml", {"variants": {"v": {"pretrain": {"epochs": 2}}}})
    cell = "results/students/elpv/sre2lpp/fd2/v/ipc1/resnet18/seed0.json"
    plan = sources.dry_run(cell, "--configfile", name)
    assert (plan["pretrain"], plan["distill"]) == (2, 1)
