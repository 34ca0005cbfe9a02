"""Which epochs of a training run end with a test; said once for training and for its plan."""

from __future__ import annotations


def is_tested(epoch: int, epochs: int, test_every: int, tested_epochs: str) -> bool:
    """Whether the network is tested after an epoch.

    Args:
        epoch: from 0.
        epochs: of the whole run; the last one is always tested.
        test_every: epochs between two tests.
        tested_epochs: of each ``test_every`` epochs the last (``last_of_each``: 9, 19, ...) or,
            as in the release of FD², the first (``first_of_each``: 0, 10, ...).
    """
    passed = epoch if tested_epochs == "first_of_each" else epoch + 1
    return epoch == epochs - 1 or passed % test_every == 0


def count_tests(epochs: int, test_every: int, tested_epochs: str) -> int:
    """How often a network is tested in a run; arguments as for `is_tested`."""
    return sum(is_tested(epoch, epochs, test_every, tested_epochs) for epoch in range(epochs))
