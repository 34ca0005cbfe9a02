# Students: one cell of a table each.


rule evaluate:
    input:
        code=evaluate_code,
        manifest="<results>/data/{dataset}/manifest.json",
        distilled=distilled_set,
        labels=cell_labels,
    output:
        cell="<results>/students/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seed{seed}.json",
    log:
        "<logs>/students/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seed{seed}.log",
    benchmark:
        "<benchmarks>/students/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seed{seed}.tsv"
    wildcard_constraints:
        seed=SEED_ALONE,
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
        "Training student {wildcards.student} on {wildcards.method} {wildcards.fd2}"
        " {wildcards.variant}, {wildcards.ipc} images per class, seed {wildcards.seed}"
    script:
        "../scripts/evaluate.py"


# The same students in one job: a process is started, and the data are read, once for all seeds.
if SEEDS_TOGETHER:

    use rule evaluate as evaluate_seeds with:
        output:
            collect(
                "<results>/students/{{dataset}}/{{method}}/{{fd2}}/{{variant}}/ipc{{ipc}}/{{student}}/seed{seed}.json",
                seed=SEEDS_TOGETHER,
            ),
        log:
            "<logs>/students/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seeds.log",
        benchmark:
            "<benchmarks>/students/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seeds.tsv"
        params:
            settings=evaluate_settings_of_seeds,
        message:
            "Training students {wildcards.student} on {wildcards.method} {wildcards.fd2}"
            " {wildcards.variant}, {wildcards.ipc} images per class, of all seeds"
