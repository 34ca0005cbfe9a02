"""Rules learn_continually and learn_continually_real: classes that arrive in steps."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, snakemake.rule) as job:
    from fd2.config.continual import ContinualSettings, ContinualTeacherSettings
    from fd2.config.settings import build
    from fd2.stages.learn_continually import learn_continually, learn_continually_real

    data, output = Path(snakemake.input.manifest).parent, Path(snakemake.output.record)
    distilled = snakemake.input.get("distilled")
    if distilled is None:
        settings = build(ContinualTeacherSettings, snakemake.params.settings)
        learn_continually_real(settings, data, output, job)
    else:
        settings = build(ContinualSettings, snakemake.params.settings)
        teachers = [Path(path) for path in snakemake.input.teachers]
        learn_continually(settings, data, Path(distilled), teachers, output, job)
