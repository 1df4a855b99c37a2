"""Two blocks of host memory that take turns: the host fills one while the device reads one."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamla_ros.runtime import step_layout as layout
from siamla_ros.runtime.lane import HostLane

SLOTS = 2


class Slot:
    """One block to go up and the memory for what comes back.

    Attributes:
        block: The bytes as an array, to be written.
        results: (MAX_ROWS, `result_floats`) float32.
    """

    def __init__(self, lane: HostLane, pixel_bytes: int, result_floats: int) -> None:
        self._lane, self._mark = lane, None
        self._upload = lane.host_memory((layout.PIXEL_OFFSET + pixel_bytes,), torch.uint8)
        self._download = lane.host_memory((layout.MAX_ROWS, result_floats), torch.float32)
        self.block: NDArray[np.uint8] = self._upload.numpy()
        self.results: NDArray[np.float32] = self._download.numpy()

    def send(self, target: Tensor, size: int) -> None:
        """Copy the first `size` bytes to the device, without waiting."""
        target.narrow(0, 0, size).copy_(self._upload.narrow(0, 0, size), non_blocking=True)

    def fetch(self, source: Tensor, rows: int) -> None:
        """Copy results to the host, without waiting: the one copy back of a program run."""
        self._download.narrow(0, 0, rows).copy_(source.narrow(0, 0, rows), non_blocking=True)
        self._mark = self._lane.mark()

    def wait(self) -> None:
        """Return once what was fetched has come, and the block may be written again."""
        if self._mark is not None:
            mark, self._mark = self._mark, None
            self._lane.wait(mark)


class Staging:
    """The slots of one device.

    Attributes:
        pixel_bytes: What a block holds besides rows and settings.
    """

    def __init__(self, lane: HostLane, pixel_bytes: int, result_floats: int) -> None:
        self.pixel_bytes = pixel_bytes
        self._slots = [Slot(lane, pixel_bytes, result_floats) for _ in range(SLOTS)]

    def next(self) -> Slot:
        """The slot that was used longest ago, free to be written."""
        slot = self._slots.pop(0)
        self._slots.append(slot)
        slot.wait()
        return slot
