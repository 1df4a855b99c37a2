"""The runtime of ONNX Runtime's CUDA provider, over the provider of the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('onnxruntime')
from siamla_ros.geometry.crops import context_window
from siamla_ros.model.checkpoint import read_checkpoint
from siamla_ros.runtime import device as devices
from siamla_ros.runtime import onnx_cuda
from siamla_ros.runtime.device import DeviceError
from siamla_ros.runtime.factory import build_runtime
from siamla_ros.runtime.onnx_cuda import OnnxCudaRuntime
from siamla_ros.runtime.onnx_runtime import OnnxRuntime

IMAGE = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
BOXES = [(20.0, 30.0, 40.0, 40.0), (80.0, 40.0, 30.0, 50.0)]
BORDER = (9.0, 9.0, 9.0)


def test_bound_inputs_give_the_same_maps_whatever_the_order(monkeypatch):
    checkpoint = read_checkpoint('default')
    plain = OnnxRuntime(checkpoint, 1)
    bound = OnnxCudaRuntime(checkpoint, 'cpu', 'CPUExecutionProvider')
    windows = [context_window(box, 3.75) for box in BOXES]
    first, second = (plain.template(IMAGE, window, BORDER) for window in windows)
    assert np.allclose(bound.template(IMAGE, windows[0], BORDER), first, atol=1e-4)
    for templates in ([first, second], [first, second], [second, first], [first.copy(), first]):
        expected = plain.respond(IMAGE, windows, [BORDER] * 2, templates)
        found = bound.respond(IMAGE, windows, [BORDER] * 2, templates)
        for a, b in zip(expected, found):
            assert np.allclose(a, b, atol=1e-3, rtol=1e-3)


def test_a_provider_that_is_not_there_is_no_silent_fallback(monkeypatch):
    checkpoint = read_checkpoint('default')
    with pytest.raises(DeviceError, match=r"has \['CPUExecutionProvider'\], not Absent"):
        OnnxCudaRuntime(checkpoint, 'cpu', 'AbsentExecutionProvider')
    monkeypatch.setattr(devices, '_cuda_devices', lambda: (1, ''))
    monkeypatch.setattr(onnx_cuda, 'PROVIDER', 'AbsentExecutionProvider')
    with pytest.raises(ValueError, match='not on cuda:0; install onnxruntime-gpu'):
        build_runtime(checkpoint, 'auto', 'onnxruntime', 0, half=False)


def test_a_runtime_that_is_closed_ends_its_threads_whoever_still_holds_it():
    """A lifecycle node is part of a cycle: its sessions lived on until that was collected."""

    def threads():
        return len(list(Path('/proc/self/task').iterdir()))

    checkpoint, before = read_checkpoint('default'), threads()
    runtime = OnnxRuntime(checkpoint, 3)
    assert threads() > before, 'the sessions have threads of their own'
    runtime.close()
    assert threads() == before
