"""Real signals at chosen forward passes."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
import torch

from fd2.networks.backbone import Backbone


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, signal.Signals], None]:
    """Send this process a signal during the n-th forward pass from now, which runs undisturbed."""
    features = Backbone.features

    def arm(passes: int, number: signal.Signals = signal.SIGTERM) -> None:
        left = [passes]

        def counted(self: Backbone, images: torch.Tensor) -> torch.Tensor:
            left[0] -= 1
            if left[0] == 0:
                signal.raise_signal(number)
            return features(self, images)

        monkeypatch.setattr(Backbone, "features", counted)

    return arm
