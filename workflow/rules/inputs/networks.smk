# What the rules of teachers, experts and patches ask for.


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
