"""The network run by ONNX Runtime on CUDA, where `onnxruntime-gpu` is installed: asked for by name,
for comparisons and for machines without torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siamla_ros.model.checkpoint import Checkpoint
from siamla_ros.runtime.device import DeviceError
from siamla_ros.runtime.onnx_runtime import Answer, OnnxRuntime

PROVIDER = 'CUDAExecutionProvider'


class OnnxCudaRuntime(OnnxRuntime):
    """Implements `Runtime`; crops and decoding stay on the host, templates on the device.

    Args:
        device: `cuda:N`.
        provider: Another execution provider, in tests.

    Raises:
        DeviceError: ONNX Runtime fell back to the CPU, which it does without an error.
        WeightsError: As `OnnxRuntime`.
    """

    def __init__(self, checkpoint: Checkpoint, device: str, provider: str = PROVIDER) -> None:
        self.device = device
        kind, _, number = device.partition(':')
        self._kind, self._number = kind, int(number or 0)
        options = {'device_id': self._number} if kind == 'cuda' else {}
        self.providers = ((provider, options), 'CPUExecutionProvider')
        super().__init__(checkpoint)
        active = self._search.get_providers()
        if active[0] != provider:
            raise DeviceError(f'device = {device!r}: ONNX Runtime has {active}, not {provider}')
        self._placed: list[NDArray[np.float32]] = []
        self._stacked: Any = None

    def _maps(self, crops: NDArray[np.uint8], templates: Sequence[NDArray[np.float32]]) -> Answer:
        """See `OnnxRuntime`; bound, so that templates go up once and maps come back in one copy."""
        binding = self._search.io_binding()
        binding.bind_cpu_input('crops', np.ascontiguousarray(crops))
        binding.bind_ortvalue_input('template', self._on_device(templates))
        for output in self._search.get_outputs():
            binding.bind_output(output.name, 'cpu')
        self._search.run_with_iobinding(binding)
        maps, *backbone = binding.copy_outputs_to_cpu()
        return maps, backbone[0] if backbone else None

    def _on_device(self, templates: Sequence[NDArray[np.float32]]) -> Any:
        """Stacked templates; the same targets in the same order keep what is there."""
        same = len(templates) == len(self._placed) and all(
            a is b for a, b in zip(templates, self._placed)
        )
        if not same:
            from onnxruntime import OrtValue

            stacked = np.stack(list(templates))
            self._stacked = OrtValue.ortvalue_from_numpy(stacked, self._kind, self._number)
            self._placed = list(templates)
        return self._stacked
