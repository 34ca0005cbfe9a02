# Initial images: the best-scored crops of real images.


rule patches:
    input:
        code=patches_code,
        manifest="<results>/data/{dataset}/manifest.json",
        scorer=patches_scorer,
    output:
        patches="<results>/patches/{dataset}/{kind}.safetensors",
        record="<results>/patches/{dataset}/{kind}.json",
    log:
        "<logs>/patches/{dataset}/{kind}.log",
    benchmark:
        "<benchmarks>/patches/{dataset}/{kind}.tsv"
    priority: 90
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["patches"]
    resources:
        compute_threads=THREADS["patches"],
        device=DEVICE,
        gpu=GPUS,
        jobs_per_gpu=JOBS_PER_GPU,
        mem_mb=memory(8000),
        runtime=minutes(60),
    params:
        settings=lambda wildcards: SETTINGS.patches(wildcards.dataset, wildcards.kind),
    message:
        "Scoring {wildcards.kind} patches of {wildcards.dataset}"
    script:
        "../scripts/patches.py"
