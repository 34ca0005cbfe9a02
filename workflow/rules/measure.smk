# Time and memory of an iteration that moves images, or of a whole selection, for tables of costs. On a CPU
# it asks for all cores, so that no other job of the run disturbs it, and computes on as many threads as
# stage distill. Here their number shapes the result, so it is a param.


rule measure:
    input:
        code=measure_code,
        manifest="<results>/data/{dataset}/manifest.json",
        patches=measure_patches,
        teachers=measured_teachers,
    output:
        measured="<results>/measured/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.json",
    log:
        "<logs>/measured/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.log",
    benchmark:
        "<benchmarks>/measured/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.tsv"
    wildcard_constraints:
        method=either(OPTIMISING + SELECTING + MATCHING + TRAJECTORIES),
        variant=either(SETTINGS.variants_at("distill")),
    conda:
        "../../envs/fd2.yaml"
    threads: TIMED_THREADS
    resources:
        device=DEVICE,
        gpu=GPUS,
        mem_mb=memory(8000),
        runtime=minutes(60),
    params:
        settings=of_measured,
        torch_threads=THREADS["distill"],
    message:
        "Timing {wildcards.method} {wildcards.fd2} {wildcards.variant}"
        " on {wildcards.dataset}, {wildcards.ipc} images per class"
    script:
        "../scripts/measure.py"
