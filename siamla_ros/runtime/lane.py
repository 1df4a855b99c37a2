"""How work gets to a device and back: memory for transfers, order of execution, and repetition of a
recorded program. On the CPU all of it is trivial; `cuda_lane` has the same for CUDA.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

Program = Callable[[], object]


class HostLane:
    """Work in the calling thread, on plain memory."""

    captures = False
    cuts_on_host = True  # OpenCV cuts crops faster than tensor operations on a CPU

    def __init__(self, device: str = 'cpu') -> None:
        self.device = torch.device(device)

    def place(self, module: nn.Module) -> nn.Module:
        """The module on the device."""
        return module.to(self.device)

    def host_memory(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Memory of the host for transfers."""
        return torch.zeros(shape, dtype=dtype)

    def active(self) -> AbstractContextManager[Any]:
        """Within it, work goes to this lane."""
        return contextlib.nullcontext()

    def mark(self) -> Any:
        """A point in the work given so far, for `wait`."""

    def wait(self, mark: Any) -> None:
        """Return once the work before the mark is done."""

    def capture(self, program: Program) -> Program:
        """The program in its fastest form."""
        return program

    def drop_captures(self) -> None:
        """Free what was captured; programs that `capture` returned must not be called any more."""

    def alive(self) -> bool:
        """Whether the device takes any call after an error."""
        return True

    def close(self) -> None:
        """Give the memory back."""
