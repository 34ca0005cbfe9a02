# How complex a dataset's classes are to one of its teachers; the table of a sheet of kind complexity shows
# the datasets.


rule measure_complexity:
    input:
        code=complexity_code,
        manifest="<results>/data/{dataset}/manifest.json",
        network="<results>/teachers/{dataset}/{backbone}/{training}.safetensors",
    output:
        record="<results>/complexity/{dataset}/{backbone}/{training}.json",
        classes="<results>/complexity/{dataset}/{backbone}/{training}.csv",
    log:
        "<logs>/complexity/{dataset}/{backbone}/{training}.log",
    benchmark:
        "<benchmarks>/complexity/{dataset}/{backbone}/{training}.tsv"
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["diagnose"]
    resources:
        compute_threads=THREADS["diagnose"],
        device=DEVICE,
        gpu=GPUS,
        jobs_per_gpu=JOBS_PER_GPU,
        mem_mb=memory(8000),
        runtime=minutes(30),
    params:
        settings=of_complexity,
    message:
        "Measuring the complexity of {wildcards.dataset} to {wildcards.backbone} ({wildcards.training})"
    script:
        "../scripts/measure_complexity.py"
