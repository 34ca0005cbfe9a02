"""Rule evaluate: train and test the students of a cell's seeds, or of one."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "evaluate") as job:
    from fd2.config.settings import EvaluateSettings, build
    from fd2.stages.evaluate import evaluate

    # One cell and its settings, or several in the same order.
    asked = snakemake.params.settings
    settings = [build(EvaluateSettings, each) for each in ([asked] if "seed" in asked else asked)]
    labels = snakemake.input.get("labels")
    evaluate(
        dict(zip(map(Path, snakemake.output), settings, strict=True)),
        Path(snakemake.input.manifest).parent,
        Path(snakemake.input.distilled),
        Path(labels[0]).parent if labels else None,
        job,
    )
