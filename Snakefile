from snakemake.utils import min_version

min_version("9.27")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/view.smk"
include: "workflow/rules/inputs/data.smk"
include: "workflow/rules/inputs/networks.smk"
include: "workflow/rules/inputs/sets.smk"
include: "workflow/rules/inputs/labels.smk"
include: "workflow/rules/inputs/students.smk"
include: "workflow/rules/inputs/detection.smk"
include: "workflow/rules/inputs/results.smk"
include: "workflow/rules/download.smk"
include: "workflow/rules/prepare.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/patches.smk"
include: "workflow/rules/train_expert.smk"
include: "workflow/rules/distill.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/relabel.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/keep.smk"
include: "workflow/rules/diagnose.smk"
include: "workflow/rules/complexity.smk"
include: "workflow/rules/continual.smk"
include: "workflow/rules/detection.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/summarise.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/unknown.smk"


rule all:
    default_target: True
    input:
        tables=collect("<results>/tables/{table}.md", table=config["tables"]),
        figures=collect("<results>/figures/{figure}.png", figure=FIGURES),
        page="<results>/report/index.html",
