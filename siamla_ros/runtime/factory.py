"""From a checkpoint and a request to a runtime, with the reason in words."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from siamla_ros.model.checkpoint import (
    Checkpoint,
    WeightsError,
    graph_paths,
    int8_path,
    load_model,
    tensor_path,
)
from siamla_ros.runtime.base import Runtime
from siamla_ros.runtime.device import choose_device

if TYPE_CHECKING:  # the library may be missing
    from siamla_ros.runtime.onnx_runtime import OnnxRuntime

RUNTIMES = ('auto', 'float', 'torch', 'onnxruntime', 'onnxruntime-int8')


def build_runtime(
    checkpoint: Checkpoint, device: str, runtime: str, threads: int, half: bool
) -> tuple[Runtime, str]:
    """A runtime for these weights, and why this one.

    Raises:
        ValueError: An unknown runtime, or options that exclude each other.
        DeviceError: The device is absent.
        WeightsError: ONNX Runtime is requested and the exported graphs or the library are missing.
    """
    if runtime not in RUNTIMES:
        raise ValueError(f'runtime = {runtime!r}: must be one of {", ".join(RUNTIMES)}')
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 0:
        raise ValueError(f'threads = {threads!r}: must be a whole number >= 0')
    if not isinstance(half, bool):
        raise ValueError(f'half = {half!r}: must be true or false')
    choice = choose_device(device)
    if runtime == 'onnxruntime-int8' and choice.device != 'cpu':
        raise ValueError(
            f"runtime = {runtime!r}: runs on the CPU, not on {choice.device}; use device 'cpu'"
        )
    if runtime == 'onnxruntime' and choice.device != 'cpu':
        return _onnx_cuda(checkpoint, choice.device), f'{choice.reason}; ONNX Runtime on CUDA'
    if choice.device == 'cpu' and runtime != 'torch':
        missing = _missing_for_onnx(checkpoint, runtime == 'onnxruntime-int8')
        if not missing:
            chosen, why = _onnx_cpu(checkpoint, runtime, threads)
            chosen.prepare_batches()
            return chosen, f'{choice.reason}; ONNX Runtime on the exported graphs, {why}'
        if runtime not in ('auto', 'float'):
            raise WeightsError(f'runtime = {runtime!r}: {missing}')
        return _torch(
            checkpoint, choice.device, threads, half
        ), f'{choice.reason}; torch because {missing}'
    why = '' if runtime == 'torch' else ', whose device program needs one copy a frame'
    return _torch(checkpoint, choice.device, threads, half), f'{choice.reason}; torch{why}'


def _onnx_cpu(checkpoint: Checkpoint, runtime: str, threads: int) -> tuple[OnnxRuntime, str]:
    """ONNX Runtime on the CPU; `auto` searches in 8 bits where this machine is better off so."""
    from siamla_ros.runtime import int8_check
    from siamla_ros.runtime.onnx_runtime import OnnxRuntime

    if runtime == 'onnxruntime-int8':
        return OnnxRuntime(checkpoint, threads, int8=True), 'the search in 8 bits'
    in_float = OnnxRuntime(checkpoint, threads)
    if runtime != 'auto':
        return in_float, 'in float'
    if not int8_path(checkpoint.path).is_file():
        return in_float, 'in float: these weights have no graph in 8 bits'
    instructions = int8_check.dot_product()
    if not instructions:
        return in_float, 'in float: the CPU names no dot product of bytes'
    try:
        in_8_bits = OnnxRuntime(checkpoint, threads, int8=True)
    except WeightsError as error:
        return in_float, f'in float: {error}'
    trial = int8_check.compare(checkpoint.model, in_float, in_8_bits)
    if not trial.use:
        return in_float, f'in float: {trial.reason}'
    return in_8_bits, f'the search in 8 bits ({instructions}: {trial.reason})'


def _onnx_cuda(checkpoint: Checkpoint, device: str) -> Runtime:
    missing = _missing_for_onnx(checkpoint, int8=False)
    if missing:
        raise WeightsError(f"runtime = 'onnxruntime': {missing}")
    import onnxruntime

    from siamla_ros.runtime.onnx_cuda import PROVIDER, OnnxCudaRuntime

    available = onnxruntime.get_available_providers()
    if PROVIDER not in available:
        raise ValueError(
            f"runtime = 'onnxruntime': runs on {', '.join(available)}, not on {device}; install "
            "onnxruntime-gpu, or use device 'cpu' or runtime 'torch'"
        )
    return OnnxCudaRuntime(checkpoint, device)


def _torch(checkpoint: Checkpoint, device: str, threads: int, half: bool) -> Runtime:
    import torch

    from siamla_ros.runtime.torch_runtime import TorchRuntime

    if threads and device == 'cpu':
        torch.set_num_threads(threads)
    return TorchRuntime(load_model(checkpoint), device, half)


def _missing_for_onnx(checkpoint: Checkpoint, int8: bool) -> str:
    """What ONNX Runtime lacks, in words; empty when nothing."""
    if importlib.util.find_spec('onnxruntime') is None:
        return 'onnxruntime is not installed'
    needed = [*graph_paths(checkpoint.path), tensor_path(checkpoint.path)]
    if int8:
        needed.append(int8_path(checkpoint.path))
    absent = [path.name for path in needed if not path.is_file()]
    return f"{', '.join(absent)} not beside the weights (see 'siamla export')" if absent else ''
