"""Times of the steps of a loop, without making the loop wait for the device."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class StepClock:
    """Marks the end of each step; on a GPU inside its stream, where the work ends."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._events: list[torch.cuda.Event] = []
        self._times: list[float] = []

    def mark(self) -> None:
        """The step that was issued last ends here."""
        if self._device.type != "cuda":
            self._times.append(time.perf_counter())
            return
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        self._events.append(event)

    def milliseconds(self) -> list[float]:
        """From each mark to the next: one fewer than marks. Waits for the device."""
        if self._device.type != "cuda":
            pairs = zip(self._times, self._times[1:], strict=False)
            return [1000 * (after - before) for before, after in pairs]
        import torch

        torch.cuda.synchronize(self._device)
        events = zip(self._events, self._events[1:], strict=False)
        return [before.elapsed_time(after) for before, after in events]
