"""Old DenseNet checkpoints load under torchvision's present names."""

from __future__ import annotations

import re

import torch
from torchvision.models import densenet121, resnet18

from fd2.networks.torchvision_weights import modern_names


def test_old_densenet_names_become_the_present_ones() -> None:
    state = densenet121(weights=None).state_dict()
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", k): v for k, v in state.items()
    }
    assert old.keys() != state.keys()
    renamed = modern_names(old)
    assert list(renamed) == list(state)
    assert all(torch.equal(renamed[key], state[key]) for key in state)


def test_other_networks_keep_their_names() -> None:
    state = resnet18(weights=None).state_dict()
    assert list(modern_names(state)) == list(state)
