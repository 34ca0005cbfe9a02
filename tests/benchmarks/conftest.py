"""What the benchmark changes in its process is put back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """The command sets threads for its process; sums elsewhere must not change with them."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
