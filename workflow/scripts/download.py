"""Rule download: fetch and unpack a dataset's archives."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import script

with script(snakemake):
    from fd2.stages.download import DownloadSettings, download

    record = Path(snakemake.output.record)
    download(DownloadSettings(**snakemake.params.settings), record.parent, record)
