"""Rule annotate: boxes in a distilled set."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "annotate") as job:
    from fd2.config.detection import AnnotateSettings
    from fd2.config.settings import build
    from fd2.stages.annotate import annotate

    # Neither is there for every annotator.
    optional = [snakemake.input.get(name) or None for name in ("annotator", "class_map")]
    annotator, class_map = (Path(path) if path else None for path in optional)
    annotate(
        build(AnnotateSettings, snakemake.params.settings),
        Path(snakemake.input.manifest),
        Path(snakemake.input.distilled),
        Path(snakemake.input.val),
        annotator,
        class_map,
        Path(snakemake.output.record),
        job,
    )
