"""Rule export: a distilled set as a zip of pictures."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import script

with script(snakemake):
    from fd2.config.names import SetName
    from fd2.stages.export import Sources, export

    inputs, params = snakemake.input, snakemake.params
    logits = inputs.get("logits")
    sources = Sources(
        Path(inputs.distilled),
        Path(inputs.manifest),
        Path(inputs.card).parent,
        groups=[Path(path) for path in inputs.groups],
        record=Path(record[0]) if (record := inputs.get("record")) else None,
        labels=Path(logits).parent if logits else None,
        **{kind: [Path(path) for path in paths] for kind, paths in params.records.items()},
    )
    names, output = dict(snakemake.wildcards.items()), Path(snakemake.output.archive)
    name, ipc = SetName.parse(names), int(names["ipc"])
    export(name, ipc, sources, output, params.form, params.training)
