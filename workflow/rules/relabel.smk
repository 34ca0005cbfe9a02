# Soft labels: what teachers say of every augmented distilled image in every epoch, ours or those of others.


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
    priority: 70
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["relabel"]
    resources:
        compute_threads=THREADS["relabel"],
        device=DEVICE,
        gpu=GPUS,
        jobs_per_gpu=JOBS_PER_GPU,
        state=STATE,
        state_seconds=STATE_SECONDS,
        mem_mb=memory(8000),
        runtime=minutes(60),
    params:
        settings=relabel_settings,
    message:
        "Relabelling {wildcards.method} {wildcards.fd2} {wildcards.variant}, {wildcards.ipc}"
        " images per class"
    script:
        "../scripts/relabel.py"


# Of a set whose makers stored what their teachers said.
rule import_labels:
    input:
        code=import_labels_code,
        manifest="<results>/data/{dataset}/manifest.json",
        distilled=distilled_set,
    output:
        logits="<results>/labels/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/logits.npy",
        augmentation="<results>/labels/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/augmentation.safetensors",
        record="<results>/labels/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/record.json",
    log:
        "<logs>/labels/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.log",
    wildcard_constraints:
        method=either(IMPORTED),
        variant=either(labelled_variants(SETTINGS)),
    priority: 70
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["distill"]
    resources:
        compute_threads=THREADS["distill"],
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        settings=import_labels_settings,
        source=import_labels_listing,
    message:
        "Importing soft labels of {wildcards.dataset}, {wildcards.variant}, {wildcards.ipc}"
        " images per class"
    script:
        "../scripts/import_labels.py"


ruleorder: import_labels > relabel
