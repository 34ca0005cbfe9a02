# Tables: one sheet each, filled from its cells.


rule tabulate:
    input:
        code=code("tabulate", *(f"methods.{name}" for name in plugins.names("methods"))),
        sheet="config/tables/{table}.csv",
        sources=table_sources,
    output:
        csv=report(
            "<results>/tables/{table}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}", "format": "numbers"},
        ),
        markdown=report(
            "<results>/tables/{table}.md",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}", "format": "markdown"},
        ),
        latex="<results>/tables/{table}.tex",
    log:
        "<logs>/tables/{table}.log",
    conda:
        "../../envs/fd2.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        seeds=SETTINGS.values["seeds"],
    message:
        "Filling table {wildcards.table}"
    script:
        "../scripts/tabulate.py"


for name in SETTINGS.values["tables"]:

    rule:
        name:
            name
        input:
            f"<results>/tables/{name}.md",
