# Soft labels: what the teachers say of every augmented distilled image in every epoch.


def relabel_names(wildcards):
    names = distill_variant(wildcards)
    return explained(SETTINGS.relabel_teachers, *names, int(wildcards.ipc))


def relabel_teachers(wildcards):
    recipe = SETTINGS.recipe_name(wildcards.fd2, wildcards.variant)
    return [teacher(wildcards.dataset, name, recipe) for name in relabel_names(wildcards)]


def relabel_code(wildcards):
    return code("relabel", *(f"backbones.{name}" for name in relabel_names(wildcards)))


def distilled_set(wildcards):
    variant = SETTINGS.variant_at(wildcards.variant, "distill")
    cell = f"{wildcards.dataset}/{wildcards.method}/{wildcards.fd2}/{variant}"
    return folder(f"distilled/{cell}/ipc{wildcards.ipc}.safetensors")


rule relabel:
    input:
        code=relabel_code,
        distilled=distilled_set,
        teachers=relabel_teachers,
    output:
        logits="<results>/labels/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/logits.npy",
        augmentation="<results>/labels/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/augmentation.safetensors",
        record="<results>/labels/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/record.json",
    log:
        "<logs>/labels/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.log",
    benchmark:
        "<benchmarks>/labels/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.tsv"
    wildcard_constraints:
        variant=either(SETTINGS.variants_at("relabel")),
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["relabel"]
    resources:
        device=DEVICE,
        gpu=GPUS,
        mem_mb=memory(8000),
        runtime=minutes(60),
    params:
        settings=lambda wildcards: cell_settings("relabel", wildcards),
    message:
        "Relabelling {wildcards.method} {wildcards.fd2} {wildcards.variant}, {wildcards.ipc}"
        " images per class"
    script:
        "../scripts/relabel.py"
