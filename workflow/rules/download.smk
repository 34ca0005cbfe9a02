# Archives of public datasets: fetched, checked and unpacked, one folder a kind.


rule download:
    input:
        code=download_code,
    output:
        record="<resources>/{kind}/downloaded.json",
    log:
        "<logs>/downloads/{kind}.log",
    wildcard_constraints:
        kind=either(download_kinds()),
    retries: 2
    # A cluster's nodes often have no network.
    localrule: True
    conda:
        "../../envs/fd2.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(240),
    params:
        settings=lambda wildcards: explained(download_settings)(
            SETTINGS.values, wildcards.kind
        ),
    message:
        "Fetching the archives of {wildcards.kind}"
    script:
        "../scripts/download.py"
