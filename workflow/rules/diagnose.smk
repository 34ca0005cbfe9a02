# How a network sees a set: of distilled images, or of all real training images. The network is any
# teacher, also one that took no part in distillation.


rule diagnose:
    input:
        code=diagnose_code,
        manifest="<results>/data/{dataset}/manifest.json",
        distilled="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.safetensors",
        network="<results>/teachers/{dataset}/{backbone}/{training}.safetensors",
    output:
        tensors="<results>/diagnostics/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{backbone}/{training}.safetensors",
        record="<results>/diagnostics/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{backbone}/{training}.json",
    log:
        "<logs>/diagnostics/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{backbone}/{training}.log",
    benchmark:
        "<benchmarks>/diagnostics/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{backbone}/{training}.tsv"
    wildcard_constraints:
        variant=either(SETTINGS.variants_at("distill")),
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["diagnose"]
    resources:
        compute_threads=THREADS["diagnose"],
        device=DEVICE,
        gpu=GPUS,
        jobs_per_gpu=JOBS_PER_GPU,
        mem_mb=memory(8000),
        runtime=minutes(20),
    params:
        settings=diagnose_settings,
    message:
        "Looking at {wildcards.method} {wildcards.fd2} {wildcards.variant}, {wildcards.ipc} images"
        " per class, through {wildcards.backbone} ({wildcards.training})"
    script:
        "../scripts/diagnose.py"


rule diagnose_real:
    input:
        code=diagnose_code,
        manifest="<results>/data/{dataset}/manifest.json",
        network="<results>/teachers/{dataset}/{backbone}/{training}.safetensors",
    output:
        tensors="<results>/diagnostics/{dataset}/full/{backbone}/{training}.safetensors",
        record="<results>/diagnostics/{dataset}/full/{backbone}/{training}.json",
    log:
        "<logs>/diagnostics/{dataset}/full/{backbone}/{training}.log",
    benchmark:
        "<benchmarks>/diagnostics/{dataset}/full/{backbone}/{training}.tsv"
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["diagnose"]
    resources:
        compute_threads=THREADS["diagnose"],
        device=DEVICE,
        gpu=GPUS,
        jobs_per_gpu=JOBS_PER_GPU,
        mem_mb=memory(8000),
        runtime=minutes(20),
    params:
        settings=diagnose_settings,
    message:
        "Looking at the training images of {wildcards.dataset} through {wildcards.backbone}"
        " ({wildcards.training})"
    script:
        "../scripts/diagnose.py"


rule diagnostics:
    input:
        diagnostic_tables,
