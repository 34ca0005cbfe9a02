# Functions behind the inputs of the rules, in the order of the chain.

import os
from functools import cache

RESULTS = Path(config.get("pathvars", {}).get("results", "results"))


def prepare_code(wildcards):
    kind = SETTINGS.values["datasets"][wildcards.dataset]["kind"]
    return code("prepare", f"datasets.{kind}")


def prepare_download(wildcards):
    """The note of the unpacked archives, where the entry names no copy of its own.

    Its age does not count: what is in the archives stands in params and in the plug-in.
    """
    kind = download_kind(SETTINGS.values, wildcards.dataset)
    return ancient(f"<resources>/{kind}/downloaded.json") if kind else []


@cache
def listed_images(dataset):
    """Listed once, though Snakemake asks several times."""
    record = Path(RESULTS, "data", dataset, "record.json")
    return explained(folder_listing, SETTINGS.prepare(dataset), record)


def prepare_images(wildcards):
    return listed_images(wildcards.dataset)


@cache
def counted_images(dataset):
    """Training images of each class of a user's folder, counted once; None of other data."""
    return explained(training_counts, SETTINGS.prepare(dataset))


def images_before(output, wildcards):
    """As `counted_images`, for an output that is yet to be made.

    None where it is there: Snakemake would take an existing file for given rather than refuse, so
    that the job itself has to speak. A job's own process does not count again.
    """
    if not workflow.is_main_process or Path(RESULTS, output).is_file():
        return None
    return counted_images(wildcards.dataset)


def require_patch_sources(wildcards):
    """Refuse a user's folder with too few images for the patches, before teachers are trained."""
    output = f"patches/{wildcards.dataset}/{wildcards.kind}.safetensors"
    counts = images_before(output, wildcards)
    if counts is not None:
        settings = SETTINGS.patches(wildcards.dataset, wildcards.kind)
        explained(require_patch_images, build(PatchSettings, settings), counts)


def cell_name(wildcards):
    """Where the artefacts of one distilled set lie below each folder."""
    names = "/".join(distill_variant(wildcards))
    return f"{names}/ipc{wildcards.ipc}"


def require_choice(wildcards):
    """Refuse a user's folder with too few images for a method that chooses whole ones."""
    counts = images_before(f"distilled/{cell_name(wildcards)}.safetensors", wildcards)
    if counts is not None and not distill_patches(wildcards):
        images_per_class = int(wildcards.ipc)
        explained(require_whole_images, wildcards.dataset, counts, images_per_class)


def require_batches(stage, output, wildcards):
    """Refuse distilled sets too small for batch normalisation, before anything is distilled."""
    counts = images_before(output, wildcards)
    if counts is not None:
        images = len(counts) * int(wildcards.ipc)
        batch_size = cell_settings(stage, wildcards)["batch_size"]
        explained(half_batch_sizes, images, batch_size)


def download_code(wildcards):
    return code("download", f"datasets.{wildcards.kind}")


def pretrain_code(wildcards):
    require_variant(wildcards.training.partition("-")[2] or "base", wildcards)
    return code("pretrain", f"backbones.{wildcards.backbone}")


def patches_code(wildcards):
    require_patch_sources(wildcards)
    scorer = SETTINGS.patches(wildcards.dataset, wildcards.kind)["scorer"]
    return code("patches", f"backbones.{scorer}")


def patches_scorer(wildcards):
    scorer = SETTINGS.patches(wildcards.dataset, wildcards.kind)["scorer"]
    return teacher(wildcards.dataset, scorer, "plain")


def distill_variant(wildcards):
    return wildcards.dataset, wildcards.method, wildcards.fd2, wildcards.variant


def require_slots(wildcards):
    """Refuse a target with more images per class than are distilled."""
    names = distill_variant(wildcards)
    place = f"target .../{'/'.join(names)}/ipc{wildcards.ipc}"
    explained(SETTINGS.check_ipc, *names, int(wildcards.ipc), place)


def distill_patches(wildcards):
    kind = explained(SETTINGS.patch_kind, *distill_variant(wildcards))
    return folder(f"patches/{wildcards.dataset}/{kind}.safetensors") if kind else []


def distill_teachers(wildcards):
    training = SETTINGS.training_name(wildcards.fd2, wildcards.variant)
    names = explained(SETTINGS.distill_teachers, *distill_variant(wildcards))
    return [teacher(wildcards.dataset, name, training) for name in names]


def distill_modules(wildcards):
    """The plug-ins that optimise images."""
    names = distill_variant(wildcards)
    modules = [f"methods.{wildcards.method}"]
    backbones = explained(SETTINGS.distill_teachers, *names)
    modules += [f"backbones.{name}" for name in backbones]
    regularisers = explained(SETTINGS.distill, *names, 0)["regularisers"]
    return modules + [f"regularisers.{name}" for name in regularisers]


def distill_code(wildcards):
    return code("distill", *distill_modules(wildcards))


def measure_code(wildcards):
    return code("measure_distill", *distill_modules(wildcards))


def measure_settings(wildcards):
    """Settings of the first group."""
    require_variant(wildcards.variant, wildcards)
    return explained(SETTINGS.distill, *distill_variant(wildcards), 0)


def select_code(wildcards):
    require_slots(wildcards)
    require_choice(wildcards)
    return code("select_images", f"methods.{wildcards.method}")


def assemble_groups(wildcards):
    require_slots(wildcards)
    groups = explained(SETTINGS.groups, *distill_variant(wildcards), int(wildcards.ipc))
    root = "distilled/" + "/".join(distill_variant(wildcards))
    return [folder(f"{root}/group{group}.safetensors") for group in groups]


def relabel_names(wildcards):
    names = distill_variant(wildcards)
    return explained(SETTINGS.relabel_teachers, *names, int(wildcards.ipc))


def relabel_teachers(wildcards):
    training = SETTINGS.training_name(wildcards.fd2, wildcards.variant)
    return [
        teacher(wildcards.dataset, name, training) for name in relabel_names(wildcards)
    ]


def relabel_code(wildcards):
    require_batches("relabel", f"labels/{cell_name(wildcards)}/logits.npy", wildcards)
    return code("relabel", *(f"backbones.{name}" for name in relabel_names(wildcards)))


def distilled_set(wildcards):
    require_slots(wildcards)
    variant = SETTINGS.variant_at(wildcards.variant, "distill")
    cell = f"{wildcards.dataset}/{wildcards.method}/{wildcards.fd2}/{variant}"
    return folder(f"distilled/{cell}/ipc{wildcards.ipc}.safetensors")


def cell_labels(wildcards):
    """The soft labels' two files, or nothing where the student learns from class labels."""
    if cell_settings("evaluate", wildcards)["labels"] == "hard":
        return []
    variant = SETTINGS.variant_at(wildcards.variant, "relabel")
    cell = f"{wildcards.dataset}/{wildcards.method}/{wildcards.fd2}/{variant}"
    root = f"labels/{cell}/ipc{wildcards.ipc}"
    return [folder(f"{root}/logits.npy"), folder(f"{root}/augmentation.safetensors")]


def evaluate_code(wildcards):
    student = f"{wildcards.student}/seed{wildcards.seed}.json"
    require_batches("evaluate", f"students/{cell_name(wildcards)}/{student}", wildcards)
    return code("evaluate", f"backbones.{wildcards.student}")


def diagnose_code(wildcards):
    return code("diagnose", f"backbones.{wildcards.backbone}")


def diagnose_params(wildcards):
    names = dict(wildcards.items())
    if "ipc" in names:
        names["ipc"] = int(names["ipc"])
    return explained(lambda: diagnose_settings(SETTINGS, **names))


def diagnostic_tables(wildcards):
    """The tables whose sheets list diagnoses; a target with none of them has nothing to do."""
    tables = SETTINGS.values["tables"]
    return [
        folder(f"tables/{table}.md")
        for table in tables
        if explained(diagnostic_rows, SETTINGS, table)
    ]


def table_inputs(wildcards):
    explained(check_table, SETTINGS, wildcards.table)
    paths = explained(table_sources, SETTINGS, wildcards.table)
    return [folder(path) for path in paths]


def table_seeds(wildcards):
    """The students' seeds; none for a table without students."""
    rows = explained(SETTINGS.rows, wildcards.table)
    return SETTINGS.values["seeds"] if rows else []


def table_facts(wildcards):
    """What the settings say of each row, to find the rows to compare with each other."""
    return [
        explained(row_facts, SETTINGS, row)
        for row in explained(SETTINGS.rows, wildcards.table)
    ]


def table_found(wildcards):
    """A digest of a table's files that are there, so that a partial table follows them.

    It takes no ``output``: params that are derived from files rerun nothing.
    """
    return digest_of_files(
        RESULTS / path for path in explained(table_sources, SETTINGS, wildcards.table)
    )


def figure_spec(wildcards):
    return SETTINGS.values["figures"][wildcards.figure]


def figure_inputs(wildcards):
    spec = figure_spec(wildcards)
    results = Path(config.get("pathvars", {}).get("results", "results"))
    explained(check_figure, SETTINGS, wildcards.figure, results)
    plugin = plugins.load("figures", spec["kind"])
    found = explained(plugin.inputs, spec, SETTINGS.values["seeds"])
    roles = {role: [folder(path) for path in paths] for role, paths in found.items()}
    records = [folder(path) for path in figure_records(found)]
    return {
        "code": code("draw", f"figures.{spec['kind']}"),
        **roles,
        "records": records,
    }


def figure_records(found):
    """The JSON file beside each artefact that a figure reads; its caption names what they say."""
    paths = [Path(path) for of_role in found.values() for path in of_role]
    beside = [
        (
            path.with_name("record.json")
            if path.name == "manifest.json"
            else path.with_suffix(".json")
        )
        for path in paths
    ]
    return list(dict.fromkeys(str(path) for path in beside))


def page_tables(partial):
    """Markdown of each table by name: those of the default target, then further ones there are.

    Of those that were not asked for none is missing: they may be of data that nobody has. The partial
    page shows partial tables, which follow the results; further ones have none.
    """
    own = "tables/partial" if partial else "tables"
    found = {name: str(RESULTS / own / f"{name}.md") for name in DEFAULT_TABLES}
    return found | further("table", "tables", ".md", DEFAULT_TABLES)


def page_figures():
    """Bitmap of each figure by name, likewise."""
    found = {name: str(RESULTS / "figures" / f"{name}.png") for name in FIGURES}
    return found | further("figure", "figures", ".png", FIGURES)


def further(field, where, suffix, asked):
    """Files of the config's other tables or figures that are there."""
    names = [name for name in PATHS.names(field) if name not in asked]
    paths = {name: RESULTS / where / f"{name}{suffix}" for name in names}
    return {name: str(path) for name, path in paths.items() if path.is_file()}


def page_content(partial):
    """What the page is made of, as plain values."""
    called = workflow.config_settings
    sources = {}
    for name in page_tables(partial):
        found = explained(table_sources, SETTINGS, name)
        sources[name] = [str(RESULTS / path) for path in found]
    return {
        "results": str(RESULTS),
        "benchmarks": config.get("pathvars", {}).get("benchmarks", "benchmarks"),
        "tables": page_tables(partial),
        "numbers": sources,
        "figures": page_figures(),
        "settings": SETTINGS.values,
        "config_files": [os.path.relpath(path) for path in called.configfiles],
        "config": dict(called.config),
    }


def page_sources(wildcards, output):
    """It takes ``output`` so that it reruns nothing: settings that shape a result rerun a table."""
    return page_content(partial=False)


def page_sources_partial(wildcards, output):
    """As `page_sources`."""
    return page_content(partial=True)


def page_found(wildcards):
    """A digest of the tables and figures that are shown without being asked for."""
    more = [
        path for name, path in page_tables(False).items() if name not in DEFAULT_TABLES
    ]
    more += [path for name, path in page_figures().items() if name not in FIGURES]
    return digest_of_files(more)


def page_found_partial(wildcards):
    """A digest of all figures, further tables and records that are there."""
    more = [
        path for name, path in page_tables(True).items() if name not in DEFAULT_TABLES
    ]
    return digest_of_files([*more, *page_figures().values(), *RESULTS.rglob("*.json")])


def digest_of_files(paths):
    """One digest of the names and contents of those that exist, so that params follow them."""
    import hashlib

    digest = hashlib.sha256()
    for path in sorted(map(str, paths)):
        if Path(path).is_file():
            digest.update(f"{path}\0".encode() + Path(path).read_bytes())
    return digest.hexdigest()


def export_code(wildcards):
    return code("export", f"methods.{wildcards.method}")


def export_groups(wildcards):
    """The groups' files tell how an assembled set was made."""
    return assemble_groups(wildcards) if wildcards.method in OPTIMISING else []


def unknown_path(wildcards):
    """No files: the reason why there is no such target."""
    raise WorkflowError(str(PATHS.fault(wildcards.path)))
