# Weights of single students, on demand: cells keep none.


rule keep:
    input:
        code=keep_code,
        manifest="<results>/data/{dataset}/manifest.json",
        distilled=distilled_set,
        labels=cell_labels,
    output:
        weights="<results>/weights/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seed{seed}.safetensors",
        record="<results>/weights/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seed{seed}.json",
    log:
        "<logs>/weights/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seed{seed}.log",
    benchmark:
        "<benchmarks>/weights/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seed{seed}.tsv"
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
        runtime=minutes(120),
    params:
        settings=evaluate_settings,
    message:
        "Training student {wildcards.student} for its weights on {wildcards.method}"
        " {wildcards.fd2} {wildcards.variant}, {wildcards.ipc} images per class, seed"
        " {wildcards.seed}"
    script:
        "../scripts/keep.py"


rule convert:
    input:
        code=convert_code,
        weights="<results>/weights/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seed{seed}.safetensors",
    output:
        onnx="<results>/weights/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seed{seed}.onnx",
    log:
        "<logs>/weights/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seed{seed}-onnx.log",
    conda:
        "../../envs/fd2.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(10),
    message:
        "Writing student {wildcards.student} of {wildcards.method} {wildcards.fd2}"
        " {wildcards.variant} as ONNX"
    script:
        "../scripts/convert.py"
