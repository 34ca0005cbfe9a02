# Figures: one entry of the config each; the kind is a plug-in that says what it needs.


rule draw:
    input:
        unpack(figure_inputs),
    output:
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}", "format": "picture"},
        ),
        pdf="<results>/figures/{figure}.pdf",
        csv="<results>/figures/{figure}.csv",
        caption=report(
            "<results>/figures/{figure}.md",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}", "format": "data, hardware, commits"},
        ),
    log:
        "<logs>/figures/{figure}.log",
    priority: -1  # after what a table waits for
    conda:
        "../../envs/fd2.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(20),
    params:
        spec=figure_spec,
    message:
        "Drawing figure {wildcards.figure}"
    script:
        "../scripts/draw.py"


rule figures:
    input:
        collect("<results>/figures/{figure}.png", figure=FIGURES),


for figure in SETTINGS.values["figures"]:

    rule:
        name:
            figure
        input:
            f"<results>/figures/{figure}.png",
