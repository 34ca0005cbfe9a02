"""Stage convert: a student's weights as an ONNX file, which needs neither fd2 nor PyTorch."""

from __future__ import annotations

from pathlib import Path

import torch

from fd2.artifacts.files import atomic_write, canonical_json
from fd2.artifacts.tensors import read_tensors
from fd2.config.datasets import refuse_whitened
from fd2.config.networks import NetworkInput
from fd2.errors import require_extra
from fd2.networks.initial_weights import build_backbone
from fd2.networks.loaded_weights import load_weights

#: What the file tells of itself, each as JSON.
_TOLD = ("network", "classes", "mean", "std", "resolution", "accuracy", "settings")


def convert(weights: Path, output: Path) -> None:
    """Write the network of a file of stage keep: ``images`` [B, K, H, W] to ``logits`` [B, C].

    Images are normalised with the mean and deviation that stand in the file's metadata, with the
    classes' names; B is free.

    Raises:
        FD2Error: if the weights are missing, damaged or for whitened images, or the extra ``onnx``
            is not installed.
    """
    require_extra("onnxscript", "onnx", str(output))
    import onnx

    tensors, facts = read_tensors(weights)
    refuse_whitened(facts, f"weights {weights}")
    images = NetworkInput.of(facts)
    student, classes = facts["settings"]["student"], len(facts["classes"])
    network = build_backbone(student, classes, "scratch", seed=0, images=images).eval()
    load_weights(network, tensors, str(weights))
    # Two, because a batch of one would be taken for a fixed size.
    example = torch.zeros(2, images.channels, images.resolution, images.resolution)
    program = torch.onnx.export(
        network,
        (example,),
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    told = {key: canonical_json(facts[key]) for key in _TOLD}
    onnx.helper.set_model_props(model, told)
    onnx.checker.check_model(model)
    with atomic_write(output) as temporary:
        temporary.write_bytes(model.SerializeToString())
