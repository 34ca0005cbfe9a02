# Classes that arrive in steps: at each a student learns a set's images of all classes seen so far, or a
# teacher all real ones. The table of a sheet of kind continual shows the accuracies.


rule learn_continually:
    input:
        code=continual_code,
        manifest="<results>/data/{dataset}/manifest.json",
        distilled=distilled_set,
        teachers=continual_teachers,
    output:
        record="<results>/continual/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/steps{steps}/seed{seed}.json",
    log:
        "<logs>/continual/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/steps{steps}/seed{seed}.log",
    benchmark:
        "<benchmarks>/continual/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/steps{steps}/seed{seed}.tsv"
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
        runtime=minutes(240),
    params:
        settings=of_continual,
    message:
        "Training students {wildcards.student} on {wildcards.method} {wildcards.fd2}"
        " {wildcards.variant}, {wildcards.ipc} images per class, as classes arrive in"
        " {wildcards.steps} steps, seed {wildcards.seed}"
    script:
        "../scripts/learn_continually.py"


rule learn_continually_real:
    input:
        code=continual_real_code,
        manifest="<results>/data/{dataset}/manifest.json",
    output:
        record="<results>/continual/{dataset}/full/{backbone}/{training}/steps{steps}/seed{seed}.json",
    log:
        "<logs>/continual/{dataset}/full/{backbone}/{training}/steps{steps}/seed{seed}.log",
    benchmark:
        "<benchmarks>/continual/{dataset}/full/{backbone}/{training}/steps{steps}/seed{seed}.tsv"
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
        runtime=minutes(480),
    params:
        settings=of_continual_real,
    message:
        "Training {wildcards.backbone} ({wildcards.training}) on all images, as classes arrive in"
        " {wildcards.steps} steps, seed {wildcards.seed}"
    script:
        "../scripts/learn_continually.py"
