# Archives: a distilled set as pictures in a zip, to be used without this workflow.


rule export:
    input:
        code=export_code,
        manifest="<results>/data/{dataset}/manifest.json",
        distilled="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.safetensors",
        groups=export_groups,
        real="<results>/data/{dataset}/train.npy",
        labels="<results>/data/{dataset}/train_labels.npy",
        card=own("workflow/report/export/README.md.j2"),
    output:
        archive="<results>/exports/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.zip",
    log:
        "<logs>/exports/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.log",
    wildcard_constraints:
        variant=either(SETTINGS.variants_at("distill")),
    conda:
        "../../envs/fd2.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(10),
    params:
        records=export_records,
    message:
        "Exporting {wildcards.ipc} images per class of {wildcards.method} {wildcards.fd2}"
    script:
        "../scripts/export.py"
