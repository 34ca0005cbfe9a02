# Distilled images: groups of optimised slots, assembled; real images selected; sets matched, or imported.


rule distill:
    input:
        code=distill_code,
        manifest="<results>/data/{dataset}/manifest.json",
        patches=distill_patches,
        teachers=distill_teachers,
    output:
        group="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/group{group}.safetensors",
        record="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/group{group}.json",
    log:
        "<logs>/distilled/{dataset}/{method}/{fd2}/{variant}/group{group}.log",
    benchmark:
        "<benchmarks>/distilled/{dataset}/{method}/{fd2}/{variant}/group{group}.tsv"
    wildcard_constraints:
        method=either(OPTIMISING),
        variant=either(SETTINGS.variants_at("distill")),
    priority: 80
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["distill"]
    resources:
        compute_threads=THREADS["distill"],
        device=DEVICE,
        gpu=GPUS,
        jobs_per_gpu=JOBS_PER_GPU,
        state=STATE,
        state_seconds=STATE_SECONDS,
        mem_mb=memory(8000),
        runtime=minutes(120),
    params:
        settings=distill_settings,
    message:
        "Distilling group {wildcards.group} of {wildcards.dataset}, {wildcards.method}"
        " {wildcards.fd2} {wildcards.variant}"
    script:
        "../scripts/distill.py"


rule assemble:
    input:
        code=code("assemble"),
        groups=assemble_groups,
    output:
        distilled="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.safetensors",
        record="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.json",
    log:
        "<logs>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.log",
    wildcard_constraints:
        method=either(OPTIMISING),
        variant=either(SETTINGS.variants_at("distill")),
    priority: 75
    conda:
        "../../envs/fd2.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(10),
    message:
        "Assembling {wildcards.ipc} images per class of {wildcards.method} {wildcards.fd2}"
    script:
        "../scripts/assemble.py"


rule select_images:
    input:
        code=select_code,
        manifest="<results>/data/{dataset}/manifest.json",
        patches=distill_patches,
        teachers=distill_teachers,
    output:
        distilled="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.safetensors",
        record="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.json",
    log:
        "<logs>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.log",
    wildcard_constraints:
        method=either(SELECTING),
        variant=either(SETTINGS.variants_at("distill")),
    priority: 75
    conda:
        "../../envs/fd2.yaml"
    threads: select_threads
    resources:
        compute_threads=select_threads,
        device=select_device,
        gpu=select_gpus,
        jobs_per_gpu=JOBS_PER_GPU,
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        settings=whole_set_settings,
    message:
        "Selecting {wildcards.ipc} images per class with {wildcards.method}"
    script:
        "../scripts/select_images.py"


rule match:
    input:
        code=match_code,
        manifest="<results>/data/{dataset}/manifest.json",
    output:
        distilled="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.safetensors",
        record="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.json",
    log:
        "<logs>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.log",
    benchmark:
        "<benchmarks>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.tsv"
    wildcard_constraints:
        method=either(MATCHING),
        variant=either(SETTINGS.variants_at("distill")),
    priority: 80
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["distill"]
    resources:
        compute_threads=THREADS["distill"],
        device=DEVICE,
        gpu=GPUS,
        jobs_per_gpu=JOBS_PER_GPU,
        state=STATE,
        state_seconds=STATE_SECONDS,
        mem_mb=memory(8000),
        runtime=minutes(240),
    params:
        settings=whole_set_settings,
    message:
        "Matching {wildcards.ipc} images per class of {wildcards.dataset}, {wildcards.method}"
        " {wildcards.variant}"
    script:
        "../scripts/match.py"


rule match_trajectories:
    input:
        code=match_trajectories_code,
        manifest="<results>/data/{dataset}/manifest.json",
        experts=match_experts,
        teachers=distill_teachers,
    output:
        distilled="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.safetensors",
        record="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.json",
    log:
        "<logs>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.log",
    benchmark:
        "<benchmarks>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.tsv"
    wildcard_constraints:
        method=either(TRAJECTORIES),
        variant=either(SETTINGS.variants_at("distill")),
    priority: 80
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["distill"]
    resources:
        compute_threads=THREADS["distill"],
        device=DEVICE,
        gpu=GPUS,
        jobs_per_gpu=JOBS_PER_GPU,
        state=STATE,
        state_seconds=STATE_SECONDS,
        mem_mb=memory(16000),
        runtime=minutes(240),
    params:
        settings=whole_set_settings,
    message:
        "Matching trajectories with {wildcards.ipc} images per class of {wildcards.dataset}, {wildcards.method}"
        " {wildcards.variant}"
    script:
        "../scripts/match_trajectories.py"


rule import_set:
    input:
        code=import_code,
        manifest="<results>/data/{dataset}/manifest.json",
        teachers=distill_teachers,
    output:
        distilled="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.safetensors",
        record="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.json",
    log:
        "<logs>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.log",
    wildcard_constraints:
        method=either(IMPORTED),
        variant=either(SETTINGS.variants_at("distill")),
    priority: 75
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["distill"]
    resources:
        compute_threads=THREADS["distill"],
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        settings=whole_set_settings,
        source=import_listing,
    message:
        "Importing {wildcards.ipc} images per class of {wildcards.dataset}, {wildcards.variant}"
    script:
        "../scripts/import_set.py"


rule preview:
    input:
        code=code("preview"),
        manifest="<results>/data/{dataset}/manifest.json",
        distilled="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.safetensors",
    output:
        preview=report(
            "<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.png",
            caption="../report/preview.rst",
            category="Distilled sets",
            subcategory="{dataset}",
            labels={
                "method": "{method}",
                "FD2": "{fd2}",
                "variant": "{variant}",
                "ipc": "{ipc}",
            },
        ),
    log:
        "<logs>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}-preview.log",
    conda:
        "../../envs/fd2.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(10),
    message:
        "Drawing {wildcards.method} {wildcards.fd2}, {wildcards.ipc} images per class"
    script:
        "../scripts/preview.py"
