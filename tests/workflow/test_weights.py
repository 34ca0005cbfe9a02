"""A student's weights by their path, beside its cell."""

from __future__ import annotations

import json
from typing import Any

import onnx
import pytest

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
NAME = "tiny/random/plain/hard-labels/ipc2/resnet10t/seed0"


def test_weights_are_a_target_that_leaves_the_cell_as_it_is(expendable: Any) -> None:
    results = expendable.folder / "results"
    cell = results / f"students/{NAME}.json"
    before = cell.read_bytes()
    done = expendable.snakemake(
        *(f"results/weights/{NAME}.onnx", "results/report/partial.html"),
        *("--cores", "1", "--configfile", "config/tiny.yaml"),
    )
    assert done.returncode == 0, done.stderr
    assert cell.read_bytes() == before
    record = json.loads((results / f"weights/{NAME}.json").read_text())
    assert record["result"] == json.loads(before)["result"]
    told = {p.key: p.value for p in onnx.load(results / f"weights/{NAME}.onnx").metadata_props}
    assert json.loads(told["classes"]) == ["cracked", "sound"]


def test_a_network_that_there_is_not_is_told_the_nearest(expendable: Any) -> None:
    path = f"results/weights/{NAME}.safetensors".replace("resnet10t", "mobilenetv3_smal_100")
    refused = expendable.snakemake(path, "--configfile", "config/tiny.yaml", "-n")
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "unknown student 'mobilenetv3_smal_100'" in said
    assert "did you mean 'mobilenetv3_small_100'?" in said
