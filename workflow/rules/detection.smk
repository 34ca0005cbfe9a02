# Object detection: annotated real images, boxes in distilled ones, and detectors on either; the table of a sheet
# of kind detection shows these.


rule prepare_scenes:
    input:
        code=code("prepare_scenes"),
    output:
        train="<results>/scenes/{scenes}/train.safetensors",
        val="<results>/scenes/{scenes}/val.safetensors",
        record="<results>/scenes/{scenes}/record.json",
    log:
        "<logs>/scenes/{scenes}.log",
    benchmark:
        "<benchmarks>/scenes/{scenes}.tsv"
    # Before teachers are trained: it may refuse the user's files.
    priority: 100
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["prepare"]
    resources:
        compute_threads=THREADS["prepare"],
        mem_mb=memory(8000),
        runtime=minutes(60),
    params:
        settings=of_scenes,
        annotations=scenes_files,
    message:
        "Looking at the annotated images of {wildcards.scenes}"
    script:
        "../scripts/prepare_scenes.py"


rule train_detector_real:
    input:
        code=code("train_detector"),
        train="<results>/scenes/{scenes}/train.safetensors",
        val="<results>/scenes/{scenes}/val.safetensors",
    output:
        weights="<results>/detectors/{scenes}/full/{detector}/seed{seed}.safetensors",
        record="<results>/detectors/{scenes}/full/{detector}/seed{seed}.json",
    log:
        "<logs>/detectors/{scenes}/full/{detector}/seed{seed}.log",
    benchmark:
        "<benchmarks>/detectors/{scenes}/full/{detector}/seed{seed}.tsv"
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["pretrain"]
    resources:
        compute_threads=THREADS["pretrain"],
        device=DEVICE,
        gpu=GPUS,
        jobs_per_gpu=JOBS_PER_GPU,
        state=STATE,
        state_seconds=STATE_SECONDS,
        mem_mb=memory(8000),
        runtime=minutes(1440),
    params:
        settings=of_detector,
    message:
        "Training detector {wildcards.detector} on real images of {wildcards.scenes}, seed {wildcards.seed}"
    script:
        "../scripts/train_detector.py"


rule annotate:
    input:
        code=annotate_code,
        manifest="<results>/data/{dataset}/manifest.json",
        distilled="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.safetensors",
        val="<results>/scenes/{scenes}/val.safetensors",
        annotator=annotate_detector,
        class_map=annotate_class_map,
    output:
        record="<results>/annotations/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{scenes}/{annotator}.json",
    log:
        "<logs>/annotations/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{scenes}/{annotator}.log",
    benchmark:
        "<benchmarks>/annotations/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{scenes}/{annotator}.tsv"
    wildcard_constraints:
        variant=either(SETTINGS.variants_at("distill")),
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["relabel"]
    resources:
        compute_threads=THREADS["relabel"],
        device=DEVICE,
        gpu=GPUS,
        jobs_per_gpu=JOBS_PER_GPU,
        mem_mb=memory(8000),
        runtime=minutes(60),
    params:
        settings=of_annotated,
    message:
        "Looking for objects in {wildcards.method} {wildcards.fd2} {wildcards.variant}, {wildcards.ipc} images"
        " per class, with {wildcards.annotator}"
    script:
        "../scripts/annotate.py"


rule train_detector:
    input:
        code=code("train_detector"),
        distilled="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.safetensors",
        annotations="<results>/annotations/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{scenes}/{annotator}.json",
        val="<results>/scenes/{scenes}/val.safetensors",
    output:
        record="<results>/detectors/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{scenes}/{annotator}/{detector}/seed{seed}.json",
    log:
        "<logs>/detectors/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{scenes}/{annotator}/{detector}/seed{seed}.log",
    benchmark:
        "<benchmarks>/detectors/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{scenes}/{annotator}/{detector}/seed{seed}.tsv"
    wildcard_constraints:
        variant=either(SETTINGS.variants_at("distill")),
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["evaluate"]
    resources:
        compute_threads=THREADS["evaluate"],
        device=DEVICE,
        gpu=GPUS,
        jobs_per_gpu=JOBS_PER_GPU,
        state=STATE,
        state_seconds=STATE_SECONDS,
        mem_mb=memory(8000),
        runtime=minutes(480),
    params:
        settings=of_detector,
    message:
        "Training detector {wildcards.detector} on {wildcards.method} {wildcards.fd2} {wildcards.variant},"
        " {wildcards.ipc} images per class, seed {wildcards.seed}"
    script:
        "../scripts/train_detector.py"
