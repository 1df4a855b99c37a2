"""Work on one GPU: a stream of its own, pinned memory, and CUDA graphs."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor

from siamla_ros.runtime.lane import HostLane, Program

WARM_UP_RUNS = 3  # libraries choose kernels and allocate on the first ones
FAST_HALF = (7, 0)  # compute capability from which float16 is faster than float32


class CudaLane(HostLane):
    """The lane of one CUDA device.

    Args:
        device: `cuda:N`.
        graphs: Record programs; without, they are launched kernel by kernel.
        cuda: Stands for `torch.cuda`, in tests.
    """

    cuts_on_host = False

    def __init__(self, device: str, graphs: bool = True, cuda: Any = torch.cuda) -> None:
        super().__init__(device)
        self._cuda, self.captures = cuda, graphs
        self._stream = cuda.Stream(self.device)
        self._pool: Any = None
        self._graphs: list[Any] = []

    def host_memory(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Pinned: only from there does a copy run beside other work."""
        return torch.zeros(shape, dtype=dtype, pin_memory=self._cuda is torch.cuda)

    @contextlib.contextmanager
    def active(self) -> Any:
        """Within it, work goes to the lane's stream."""
        with self._cuda.device(self.device), self._cuda.stream(self._stream):
            yield

    def mark(self) -> Any:
        """An event on the stream."""
        event = self._cuda.Event()
        event.record(self._stream)
        return event

    def wait(self, mark: Any) -> None:
        """Wait for the event: the one synchronization of a frame."""
        mark.synchronize()

    def capture(self, program: Program) -> Program:
        """Record a program; call within `active`.

        Graphs are replayed one after the other, so that all of them share one pool of memory.
        """
        # Shapes never change: trying out the kernels of a convolution pays.
        with torch.backends.cudnn.flags(enabled=True, benchmark=True):
            for _ in range(WARM_UP_RUNS):
                program()
            self._stream.synchronize()
            graph = self._cuda.CUDAGraph()
            self._graphs.append(graph)
            # Other threads, such as a second node's in this process, may allocate meanwhile.
            with self._cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode='thread_local'
            ):
                program()
        self._pool = graph.pool()
        return graph.replay

    def drop_captures(self) -> None:
        """Free all graphs, once nothing of them runs any more."""
        with contextlib.suppress(Exception):
            self._stream.synchronize()
        for graph in self._graphs:
            with contextlib.suppress(Exception):
                graph.reset()
        self._graphs.clear()
        self._pool = None

    def alive(self) -> bool:
        """Whether the device takes any call after an error."""
        try:
            self._stream.synchronize()
        except Exception:  # noqa: BLE001 - whatever a dead context raises
            return False
        return True

    def close(self) -> None:
        """Free graphs and cached memory; never raises, for the device may be gone."""
        with contextlib.suppress(Exception):
            self.drop_captures()
        with contextlib.suppress(Exception):
            self._cuda.empty_cache()


def choose_precision(device: str, half: bool) -> tuple[torch.dtype, str]:
    """Type of the network's numbers on a CUDA device, and why.

    float16 rather than bfloat16: activations stay far below its limit, and the quality branch
    samples at coordinates that 8 bits of mantissa would round to an eighth of a cell.
    """
    if not half:
        return torch.float32, 'float32'
    capability = torch.cuda.get_device_capability(device)
    if capability < FAST_HALF:
        text = '.'.join(map(str, capability))
        return torch.float32, f'float32, since capability {text} has no fast float16'
    return torch.float16, 'float16'
