# Teachers on the full data: plain, or with counterfactual attention learning.


rule pretrain:
    input:
        code=pretrain_code,
        manifest="<results>/data/{dataset}/manifest.json",
    output:
        teacher="<results>/teachers/{dataset}/{backbone}/{training}.safetensors",
        metrics="<results>/teachers/{dataset}/{backbone}/{training}.json",
    log:
        "<logs>/teachers/{dataset}/{backbone}/{training}.log",
    benchmark:
        "<benchmarks>/teachers/{dataset}/{backbone}/{training}.tsv"
    priority: 100
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
        runtime=minutes(240),
    params:
        settings=pretrain_settings,
    message:
        "Training teacher {wildcards.backbone} ({wildcards.training}) on {wildcards.dataset}"
    script:
        "../scripts/pretrain.py"
