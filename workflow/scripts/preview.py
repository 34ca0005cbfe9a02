"""Rule preview: a contact sheet of a distilled set."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import script

with script(snakemake):
    from fd2.config.names import SetName
    from fd2.stages.preview import preview

    preview(
        SetName.parse(dict(snakemake.wildcards.items())),
        Path(snakemake.input.distilled),
        Path(snakemake.input.manifest),
        Path(snakemake.output.preview),
    )
