"""Rule convert: the weights of a cell's student as ONNX."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import script

with script(snakemake):
    from fd2.stages.convert import convert

    convert(Path(snakemake.input.weights), Path(snakemake.output.onnx))
