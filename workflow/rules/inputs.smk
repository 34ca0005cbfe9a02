# Functions behind the inputs and params of the rules, in the order of the chain.

import os
from functools import cache

RESULTS = Path(SETTINGS.values["pathvars"]["results"])


def download_code(wildcards):
    return code("download", f"datasets.{wildcards.kind}")


@explained
def prepare_code(wildcards):
    """Refuses a user's folder that cannot be prepared, as far as listing it tells."""
    images_before(f"data/{wildcards.dataset}/manifest.json", wildcards.dataset)
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
    """Listed once, though Snakemake asks several times; what changed is told, also in a dry run."""
    record = Path(RESULTS, "data", dataset, "record.json")
    settings = SETTINGS.prepare(dataset)
    listing = folder_listing(settings, record)
    if workflow.is_main_process and listing != prepared_listing(record):
        change = folder_change(settings, RESULTS)
        if change is not None:
            logger.info(str(change))
    return listing


@explained
def prepare_images(wildcards):
    return listed_images(wildcards.dataset)


@cache
def counted_images(dataset):
    """Training images of each class of a user's folder, counted once; None of other data."""
    prepared = Path(RESULTS, "data", dataset, "manifest.json").is_file()
    where = SETTINGS.where("datasets", dataset)
    return training_counts(SETTINGS.prepare(dataset), where, prepared)


def images_before(output, dataset):
    """As `counted_images`, for an output that is yet to be made.

    None where it is there: Snakemake would take an existing file for given rather than refuse, so
    that the job itself has to speak. A job's own process does not count again.
    """
    if not workflow.is_main_process or Path(RESULTS, output).is_file():
        return None
    return counted_images(dataset)


def require_batches(output, wildcards, settings):
    """Refuse distilled sets too small for batch normalisation, before anything is distilled."""
    counts = images_before(output, wildcards.dataset)
    if counts is not None:
        half_batch_sizes(len(counts) * int(wildcards.ipc), settings["batch_size"])


def of_teacher(wildcards):
    """The teacher that a rule makes or looks through."""
    teacher = Teacher.parse(dict(wildcards.items()))
    require_network(teacher.backbone, teacher.path())
    return teacher


def require_network(name, path):
    """Refuse a path with a network that there is not, which its rule's wildcards let pass."""
    if not plugins.is_known("backbones", name):
        raise PATHS.fault(path)


@explained
def pretrain_code(wildcards):
    require_variant(of_teacher(wildcards).variant, wildcards)
    return code("pretrain", f"backbones.{wildcards.backbone}")


@explained
def pretrain_settings(wildcards):
    return SETTINGS.pretrain(of_teacher(wildcards))


def of_expert(wildcards):
    """The expert that a rule makes."""
    expert = Expert.parse(dict(wildcards.items()))
    require_network(expert.backbone, expert.path())
    return expert


@explained
def train_expert_code(wildcards):
    require_variant(of_expert(wildcards).variant, wildcards)
    return code("train_expert", f"backbones.{wildcards.backbone}")


@explained
def train_expert_settings(wildcards):
    return expert_settings(SETTINGS, of_expert(wildcards))


@explained
def patches_code(wildcards):
    """Refuses a user's folder with too few images for the patches, before teachers are trained."""
    settings = SETTINGS.patches(wildcards.dataset, wildcards.kind)
    output = f"patches/{wildcards.dataset}/{wildcards.kind}.safetensors"
    counts = images_before(output, wildcards.dataset)
    if counts is not None:
        require_patch_images(build(PatchSettings, settings), counts)
    return code("patches", f"backbones.{settings['scorer']}")


def patches_scorer(wildcards):
    return folder(SETTINGS.patch_scorer(wildcards.dataset, wildcards.kind).path())


def of_set(wildcards):
    """The set that a rule makes or takes; not one that would repeat that of ``base``."""
    names = dict(wildcards.items())
    require_variant(names.get("variant", "base"), wildcards)
    return SetName.parse(names)


def asked_set(wildcards):
    """The set that a rule takes so many images of; not more than are distilled."""
    name = SetName.parse(dict(wildcards.items()))
    target = f"target .../{name}/ipc{wildcards.ipc}"
    SETTINGS.check_ipc(name, int(wildcards.ipc), target)
    return name


@explained
def distill_patches(wildcards):
    kind = SETTINGS.patch_kind(of_set(wildcards))
    return folder(f"patches/{wildcards.dataset}/{kind}.safetensors") if kind else []


@explained
def distill_teachers(wildcards):
    # A group of slots is shared by sets of several sizes.
    ipc = int(wildcards.ipc) if "ipc" in wildcards.keys() else None
    teachers = SETTINGS.distill_teachers(of_set(wildcards), ipc)
    return [folder(teacher.path()) for teacher in teachers]


def optimising_code(stage, wildcards):
    """Code of a stage that optimises images, with its plug-ins."""
    name = of_set(wildcards)
    teachers = SETTINGS.distill_teachers(name)
    regularisers = SETTINGS.distill(name, 0)["regularisers"]
    return code(
        stage,
        f"methods.{name.method}",
        *(f"backbones.{teacher.backbone}" for teacher in teachers),
        *(f"regularisers.{regulariser}" for regulariser in regularisers),
    )


@explained
def distill_code(wildcards):
    return optimising_code("distill", wildcards)


@explained
def distill_settings(wildcards):
    return SETTINGS.distill(of_set(wildcards), int(wildcards.group))


@explained
def select_code(wildcards):
    """Refuses a user's folder with too few images for a method that chooses whole ones."""
    name, ipc = asked_set(wildcards), int(wildcards.ipc)
    counts = images_before(name.images(ipc), name.dataset)
    if counts is not None and SETTINGS.patch_kind(name) is None:
        own = SETTINGS.method_settings(name)
        each = real_images_of_each(name.method, own)
        require_whole_images(name.dataset, counts, ipc, each)
    backbones = [teacher.backbone for teacher in SETTINGS.distill_teachers(name)]
    plugins_of = (f"methods.{name.method}", *(f"backbones.{one}" for one in backbones))
    return code("select_images", *plugins_of)


def select_threads(wildcards):
    """One where nothing is computed."""
    return THREADS["distill"] if distill_teachers(wildcards) else 1


def select_device(wildcards):
    """The CPU where nothing is computed, also under a config for a GPU."""
    return DEVICE if distill_teachers(wildcards) else "cpu"


def select_gpus(wildcards):
    return GPUS if distill_teachers(wildcards) else 0


def matching_code(stage, wildcards):
    """Code of a stage that matches images, with its plug-ins."""
    name = asked_set(wildcards)
    teachers = SETTINGS.distill_teachers(name, int(wildcards.ipc))
    networks = [teacher.backbone for teacher in teachers]
    networks.append(SETTINGS.method_settings(name, int(wildcards.ipc))["network"])
    return code(
        stage, f"methods.{name.method}", *(f"backbones.{one}" for one in networks)
    )


@explained
def match_code(wildcards):
    return matching_code("match", wildcards)


@explained
def match_trajectories_code(wildcards):
    return matching_code("match_trajectories", wildcards)


@explained
def match_experts(wildcards):
    experts = experts_of(SETTINGS, of_set(wildcards), int(wildcards.ipc))
    return [folder(expert.path()) for expert in experts]


@explained
def import_code(wildcards):
    """Refuses files that are not there, before a teacher is trained."""
    name, ipc = asked_set(wildcards), int(wildcards.ipc)
    if workflow.is_main_process and not Path(RESULTS, name.images(ipc)).is_file():
        source_files(SETTINGS.whole_set(name, ipc)["method_settings"], ipc)
    backbones = [teacher.backbone for teacher in SETTINGS.distill_teachers(name)]
    return code("import_set", *(f"backbones.{one}" for one in backbones))


@explained
def import_listing(wildcards):
    """A param, because a folder's age does not tell of the files inside it."""
    name, ipc = of_set(wildcards), int(wildcards.ipc)
    own = SETTINGS.whole_set(name, ipc)["method_settings"]
    return source_listing(own, ipc, Path(RESULTS, name.images(ipc, "json")))


@explained
def import_labels_code(wildcards):
    """Refuses files that are not there, before a teacher is trained."""
    settings = build(ImportedLabelSettings, import_labels_settings(wildcards))
    logits = f"{of_set(wildcards).labels(wildcards.ipc)}/logits.npy"
    if workflow.is_main_process and not Path(RESULTS, logits).is_file():
        own, ipc = settings.method_settings, settings.images_per_class
        label_files(own, ipc, settings.stored_epochs)
    return code("import_labels")


@explained
def import_labels_settings(wildcards):
    name, ipc = of_set(wildcards), int(wildcards.ipc)
    require_labels_of(SETTINGS, name, ipc, brought=True)
    return imported_label_settings(SETTINGS, name, ipc)


@explained
def import_labels_listing(wildcards):
    settings = build(ImportedLabelSettings, import_labels_settings(wildcards))
    record = Path(RESULTS, of_set(wildcards).labels(wildcards.ipc), "record.json")
    own, ipc = settings.method_settings, settings.images_per_class
    return label_listing(own, ipc, settings.stored_epochs, record)


@explained
def measure_code(wildcards):
    kind = optimising_code if wildcards.method in OPTIMISING else matching_code
    return kind("measure", wildcards)


@explained
def measure_settings(wildcards):
    return SETTINGS.measure(asked_set(wildcards), int(wildcards.ipc))


@explained
def whole_set_settings(wildcards):
    return SETTINGS.whole_set(of_set(wildcards), int(wildcards.ipc))


@explained
def assemble_groups(wildcards):
    name = asked_set(wildcards)
    groups = SETTINGS.groups(name, int(wildcards.ipc))
    return [folder(name.group(group)) for group in groups]


@explained
def distilled_set(wildcards):
    name = SETTINGS.set_at(asked_set(wildcards), "distill")
    return folder(name.images(int(wildcards.ipc)))


def relabelling_teachers(wildcards):
    return SETTINGS.relabel_teachers(of_set(wildcards), int(wildcards.ipc))


@explained
def relabel_teachers(wildcards):
    return [folder(teacher.path()) for teacher in relabelling_teachers(wildcards)]


@explained
def relabel_code(wildcards):
    settings = relabel_settings(wildcards)
    require_labels_of(SETTINGS, of_set(wildcards), int(wildcards.ipc), brought=False)
    logits = f"{of_set(wildcards).labels(wildcards.ipc)}/logits.npy"
    require_batches(logits, wildcards, settings)
    counts = images_before(logits, wildcards.dataset)
    if counts is not None and settings["storage"] is not None:
        require_classes(settings["storage"]["top_k"], len(counts), wildcards.dataset)
    backbones = [teacher.backbone for teacher in relabelling_teachers(wildcards)]
    return code("relabel", *(f"backbones.{backbone}" for backbone in backbones))


@explained
def relabel_settings(wildcards):
    return SETTINGS.relabel(of_set(wildcards), int(wildcards.ipc))


def of_cell(wildcards):
    """The cell that a rule makes; the first of a job of several."""
    return of_cells(wildcards)[0]


def of_cells(wildcards):
    require_variant(wildcards.variant, wildcards)
    names = dict(wildcards.items())
    seeds = [names["seed"]] if "seed" in names else SEEDS_TOGETHER
    cells = [Cell.parse({**names, "seed": seed}) for seed in seeds]
    require_network(wildcards.student, cells[0].path())
    return cells


@explained
def cell_labels(wildcards):
    """The soft labels' two files, or nothing where the student learns from others."""
    cell = of_cell(wildcards)
    if SETTINGS.evaluate(cell)["labels"] != "soft":
        return []
    labels = SETTINGS.set_at(cell.set_name, "relabel").labels(cell.ipc)
    return [
        folder(f"{labels}/logits.npy"),
        folder(f"{labels}/augmentation.safetensors"),
    ]


def require_student(output, wildcards, settings):
    """Refuse a student of too few distilled images, or of too few real ones to be tuned on."""
    if settings["protocol"] == "decoupled":
        require_batches(output, wildcards, settings)
    counts = images_before(output, wildcards.dataset) if settings["fine_tuning"] else None
    if counts is not None:
        require_whole_images(wildcards.dataset, counts, int(wildcards.ipc))


@explained
def evaluate_code(wildcards):
    path, settings = of_cell(wildcards).path(), evaluate_settings(wildcards)
    require_student(path, wildcards, settings)
    return code("evaluate", f"backbones.{wildcards.student}")


@explained
def keep_code(wildcards):
    path, settings = of_cell(wildcards).weights(), evaluate_settings(wildcards)
    require_student(path, wildcards, settings)
    return code("keep", f"backbones.{wildcards.student}")


@explained
def convert_code(wildcards):
    """Refuses before a student is trained where the packages of the conversion are missing."""
    if not workflow.deployment_settings.deployment_method:
        require_extra("onnxscript", "onnx", of_cell(wildcards).weights("onnx"))
    return code("convert", f"backbones.{wildcards.student}")


@explained
def evaluate_settings(wildcards):
    return SETTINGS.evaluate(of_cell(wildcards))


@explained
def evaluate_settings_of_seeds(wildcards):
    return [SETTINGS.evaluate(cell) for cell in of_cells(wildcards)]


def diagnose_code(wildcards):
    return code("diagnose", f"backbones.{wildcards.backbone}")


@explained
def diagnose_settings(wildcards):
    ipc = int(wildcards.ipc) if "ipc" in wildcards.keys() else None
    name = SetName.parse(dict(wildcards.items()))
    return SETTINGS.diagnose(name, ipc, of_teacher(wildcards))


def complexity_code(wildcards):
    return code("measure_complexity", f"backbones.{wildcards.backbone}")


@explained
def of_complexity(wildcards):
    return complexity_settings(SETTINGS, of_teacher(wildcards))


def require_steps(output, wildcards):
    """Refuse more steps than the classes allow, before teachers are trained, where these are known.

    Returns how many classes arrive at each step; None where that is not known.
    """
    counts = images_before(output, wildcards.dataset)
    manifest = RESULTS / "data" / wildcards.dataset / "manifest.json"
    if counts is not None:
        classes = len(counts)
    elif workflow.is_main_process and manifest.is_file():
        classes = len(read_manifest(manifest).classes)
    else:
        return None
    return step_sizes(classes, int(wildcards.steps), f"target {RESULTS / output}")


@explained
def continual_code(wildcards):
    settings, path = of_continual(wildcards), continual_path(wildcards)
    sizes = require_steps(path, wildcards)
    if sizes is not None and settings["evaluate"]["protocol"] == "decoupled":
        batch = settings["evaluate"]["batch_size"]
        half_batch_sizes(sizes[0] * int(wildcards.ipc), batch)
    backbones = [
        wildcards.student,
        *(t.backbone for t in labelling_teachers(wildcards)),
    ]
    return code("learn_continually", *(f"backbones.{one}" for one in backbones))


def continual_path(wildcards):
    return of_cell(wildcards).continual(int(wildcards.steps))


@explained
def of_continual(wildcards):
    return continual_settings(SETTINGS, of_cell(wildcards), int(wildcards.steps))


def labelling_teachers(wildcards):
    """The teachers that label at each step; none where students learn from other labels."""
    labels = SETTINGS.evaluate(of_cell(wildcards))["labels"]
    return relabelling_teachers(wildcards) if labels == "soft" else []


@explained
def continual_teachers(wildcards):
    return [folder(teacher.path()) for teacher in labelling_teachers(wildcards)]


@explained
def continual_real_code(wildcards):
    teacher = of_teacher(wildcards)
    require_variant(teacher.variant, wildcards)
    require_steps(
        teacher.continual(int(wildcards.steps), int(wildcards.seed)), wildcards
    )
    return code("learn_continually", f"backbones.{wildcards.backbone}")


@explained
def of_continual_real(wildcards):
    numbers = int(wildcards.steps), int(wildcards.seed)
    return continual_teacher_settings(SETTINGS, of_teacher(wildcards), *numbers)


@explained
def of_scenes(wildcards):
    return scenes_settings(SETTINGS, wildcards.scenes)


@explained
def scenes_files(wildcards):
    """Bytes of the annotation files by their split; as they were where a file is not there.

    A param and no input: what was prepared stays good while the disk with the images is away, and a plan
    can be made without it. A file that never was the job refuses.
    """
    record = Path(RESULTS, "scenes", wildcards.scenes, "record.json")
    try:
        return build(ScenesSettings, of_scenes(wildcards)).annotation_bytes()
    except (FD2Error, FileNotFoundError):
        return read_content(record)["annotation_bytes"] if record.is_file() else None


def of_annotated(wildcards):
    return explained(annotate_settings)(SETTINGS, asked_annotated(wildcards))


def asked_annotated(wildcards):
    """The annotated set that a rule makes or takes; not more images than are distilled."""
    of_set(wildcards), asked_set(wildcards)
    return Annotated.parse(dict(wildcards.items()))


@explained
def annotate_code(wildcards):
    """Refuses a class map that names what there is not, where the dataset's classes are known."""
    mapped = class_map(SETTINGS, wildcards.annotator)
    manifest = Path(RESULTS, "data", wildcards.dataset, "manifest.json")
    if mapped is not None and workflow.is_main_process and manifest.is_file():
        mapped.require(read_manifest(manifest).classes, None)
    return code("annotate")


@explained
def annotate_detector(wildcards):
    """The detector trained here, or nothing."""
    detector = annotator_detector(SETTINGS, asked_annotated(wildcards))
    return [] if detector is None else folder(detector.path("safetensors"))


@explained
def annotate_class_map(wildcards):
    mapped = class_map(SETTINGS, wildcards.annotator)
    return [] if mapped is None else own(mapped.path.relative_to(ROOT))


@explained
def of_detector(wildcards):
    return detector_settings(SETTINGS, Detector.parse(dict(wildcards.items())))


@explained
def diagnostic_tables(wildcards):
    """The tables whose sheets list diagnoses; a target with none of them has nothing to do."""
    return [
        folder(f"tables/{table}.md")
        for table in SETTINGS.values["tables"]
        if SETTINGS.sheet(table).kind == "diagnostics"
    ]


@explained
def table_inputs(wildcards):
    check_table(SETTINGS, wildcards.table)
    return [folder(path) for path in table_sources(wildcards.table)]


@explained
def table_sources(table):
    """Paths below the results folder of what fills a table."""
    return SETTINGS.sheet(table).sources(SETTINGS.values["seeds"])


@explained
def student_rows(table):
    return SETTINGS.sheet(table).rows_of(StudentRow)


def table_seeds(wildcards):
    """The students' seeds; none for a table without students."""
    seeded = (StudentRow, ScoreRow, ContinualRow, DetectionRow)
    rows = SETTINGS.sheet(wildcards.table).rows
    return SETTINGS.values["seeds"] if isinstance(rows[0], seeded) else []


@explained
def table_facts(wildcards):
    """What the settings say of each row, to find the rows to compare with each other."""
    continual = SETTINGS.sheet(wildcards.table).rows_of(ContinualRow)
    rows = [*student_rows(wildcards.table), *(row.students for row in continual)]
    return as_json([row_facts(SETTINGS, row) for row in rows])


@explained
def table_found(wildcards):
    """A digest of a table's files that are there, so that a partial table follows them.

    It takes no ``output``: params that are derived from files rerun nothing.
    """
    return digest_of_files(RESULTS / path for path in table_sources(wildcards.table))


def figure_spec(wildcards):
    return as_json(SETTINGS.values["figures"][wildcards.figure])


@explained
def figure_inputs(wildcards):
    spec = SETTINGS.values["figures"][wildcards.figure]
    manifest = Path(RESULTS, "data", spec["dataset"], "manifest.json")
    classes = read_manifest(manifest).classes if manifest.is_file() else None
    check_figure(SETTINGS, wildcards.figure, classes, manifest)
    plugin = plugins.load("figures", spec["kind"])
    asked = plugin.inputs(spec, SETTINGS.values["seeds"])
    # A row's variant may share the artefact with base, as in tables.
    found = {
        role: [PATHS.shared(path) for path in paths] for role, paths in asked.items()
    }
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


@explained
def page_content(partial):
    """What the page is made of."""
    called = workflow.config_settings
    sources = {}
    for name in page_tables(partial):
        sources[name] = [str(RESULTS / path) for path in table_sources(name)]
    content = {
        "results": str(RESULTS),
        "benchmarks": SETTINGS.values["pathvars"]["benchmarks"],
        "tables": page_tables(partial),
        "numbers": sources,
        "figures": page_figures(),
        "settings": SETTINGS.values,
        "config_files": [os.path.relpath(path) for path in called.configfiles],
        "config": dict(called.config),
    }
    return as_json(content)


@explained
def page_found(partial):
    """A digest of what the page shows beside its inputs, so that it follows these files."""
    asked = DEFAULT_TABLES if partial else [*DEFAULT_TABLES, *FIGURES]
    shown = page_tables(partial) | page_figures()
    more = [path for name, path in shown.items() if name not in asked]
    return digest_of_files([*more, *(RESULTS.rglob("*.json") if partial else ())])


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


@explained
def export_groups(wildcards):
    """The groups' files tell how an assembled set was made."""
    if wildcards.method not in OPTIMISING:
        return []
    name = SETTINGS.set_at(asked_set(wildcards), "distill")
    groups = SETTINGS.groups(name, int(wildcards.ipc))
    return [folder(name.group(group)) for group in groups]


@explained
def export_training(wildcards):
    """Settings of a student of the set: of its first row in the sheets, or the dataset's."""
    name, ipc = SetName.parse(dict(wildcards.items())), int(wildcards.ipc)
    rows = [
        row
        for table in TABLES
        for row in student_rows(table)
        if row.variant and row.ipc
    ]
    of_set = [row for row in rows if (row.set_name, row.ipc) == (name, ipc)]
    of_data = [row for row in rows if row.dataset == name.dataset]
    # Without any row: what holds for students that no override names.
    student = next((row.student for row in of_set + of_data), "resnet18")
    return SETTINGS.evaluate(Cell(name, ipc, student, SEEDS[0]))


@explained
def export_records(wildcards):
    """Digests of the records there are that tell what a set is worth, by their paths.

    Of its students, of students of as many random real images, and of teachers; and of the crops that
    it began from. They are no inputs: for an archive none is made. A param, so that the card follows.
    """
    name, ipc = SetName.parse(dict(wildcards.items())), int(wildcards.ipc)

    def labels(one):
        return SETTINGS.relabel(one, ipc), SETTINGS.relabel_teachers(one, ipc)

    def cells(method, fd2, variant):
        """Records of students of a set, of all variants that share its images and the labels."""
        owner = SetName(name.dataset, method, fd2, variant)
        sharing = [
            one
            for one in (
                replace(owner, variant=v) for v in ["base", *SETTINGS.variants()]
            )
            if SETTINGS.set_at(one, "distill") == SETTINGS.set_at(owner, "distill")
            and (fd2 != name.fd2 or labels(one) == labels(name))
        ]
        folders = [RESULTS / f"students/{one}/ipc{ipc}" for one in sharing]
        return [path for each in folders for path in each.glob("*/seed*.json")]

    random = []
    for fd2 in FD2 if name.method != "random" else ():
        random += cells("random", fd2, name.variant) or cells("random", fd2, "base")
    teachers = RESULTS / "teachers" / name.dataset
    distilled = SETTINGS.set_at(name, "distill")
    kind = SETTINGS.patch_kind(distilled) if name.method in OPTIMISING else None
    patches = RESULTS / f"patches/{name.dataset}/{kind}.safetensors"
    found = {
        "patches": [patches] if patches.is_file() else [],
        "students": cells(name.method, name.fd2, name.variant),
        "random": random,
        "teachers": [*teachers.glob("*/plain.json"), *teachers.glob("*/cal.json")],
    }
    return {
        kind: {str(path): file_digest(path) for path in sorted(paths)}
        for kind, paths in found.items()
    }


def no_target(wildcards):
    """No files: the nearest name of a target."""
    raise WorkflowError(str(PATHS.no_target(wildcards.name)))


def unknown_path(wildcards):
    """No files: the reason why there is no such target."""
    raise WorkflowError(str(PATHS.fault(wildcards.path)))
