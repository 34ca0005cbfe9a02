"""Rule import_labels: soft labels that others stored of their set."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake) as job:
    from fd2.config.imported_labels import ImportedLabelSettings
    from fd2.config.settings import build
    from fd2.stages.import_labels import import_labels

    import_labels(
        build(ImportedLabelSettings, snakemake.params.settings),
        Path(snakemake.input.manifest),
        Path(snakemake.input.distilled),
        Path(snakemake.output.logits).parent,
        job,
    )
