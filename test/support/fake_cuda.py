"""CUDA without a GPU: tensors that claim to be on a device, and a recorder in place of CUDA graphs.

`FakeCuda` is torch's FakeTensorMode: shapes, types and devices are worked out, numbers are not. A
read of a value by the host raises, and so does an operation on tensors of two devices. `Recorder`
replays recorded operations on the same memory as a CUDA graph does, with real numbers on the CPU.
"""

from __future__ import annotations

import contextlib
from collections import Counter

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from siamla_ros.runtime.lane import HostLane

DEVICE = torch.device('cuda:0')
DEVICE_OF = torch.ops.prim.device.default
COPIES = (torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default)
READS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.item.default)
VIEWS = ('view', 'slice', 'select', 'expand', 'permute', 'unsqueeze', 'narrow', 'detach', 'alias')


class FakeCuda(FakeTensorMode):
    """Under it, `device='cuda:0'` works everywhere.

    Attributes:
        transfers: Copies between host and device, in order: `h2d` or `d2h` with the elements.
        kernels: Operations on the device that are not views, by name.
    """

    def __init__(self) -> None:
        super().__init__(allow_non_fake_inputs=True)
        self.transfers: list[tuple[str, int]] = []
        self.kernels: Counter[str] = Counter()

    @contextlib.contextmanager
    def active(self):
        """Enter it, and mind what C++ takes for no copy: see `dispatch`."""
        cpu, to = torch.Tensor.cpu, torch.Tensor.to

        def checked_to(tensor, *args, **kwargs):
            if 'cpu' in (str(value) for value in args) and tensor.device.type == 'cuda':
                return COPIES[1](tensor, device=torch.device('cpu'))
            return to(tensor, *args, **kwargs)

        torch.Tensor.cpu, torch.Tensor.to = lambda tensor: checked_to(tensor, 'cpu'), checked_to
        try:
            with self:
                yield
        finally:
            torch.Tensor.cpu, torch.Tensor.to = cpu, to

    def dispatch(self, func, types, args=(), kwargs=None):
        if func is DEVICE_OF:  # C++ asks in order to guard a device, which this build has not
            return torch.device('cpu')
        args, kwargs = tree_map_only(torch.Tensor, self._own, (args, kwargs or {}))
        result = super().dispatch(func, types, args, kwargs)
        self._note(func, args, result)
        return result

    def _own(self, tensor):
        """A stand-in for a tensor of the host."""
        if self.is_our_fake(tensor):
            return tensor
        meta = torch.empty(tensor.shape, dtype=tensor.dtype, device='meta')
        return FakeTensor(self, meta, tensor.device)

    def _note(self, func, args, result) -> None:
        if func in COPIES:
            target, source = (result, args[0]) if func is COPIES[1] else args[:2]
            ends = source.device.type, target.device.type
            if ends[0] != ends[1]:
                name = 'h2d' if ends[1] == 'cuda' else 'd2h'
                self.transfers.append((name, source.numel()))
        name = func._schema.name.partition('::')[2]
        on_device = [t for t in tree_leaves(result) if isinstance(t, torch.Tensor)]
        if any(t.device.type == 'cuda' for t in on_device) and not name.startswith(VIEWS):
            self.kernels[name] += 1


class FakeLane(HostLane):
    """The way to the fake device; transfers are counted by its mode."""

    cuts_on_host = False

    def __init__(self) -> None:
        super().__init__('cuda:0')
        self.mode, self.waits = FakeCuda(), 0

    def place(self, module: nn.Module) -> nn.Module:
        """`Module.to` would swap storages, which fake tensors have none of."""
        for part in module.modules():
            for name, value in part._parameters.items():
                if value is not None:
                    moved = nn.Parameter(value.detach().to(DEVICE), requires_grad=False)
                    part._parameters[name] = moved
            for name, value in part._buffers.items():
                if value is not None:
                    part._buffers[name] = value.to(DEVICE)
        return module

    def host_memory(self, shape, dtype):
        with unset_fake_temporarily():
            return torch.zeros(shape, dtype=dtype)

    def active(self):
        return self.mode.active()

    def mark(self):
        return object()

    def wait(self, mark):
        self.waits += 1


class CaptureError(RuntimeError):
    """What a CUDA graph cannot record."""


class _Recording(TorchDispatchMode):
    def __init__(self, calls: list) -> None:
        super().__init__()
        self.calls = calls

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in READS:
            raise CaptureError('CUDA error: operation not permitted when stream is capturing')
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result


class Recorder:
    """Stands for `torch.cuda`: streams do nothing, graphs replay on the memory of their recording.

    Attributes:
        replays: Of all graphs.
        waits: Synchronizations of the host.
        fail: Called with `replay`, `capture`, `stream` or `synchronize` before each; may raise.
    """

    def __init__(self, fail=lambda what: None) -> None:
        self.fail, self.replays, self.waits, self.alive = fail, 0, 0, 0
        self.emptied = 0
        recorder = self

        class Stream:
            def __init__(self, device) -> None:
                recorder.fail('stream')

            def synchronize(self) -> None:
                recorder.fail('synchronize')

        class Event:
            def record(self, stream) -> None:
                pass

            def synchronize(self) -> None:
                recorder.waits += 1

        class CUDAGraph:
            def __init__(self) -> None:
                self.calls = []
                recorder.alive += 1

            def pool(self):
                return 'pool'

            def reset(self) -> None:
                recorder.alive -= 1
                self.calls.clear()

            def replay(self) -> None:
                recorder.fail('replay')
                recorder.replays += 1
                for func, args, kwargs, kept in self.calls:
                    again = func(*args, **kwargs)
                    for old, new in zip(tree_leaves(kept), tree_leaves(again)):
                        if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                            old.copy_(new)

        self.Stream, self.Event, self.CUDAGraph = Stream, Event, CUDAGraph

    @contextlib.contextmanager
    def graph(self, graph, pool, stream, capture_error_mode):
        self.fail('capture')
        with _Recording(graph.calls):
            yield

    def device(self, device):
        return contextlib.nullcontext()

    def stream(self, stream):
        return contextlib.nullcontext()

    def empty_cache(self) -> None:
        self.emptied += 1


__all__ = ['DEVICE', 'CaptureError', 'FakeCuda', 'FakeLane', 'Recorder']
