# Arrays at the working resolution, and the manifest that identifies them.


rule prepare:
    input:
        code=prepare_code,
        downloaded=prepare_download,
    output:
        manifest="<results>/data/{dataset}/manifest.json",
        train="<results>/data/{dataset}/train.npy",
        train_labels="<results>/data/{dataset}/train_labels.npy",
        test="<results>/data/{dataset}/test.npy",
        test_labels="<results>/data/{dataset}/test_labels.npy",
        record="<results>/data/{dataset}/record.json",
    log:
        "<logs>/data/{dataset}.log",
    benchmark:
        "<benchmarks>/data/{dataset}.tsv"
    conda:
        "../../envs/fd2.yaml"
    threads: THREADS["prepare"]
    resources:
        compute_threads=THREADS["prepare"],
        mem_mb=memory(8000),
        runtime=minutes(60),
    params:
        settings=lambda wildcards: SETTINGS.prepare(wildcards.dataset),
        # A param, because a folder's age does not tell of the images inside its folders.
        images=prepare_images,
    message:
        "Preparing the images of {wildcards.dataset}"
    script:
        "../scripts/prepare.py"
