"""ONNX Runtime sessions for the peers: few threads, no spinning, so that all compare fairly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from siamla_ros.evaluation.peers.base import TrackerUnavailable, read_model, sha256_of

THREADS = 2


def open_session(model: str | Path | bytes, threads: int = THREADS) -> Any:
    """An InferenceSession on the CPU; `model` is a file or its content.

    Raises TrackerUnavailable when onnxruntime is missing or refuses the model.
    """
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as native
    except ImportError as error:
        raise TrackerUnavailable('ONNX peers need onnxruntime: pip install onnxruntime') from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.log_severity_level = 3
    content = model if isinstance(model, bytes) else read_model(model)
    refusals = (native.Fail, native.InvalidProtobuf, native.InvalidGraph, native.InvalidArgument)
    try:
        return onnxruntime.InferenceSession(content, options, providers=['CPUExecutionProvider'])
    except refusals as error:
        name = 'model' if isinstance(model, bytes) else f'model file {model}'
        raise TrackerUnavailable(f'{name}: ONNX Runtime refuses it: {error}') from error


def describe_files(threads: int, **files: str | Path) -> dict[str, Any]:
    """Runtime version, threads and the sha256 of each model file."""
    import onnxruntime

    return {
        'runtime': f'onnxruntime {onnxruntime.__version__}',
        'threads': threads,
        'models': {
            role: {'file': Path(p).name, 'sha256': sha256_of(p)} for role, p in files.items()
        },
    }
