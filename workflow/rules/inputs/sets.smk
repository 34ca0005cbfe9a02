# What the rules that make, measure and diagnose sets ask for.


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
    teachers = SETTINGS.distill_teachers(asked_set(wildcards))
    return selecting_code("select_images", wildcards, teachers)


def selecting_code(stage, wildcards, teachers):
    """Refuses a user's folder with too few images for a method that chooses whole ones."""
    name, ipc = asked_set(wildcards), int(wildcards.ipc)
    counts = images_before(name.images(ipc), name.dataset)
    if counts is not None and SETTINGS.patch_kind(name) is None:
        own = SETTINGS.method_settings(name)
        each = real_images_of_each(name.method, own)
        require_whole_images(name.dataset, counts, ipc, each)
    backbones = [teacher.backbone for teacher in teachers]
    plugins_of = (f"methods.{name.method}", *(f"backbones.{one}" for one in backbones))
    return code(stage, *plugins_of)


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
def measure_code(wildcards):
    if wildcards.method in SELECTING:
        return selecting_code("measure", wildcards, timed_teachers(wildcards))
    kind = optimising_code if wildcards.method in OPTIMISING else matching_code
    return kind("measure", wildcards)


@explained
def of_measured(wildcards):
    return measure_settings(SETTINGS, asked_set(wildcards), int(wildcards.ipc))


def measure_patches(wildcards):
    """None of a selection, which scores its own while it is timed."""
    return [] if wildcards.method in SELECTING else distill_patches(wildcards)


def timed_teachers(wildcards):
    return measure_teachers(SETTINGS, of_set(wildcards), int(wildcards.ipc))


@explained
def measured_teachers(wildcards):
    return [folder(teacher.path()) for teacher in timed_teachers(wildcards)]


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
