# What the rules of students ask for, also of those that learn classes in steps.


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
    counts = (
        images_before(output, wildcards.dataset) if settings["fine_tuning"] else None
    )
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
