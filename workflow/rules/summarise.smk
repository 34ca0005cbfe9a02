# The page that tells what was run and what came out, as one HTML file.

DEFAULT_TABLES = list(SETTINGS.values["tables"])
PAGE_TEXTS = dict(
    template=own("workflow/report/page/page.html"),
    parts=sorted(map(own, (ROOT / "workflow/report/page").iterdir())),
    caption=own("workflow/report/figure.rst"),
)


rule summarise:
    input:
        **PAGE_TEXTS,
        code=code("summarise"),
        tables=collect("<results>/tables/{table}.md", table=DEFAULT_TABLES),
        rows=collect("<results>/tables/{table}.csv", table=DEFAULT_TABLES),
        figures=collect("<results>/figures/{figure}.png", figure=FIGURES),
    output:
        page="<results>/report/index.html",
        classes="<results>/report/classes.csv",
        confusions="<results>/report/confusions.csv",
    log:
        "<logs>/report/index.log",
    conda:
        "../../envs/fd2.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),  # the best set is read whole
        runtime=minutes(10),
    params:
        found=lambda wildcards: page_found(partial=False),
        # It takes the output so that it reruns nothing: settings that shape a result rerun a table.
        page=lambda wildcards, output: page_content(partial=False),
    message:
        "Writing the page of results"
    script:
        "../scripts/summarise.py"


# The page from what there is: like partial tables it makes no result, and follows those there are.


use rule summarise as summarise_partial with:
    input:
        **PAGE_TEXTS,
        code=code("summarise"),
        tables=collect("<results>/tables/partial/{table}.md", table=DEFAULT_TABLES),
        rows=collect("<results>/tables/partial/{table}.csv", table=DEFAULT_TABLES),
    output:
        page="<results>/report/partial.html",
        classes="<results>/report/partial_classes.csv",
        confusions="<results>/report/partial_confusions.csv",
    log:
        "<logs>/report/partial.log",
    params:
        found=lambda wildcards: page_found(partial=True),
        page=lambda wildcards, output: page_content(partial=True),
    message:
        "Writing the page of the results that are there"
