"""Weights of students: those of their cells, and of use without fd2."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import onnxruntime
import pytest
import timm
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file
from tests.conftest import Chain
from torch import nn

from fd2.artifacts.files import read_json
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.tensors import read_tensors
from fd2.errors import FD2Error
from fd2.stages.convert import convert
from fd2.stages.evaluate import evaluate
from fd2.stages.keep import keep

#: Of the tables and of a library, each with its library's name.
STUDENTS = {
    "shufflenet_v2": ("torchvision", "shufflenet_v2_x0_5"),
    "resnet10t": ("timm", "resnet10t"),
    "mobilenetv3_small_050": ("timm", "mobilenetv3_small_050"),
}


def kept(chain: Chain, nine: Path, folder: Path, student: str) -> Path:
    weights = folder / "seed0.safetensors"
    settings = chain.evaluate_settings(student=student, labels="hard", epochs=2)
    keep(settings, chain.data, nine, None, weights, chain.job)
    return weights


def plain(weights: Path) -> tuple[nn.Module, dict[str, object]]:
    """The network as its library makes it, as docs/files.md tells."""
    with safe_open(weights, framework="pt") as file:
        facts = json.loads(file.metadata()["fd2"])
    library, model = facts["network"]["library"], facts["network"]["model"]
    make = timm.create_model if library == "timm" else torchvision.models.get_model
    network: nn.Module = make(model, num_classes=len(facts["classes"]))
    network.load_state_dict(load_file(weights))
    return network.eval(), facts


@pytest.mark.parametrize("student", STUDENTS)
def test_kept_weights_are_those_of_the_cell_and_load_in_their_library(
    chain: Chain, nine: Path, tmp_path: Path, student: str
) -> None:
    weights = kept(chain, nine, tmp_path, student)
    cell = tmp_path / "cell.json"
    settings = chain.evaluate_settings(student=student, labels="hard", epochs=2)
    evaluate({cell: settings}, chain.data, nine, None, chain.job)
    result = read_json(cell)["result"]
    assert read_json(weights.with_suffix(".json"))["result"] == result
    network, facts = plain(weights)
    assert tuple(facts["network"].values()) == STUDENTS[student]  # type: ignore[attr-defined]
    dataset = open_prepared(chain.data)
    pixels = dataset.test.all_images(torch.device("cpu")).float() / 255
    mean, std = (torch.tensor(facts[key]).view(-1, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        right = network((pixels - mean) / std).argmax(1) == dataset.test.labels
    assert 100 * float(right.float().mean()) == pytest.approx(result["last"]["top1"])


@pytest.mark.parametrize(
    "student",
    ["test_resnet", *(pytest.param(name, marks=pytest.mark.slow) for name in STUDENTS)],
)
def test_onnx_computes_what_the_student_does(
    chain: Chain, nine: Path, tmp_path: Path, student: str
) -> None:
    weights, output = kept(chain, nine, tmp_path, student), tmp_path / "seed0.onnx"
    convert(weights, output)
    network, facts = plain(weights)
    session = onnxruntime.InferenceSession(output, providers=["CPUExecutionProvider"])
    for count in (1, 3):
        images = torch.randn(count, 3, 32, 32)
        (logits,) = session.run(["logits"], {"images": images.numpy()})
        with torch.no_grad():
            torch.testing.assert_close(
                torch.from_numpy(logits), network(images), atol=1e-4, rtol=1e-4
            )
    told = {p.key: json.loads(p.value) for p in onnx.load(output).metadata_props}
    for key in ("classes", "mean", "std", "network", "resolution"):
        assert told[key] == facts[key]


def test_damaged_weights_are_not_converted(chain: Chain, nine: Path, tmp_path: Path) -> None:
    weights = kept(chain, nine, tmp_path, "resnet10t")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(FD2Error):
        convert(weights, tmp_path / "seed0.onnx")
    with pytest.raises(FD2Error):
        read_tensors(weights)
