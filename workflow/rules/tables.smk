# Tables: one sheet each, filled from its cells.

TABULATE = code("tabulate", *(f"methods.{name}" for name in plugins.names("methods")))

TABLE_TEMPLATES = sorted(map(own, (ROOT / "workflow/report/tables").glob("*.j2")))
SHEET = own("config/tables/{table}.csv")


rule tabulate:
    input:
        code=TABULATE,
        templates=TABLE_TEMPLATES,
        sheet=SHEET,
        sources=table_inputs,
    output:
        csv=report(
            "<results>/tables/{table}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        markdown="<results>/tables/{table}.md",
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
        results=lambda wildcards, output: str(Path(output.csv).parents[1]),
        seeds=table_seeds,
        facts=table_facts,
        earlier=SETTINGS.values["earlier_data"],
    message:
        "Filling table {wildcards.table}"
    script:
        "../scripts/tabulate.py"


# Tables from what there is: no result is an input, so none is made. Its digest is a param, so that
# asking again after new results fills the table anew.


rule tabulate_partial:
    input:
        code=TABULATE,
        templates=TABLE_TEMPLATES,
        sheet=SHEET,
    output:
        csv=report(
            "<results>/tables/partial/{table}.csv",
            caption="../report/table.rst",
            category="Tables so far",
            labels={"table": "{table}"},
        ),
        markdown="<results>/tables/partial/{table}.md",
        latex="<results>/tables/partial/{table}.tex",
    log:
        "<logs>/tables/partial/{table}.log",
    conda:
        "../../envs/fd2.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        results=lambda wildcards, output: str(Path(output.csv).parents[2]),
        seeds=table_seeds,
        facts=table_facts,
        earlier=SETTINGS.values["earlier_data"],
        found=table_found,
    message:
        "Filling table {wildcards.table} from the results that are there"
    script:
        "../scripts/tabulate.py"


rule partial:
    input:
        collect("<results>/tables/partial/{table}.md", table=SETTINGS.values["tables"]),
        page="<results>/report/partial.html",


rule ablations:
    input:
        collect("<results>/tables/{table}.md", table=SETTINGS.values["ablations"]),


rule measurements:
    input:
        collect("<results>/tables/{table}.md", table=SETTINGS.values["measurements"]),


for name in TABLES:

    rule:
        name:
            name
        input:
            f"<results>/tables/{name}.md",
