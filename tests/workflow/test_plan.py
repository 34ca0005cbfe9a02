"""Which jobs a target needs, counted a second time from the sheets."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

CONFIG = Path(__file__).resolve().parents[2] / "config"
SHEETS = sorted(path.stem for path in (CONFIG / "tables").glob("*.csv"))
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
}
DOWNLOADED = ("cub200", "aircraft", "cars", "imagenette", "imagewoof")
CHAIN = ("pretrain", "patches", "distill", "relabel", "evaluate")
pytestmark = pytest.mark.workflow

Jobs = set[tuple[Any, ...]]


def laid_over(below: Any, above: Any) -> Any:
    """``above`` over ``below``, mappings key by key."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {
        key: laid_over(below.get(key), above[key]) if key in above else below[key]
        for key in {**below, **above}
    }


def shipped(*names: str) -> dict[str, Any]:
    """Config files of the repository, each over those before."""
    merged: Any = {}
    for name in names:
        merged = laid_over(merged, yaml.safe_load((CONFIG / name).read_text()))
    return dict(merged)


class Counting:
    """The jobs behind results, as a set of tuples that begin with the rule's name."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.jobs: Jobs = set()

    def section(self, stage: str, variant: str, **names: Any) -> dict[str, Any]:
        section = self.config[stage]
        for override in self.config["overrides"].values():
            wanted = override["where"].items()
            if all(names.get(k) in (v if isinstance(v, list) else [v]) for k, v in wanted):
                section = laid_over(section, override["set"].get(stage, {}))
        change = {} if variant == "base" else self.config["variants"][variant]
        return dict(laid_over(section, change.get(stage, {})))

    def own(self, variant: str, stage: str) -> str:
        """The variant's name where it changes ``stage`` or one before it, else ``base``."""
        changes = {} if variant == "base" else self.config["variants"][variant]
        before = CHAIN[: CHAIN.index(stage) + 1]
        return variant if set(changes) & set(before) else "base"

    def prepare(self, dataset: str) -> None:
        self.jobs |= {("prepare", dataset)}
        if self.config["datasets"][dataset]["kind"] in DOWNLOADED:
            self.jobs |= {("download", dataset)}

    def teacher(self, dataset: str, backbone: str, fd2: str, variant: str = "base") -> None:
        self.prepare(dataset)
        self.jobs |= {("pretrain", dataset, backbone, fd2, self.own(variant, "pretrain"))}

    def images(self, dataset: str, method: str, fd2: str, variant: str, ipc: int) -> None:
        variant = self.own(variant, "distill")
        settings = self.section("distill", variant, dataset=dataset, method=method, fd2=fd2)
        kind = settings["methods"][method].get("patches")
        self.prepare(dataset)
        if kind is not None:
            own = "patches" in self.config["variants"].get(variant, {})
            self.jobs |= {("patches", dataset, kind, variant if own else "base")}
            self.teacher(
                dataset, self.section("patches", "base", dataset=dataset)["scorer"], "plain"
            )
        if "teachers" not in settings["methods"][method]:
            self.jobs |= {("select_images", dataset, method, fd2, variant, ipc)}
            return
        self.jobs |= {("assemble", dataset, method, fd2, variant, ipc)}
        for first in range(0, ipc, settings["group_size"]):
            self.jobs |= {("distill", dataset, method, fd2, variant, first)}
        for backbone in settings["methods"][method]["teachers"]:
            self.teacher(dataset, backbone, fd2, variant)

    def cell(self, dataset: str, method: str, fd2: str, variant: str, ipc: int, *rest: Any) -> None:
        names = {"dataset": dataset, "method": method, "fd2": fd2, "ipc": ipc}
        self.images(dataset, method, fd2, variant, ipc)
        self.jobs |= {("evaluate", dataset, method, fd2, variant, ipc, *rest)}
        if self.section("evaluate", variant, **names, student=rest[0])["labels"] == "hard":
            return
        shared = self.own(variant, "relabel")
        self.jobs |= {("relabel", dataset, method, fd2, shared, ipc)}
        for backbone in self.section("relabel", shared, **names)["teachers"]:
            self.teacher(dataset, backbone, fd2, shared)

    def table(self, name: str) -> None:
        self.jobs |= {("tabulate", name)}
        text = (CONFIG / "tables" / f"{name}.csv").read_text()
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        for row in csv.DictReader(lines):
            if "training" in row:
                self.diagnosis(row["dataset"], row, row["ipc"], row["backbone"], row["training"])
                continue
            if "method" not in row:
                variant = row.get("variant", "base")
                self.teacher(row["dataset"], row["backbone"], "fd2", variant)
                continue
            if "published_ms" in row:
                self.measured(row["dataset"], row["method"], row["fd2"], row["variant"])
                continue
            if "published_seconds" in row:
                names = (row["dataset"], row["method"], row["fd2"], row["variant"])
                self.images(*names, int(row["ipc"]))
                continue
            if row["method"] == "full":
                self.teacher(row["dataset"], row["student"], row["fd2"])
                continue
            for seed in self.config["seeds"]:
                names = (row["dataset"], row["method"], row["fd2"], row["variant"])
                self.cell(*names, int(row["ipc"]), row["student"], seed)

    def measured(self, dataset: str, method: str, fd2: str, variant: str) -> None:
        if not variant:
            return
        before = set(self.jobs)
        self.images(dataset, method, fd2, variant, 1)
        made = {job for job in self.jobs - before if job[0] in ("assemble", "distill")}
        self.jobs = (self.jobs - made) | {("measure_distill", dataset, method, fd2, variant)}

    def diagnosis(
        self, dataset: str, row: dict[str, str], ipc: Any, backbone: str, training: str
    ) -> None:
        """One set through one network; shipped sheets have ``cal`` and ``plain``."""
        self.teacher(dataset, backbone, "fd2" if training == "cal" else "plain")
        if row["method"] == "full":
            self.jobs |= {("diagnose_real", dataset, backbone, training)}
            return
        names = (row["method"], row["fd2"], row["variant"], int(ipc))
        self.images(dataset, *names)
        self.jobs |= {("diagnose", dataset, *names, backbone, training)}

    def drawn(self) -> list[str]:
        """The figures of datasets that the config's tables name."""
        sheets = [CONFIG / "tables" / f"{name}.csv" for name in self.config["tables"]]
        texts = [sheet.read_text().splitlines() for sheet in sheets]
        lines = [[line for line in text if not line.startswith("#")] for text in texts]
        datasets = {row["dataset"] for sheet in lines for row in csv.DictReader(sheet)}
        return [n for n, figure in self.config["figures"].items() if figure["dataset"] in datasets]

    def figure(self, name: str) -> None:
        self.jobs |= {("draw", name)}
        figure = self.config["figures"][name]
        for variant in figure.get("teacher_variants", ()):
            self.teacher(figure["dataset"], figure["backbone"], "fd2", variant)
        if figure["kind"] in ("feature_embedding", "centre_distances"):
            for row in figure["rows"]:
                network = (figure["backbone"], figure["training"])
                self.diagnosis(figure["dataset"], row, figure["ipc"], *network)
            return
        for row in figure.get("rows", ()):
            names = (figure["dataset"], row["method"], row["fd2"], row["variant"], figure["ipc"])
            if figure["kind"] == "training_curves":
                for seed in self.config["seeds"]:
                    self.cell(*names, figure["student"], seed)
            else:
                self.images(*names)
        if "teacher" in figure:
            self.teacher(figure["dataset"], figure["teacher"], "fd2")

    def counts(self, **more: int) -> dict[str, int]:
        return dict(Counter(str(job[0]) for job in self.jobs)) | more


def test_quickstart_has_the_jobs_of_its_sheet_and_figures(sources: Any) -> None:
    counting = Counting(shipped("config.yaml", "quickstart.yaml"))
    for table in counting.config["tables"]:
        counting.table(table)
    for figure in counting.drawn():
        counting.figure(figure)
    plan = sources.dry_run("--configfile", "config/quickstart.yaml")
    assert plan == counting.counts(summarise=1, all=1)
    # In plain numbers, for readers; a change of config/tables/quickstart.csv changes them.
    assert plan == {
        **{"prepare": 1, "pretrain": 2, "patches": 1, "select_images": 6, "distill": 4},
        **{"assemble": 4, "relabel": 10, "evaluate": 36, "draw": 3, "tabulate": 1},
        **{"summarise": 1, "all": 1},
    }


def test_the_default_plan_is_the_papers_grid(sources: Any) -> None:
    counting = Counting(shipped("config.yaml"))
    for table in counting.config["tables"]:
        counting.table(table)
    for figure in counting.drawn():
        counting.figure(figure)
    plan = sources.dry_run()
    assert plan == counting.counts(summarise=1, all=1)
    # In plain numbers, for readers; a change of a sheet or of config/config.yaml changes them.
    assert plan == {
        # Five datasets; 25 teachers with attention, and 25 without: those that label, score, look
        # at sets that they had no part in, or stand in a table as full data; figure 4 has eight
        # with other CAL ratios. Table 2's copied rows have four teachers from scratch a dataset.
        **{"download": 5, "prepare": 5, "pretrain": 50 + 8 + 2 * 4, "patches": 10},
        # Table 1: 3 datasets, IPC 1, 3 and 5, which are prefixes of 2 groups; table 2: 2 datasets,
        # IPC 1, 10 and 50, of 13 groups. Random images and RDED; four and two optimising rows, and
        # these but that with FD² once more for the teachers from scratch. Figure 5 has one group of
        # five.
        **{"select_images": 2 * 9 + 4 * 6, "distill": 4 * 3 * 2 + 2 * 3 * 13 + 1},
        **{"assemble": 4 * 9 + 3 * 6 + 1, "relabel": 6 * 9 + 7 * 6},
        # Rows with students in tables 1, 2 and 3, less those of table 3 that table 1 has too.
        "evaluate": 3 * (180 + 84 + 36 + 35 - 17),
        # Three datasets through two networks: real, random, two methods with and without FD². The
        # figures ask for nothing else.
        **{"diagnose_real": 3 * 2, "diagnose": 3 * 2 * 5},
        # Curves, images, attention; figures 1a, 1b, 3a, 3b, 4, 5, 6; ten pages of the appendix.
        **{"draw": 20, "tabulate": 5, "summarise": 1, "all": 1},
    }


def test_ablations_are_a_target_of_their_own(sources: Any) -> None:
    counting = Counting(shipped("config.yaml"))
    for table in counting.config["ablations"]:
        counting.table(table)
    plan = sources.dry_run("ablations")
    assert plan == counting.counts(ablations=1)
    # In plain numbers, for readers; a change of a sheet or of a variant changes them.
    assert plan == {
        # Table 4 is on Aircraft too; presets are on ImageNette and ImageWoof too.
        **{"download": 4, "prepare": 4, "pretrain": 33, "patches": 9, "select_images": 5},
        **{"distill": 62, "assemble": 48, "relabel": 56, "evaluate": 3 * 61},
        **{"tabulate": 9, "ablations": 1},
    }


def test_ablations_on_the_embedded_photographs(sources: Any) -> None:
    counting = Counting(shipped("config.yaml", "quickstart.yaml"))
    for table in counting.config["ablations"]:
        counting.table(table)
    plan = sources.dry_run("ablations", "--configfile", "config/quickstart.yaml")
    assert plan == counting.counts(ablations=1)


def test_a_variant_that_repeats_base_is_refused_before_a_job(sources: Any) -> None:
    release = ("--dry-run", "--config", "protocol=release")
    assert sources.snakemake("table1", *release).returncode == 0
    done = sources.snakemake("presets", *release)
    assert done.returncode == 1
    assert "variant 'release-" in done.stdout + done.stderr
    assert "under protocol 'release' each of its values is the config's own" in (
        done.stdout + done.stderr
    )


def test_partial_tables_need_no_result(sources: Any) -> None:
    assert sources.dry_run("partial") == {
        **{"tabulate_partial": 5, "summarise_partial": 1, "partial": 1}
    }
    assert sources.dry_run("results/tables/partial/table1.md") == {"tabulate_partial": 1}


@pytest.mark.parametrize("table", SHEETS)
def test_each_table_is_a_target(sources: Any, table: str) -> None:
    files = GRIDS.get(table, ())
    counting = Counting(shipped("config.yaml", *files))
    counting.table(table)
    given = ("--configfile", *(f"config/{name}" for name in files)) if files else ()
    assert sources.dry_run(table, "--config", f'tables=["{table}"]', *given) == counting.counts(
        **{table: 1}
    )


def test_a_sweep_changes_one_setting_at_a_time(sources: Any) -> None:
    files = ("--configfile", *(f"config/{name}" for name in GRIDS["sweep"]))
    # In plain numbers, for readers; a change of config/tables/sweep.csv changes them.
    assert sources.dry_run("sweep", *files) == {
        # Teachers: plain, with attention, and that with fewer epochs. Fourteen distilled sets: the
        # students' budget has no set of its own.
        **{"prepare": 1, "pretrain": 3, "patches": 2, "distill": 14, "assemble": 14},
        # Random real images, anew for the other teacher, and the patches as they are.
        **{"select_images": 4, "relabel": 20, "evaluate": 3 * 20, "tabulate": 1, "sweep": 1},
    }


def test_figures_are_a_target(sources: Any) -> None:
    counting = Counting(shipped("config.yaml"))
    for figure in counting.drawn():
        counting.figure(figure)
    assert sources.dry_run("figures") == counting.counts(figures=1)


def test_diagnostics_are_a_target(sources: Any) -> None:
    files = ("--configfile", "config/quickstart.yaml", "config/diagnostics_elpv.yaml")
    counting = Counting(shipped("config.yaml", "quickstart.yaml", "diagnostics_elpv.yaml"))
    assert counting.config["tables"] == ["diagnostics_elpv"]
    counting.table("diagnostics_elpv")
    assert sources.dry_run("diagnostics", *files) == counting.counts(diagnostics=1)
    assert counting.counts()["diagnose"] == 4 * 2
    assert sources.dry_run("diagnostics", "--configfile", "config/quickstart.yaml") == {
        "diagnostics": 1
    }


@pytest.mark.parametrize("figure", ["figure1b", "figure4", "figure5", "appendix-figure10"])
def test_each_figure_is_a_target(sources: Any, figure: str) -> None:
    counting = Counting(shipped("config.yaml"))
    counting.figure(figure)
    assert sources.dry_run(figure) == counting.counts(**{figure: 1})


def test_one_cell_needs_one_job_of_each_stage_and_two_teachers(sources: Any) -> None:
    cell = "results/students/elpv/sre2lpp/fd2/base/ipc1/resnet18/seed0.json"
    assert sources.dry_run(cell) == {
        **{"prepare": 1, "pretrain": 2, "patches": 1, "distill": 1, "assemble": 1},
        **{"relabel": 1, "evaluate": 1},
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


def test_lint_and_format(sources: Any) -> None:
    done = sources.snakemake("--lint")
    assert done.returncode == 0, done.stderr
    formatted = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow/rules"],
        cwd=sources.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert formatted.returncode == 0, formatted.stderr
