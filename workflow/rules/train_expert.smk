# Experts of trajectory matching: a network's parameters before training and after each epoch.


rule train_expert:
    input:
        code=train_expert_code,
        manifest="<results>/data/{dataset}/manifest.json",
    output:
        expert="<results>/trajectories/{dataset}/{backbone}/{variant}/expert{number}.safetensors",
        record="<results>/trajectories/{dataset}/{backbone}/{variant}/expert{number}.json",
    log:
        "<logs>/trajectories/{dataset}/{backbone}/{variant}/expert{number}.log",
    benchmark:
        "<benchmarks>/trajectories/{dataset}/{backbone}/{variant}/expert{number}.tsv"
    wildcard_constraints:
        variant=either(expert_variants(SETTINGS.values)),
    priority: 90
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
        runtime=minutes(120),
    params:
        settings=train_expert_settings,
    message:
        "Training expert {wildcards.number}, {wildcards.backbone} ({wildcards.variant}) on"
        " {wildcards.dataset}"
    script:
        "../scripts/train_expert.py"
