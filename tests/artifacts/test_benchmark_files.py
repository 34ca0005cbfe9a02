"""What a job took, from the file that Snakemake writes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fd2.artifacts.benchmark_files import Benchmark, job_name, read_benchmark
from fd2.errors import FD2Error

HEADER = "s\th:m:s\tmax_rss\tcpu_time"


def test_the_last_repetition_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    assert read_benchmark(path) is None
    path.write_text(f"{HEADER}\n9.5\t0:00:09\t900.0\t1\n4.5\t0:00:04\t400.0\t1\n")
    assert read_benchmark(path) == Benchmark(4.5, 400.0)


@pytest.mark.parametrize("memory", ["-", "NA", ""])
def test_a_short_job_has_no_memory(tmp_path: Path, memory: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"{HEADER}\n0.5\t0:00:00\t{memory}\t-\n")
    assert read_benchmark(path) == Benchmark(0.5, None)


@pytest.mark.parametrize("text", ["", HEADER, "a\tb\n1\t2\n", f"{HEADER}\nx\t0\t1\t1\n"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(text)
    with pytest.raises(FD2Error, match="not a benchmark") as error:
        read_benchmark(path)
    assert error.value.where == str(path)


def test_a_job_has_the_name_of_its_record_or_of_its_folder() -> None:
    results = Path("results")
    assert job_name(results / "students/d/seed0.json", results) == "students/d/seed0"
    assert job_name(results / "labels/d/ipc5/record.json", results) == "labels/d/ipc5"
