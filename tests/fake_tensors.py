"""Tensors without values: an operation that would read one on the host raises.

Under PyTorch's ``FakeTensorMode`` tensors have shape, type and device alone. ``.item()``,
``.tolist()``, ``bool(tensor)`` and copies to NumPy raise, and so does an operation on tensors of
two devices. Fake tensors may lie on ``cuda`` where there is no GPU; only the backward pass needs
one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)

from fd2.artifacts.image_batches import ImageBatches
from fd2.augment import geometry

#: What an operation raises whose result, or its shape, depends on values of a fake tensor.
READS_A_VALUE = (DataDependentOutputException, DynamicOutputShapeException)


@contextmanager
def fake_tensors(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorMode]:
    """The mode, in which all tensors are fake.

    On a CPU the views read which pixels a crop needs, which waits for nothing there; here they
    compute as they do on a GPU.
    """
    monkeypatch.setattr(geometry, "_within_support", lambda images, matrix, _axis: (images, matrix))
    with torch.library._scoped_library("aten", "IMPL") as library, FakeTensorMode() as mode:
        library.impl("batch_norm_update_stats", _shapes_of_statistics, "Meta")
        yield mode


def _shapes_of_statistics(
    _inputs: Tensor, mean: Tensor, variance: Tensor, _momentum: float
) -> tuple[Tensor, Tensor]:
    """PyTorch knows no shapes for this operation, and would run it on the device itself."""
    return torch.empty_like(mean), torch.empty_like(variance)


def fake_copy(tensor: Tensor, device: str) -> Tensor:
    """A fake tensor like a real one, inside the mode.

    Args:
        tensor: gives shape, strides, type, and whether gradients are wanted.
        device: of the copy.
    """
    like = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)
    return like.requires_grad_(tensor.requires_grad)


def fake_batches(images: ImageBatches, device: str) -> ImageBatches:
    """As many images, held on a device, inside the mode.

    Args:
        images: made outside the mode, held; stays as it is.
        device: of the images.
    """
    twin = copy.copy(images)
    assert images._held is not None
    twin._held, twin._device = fake_copy(images._held, device), torch.device(device)
    return twin


def fake_module(module: nn.Module, device: str) -> nn.Module:
    """A copy of a real module with fake parameters and buffers, inside the mode.

    Args:
        module: built outside the mode; stays as it is.
        device: of the copy.
    """
    # Real tensors cannot be copied inside the mode; the fake ones take their place below.
    tensors = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    twin = copy.deepcopy(module, dict(tensors))
    for part in twin.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                fake = fake_copy(parameter, device).detach()
                part._parameters[name] = nn.Parameter(fake, parameter.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = fake_copy(buffer, device)
    return twin
