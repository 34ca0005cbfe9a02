# Archives: a distilled set as pictures in a zip, to be used without this workflow.


rule export:
    input:
        code=export_code,
        manifest="<results>/data/{dataset}/manifest.json",
        distilled="<results>/distilled/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}.safetensors",
        groups=export_groups,
        record=export_record,
        real="<results>/data/{dataset}/train.npy",
        real_labels="<results>/data/{dataset}/train_labels.npy",
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
        form="",
        records=export_records,
        training=None,
    message:
        "Exporting {wildcards.ipc} images per class of {wildcards.method} {wildcards.fd2}"
    script:
        "../scripts/export.py"


# The same with soft labels and a script that trains on them.
use rule export as export_with_labels with:
    input:
        code=export_code,
        manifest="<results>/data/{dataset}/manifest.json",
        distilled=distilled_set,
        groups=export_groups,
        record=export_record,
        real="<results>/data/{dataset}/train.npy",
        real_labels="<results>/data/{dataset}/train_labels.npy",
        card=own("workflow/report/export/README.md.j2"),
        script=own("workflow/report/export/train.py"),
        logits="<results>/labels/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/logits.npy",
        augmentation="<results>/labels/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/augmentation.safetensors",
    output:
        archive="<results>/exports/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}-with-labels.zip",
    log:
        "<logs>/exports/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}-with-labels.log",
    wildcard_constraints:
        variant=either(SETTINGS.variants_at("relabel")),
    params:
        form="with-labels",
        records=export_records,
        training=export_training,


# The same with tensors as DD-Ranking reads them.
use rule export as export_ddranking with:
    output:
        archive="<results>/exports/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}-ddranking.zip",
    log:
        "<logs>/exports/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}-ddranking.log",
    params:
        form="ddranking",
        records=export_records,
        training=None,
