"""Rules train_detector and train_detector_real: a detector, and how well it does on real images."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "train_detector") as job:
    from fd2.config.detection import TrainDetectorSettings
    from fd2.config.settings import build
    from fd2.stages.train_detector import train_detector, train_detector_real

    settings = build(TrainDetectorSettings, snakemake.params.settings)
    given, made = snakemake.input, snakemake.output
    if given.get("distilled"):
        images = Path(given.distilled), Path(given.annotations), Path(given.val)
        train_detector(settings, *images, Path(made.record), job)
    else:
        files = Path(given.train), Path(given.val), Path(made.weights), Path(made.record)
        train_detector_real(settings, *files, job)
