"""Which device runs the network, and why; there is no silent fallback."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from typing import NamedTuple

from siamla_ros import install_hint


class DeviceError(RuntimeError):
    """The requested device cannot be used."""


class DeviceLostError(DeviceError):
    """A device stopped working in this process and could not be taken into use again."""


class DeviceChoice(NamedTuple):
    """A device and the reason for it, in words for a log."""

    device: str
    reason: str


_lost: dict[str, str] = {}


def note_lost(device: str, why: str) -> None:
    """From now on this process does not choose the device: after certain errors CUDA refuses every
    call of the process.
    """
    _lost[device] = why


def choose_device(request: str) -> DeviceChoice:
    """Resolve `auto`, `cpu`, `cuda` or `cuda:N`.

    `auto` takes CUDA where torch sees a GPU and the CPU elsewhere; CUDA that is requested by
    name and is not there is an error.

    Raises:
        DeviceError: CUDA is requested and absent, or there is no GPU of that number.
        ValueError: Another word.
    """
    if request == 'cpu':
        return DeviceChoice('cpu', 'the CPU was requested')
    if request != 'auto' and not re.fullmatch(r'cuda(:\d+)?', request):
        raise ValueError(f'device = {request!r}: must be auto, cpu, cuda or cuda:N')
    count, absent = _cuda_devices()
    if request == 'auto':
        working = [f'cuda:{i}' for i in range(count) if f'cuda:{i}' not in _lost]
        if working:
            return DeviceChoice(working[0], f'auto: torch sees {count} CUDA device(s)')
        lost = '; '.join(f'{name} was lost ({why})' for name, why in _lost.items())
        return DeviceChoice('cpu', f'auto: {absent or lost}')
    index = int(request.partition(':')[2] or 0)
    if not count:
        raise DeviceError(
            f'device = {request!r}: {absent}; '
            "use device 'auto' or 'cpu', or install torch with CUDA"
        )
    if index >= count:
        raise DeviceError(f'device = {request!r}: of {count} the last is cuda:{count - 1}')
    name = f'cuda:{index}'
    if name in _lost:
        raise DeviceLostError(
            f'device = {request!r}: {name} was lost ({_lost[name]}); restart the process'
        )
    return DeviceChoice(name, 'CUDA was requested')


def _cuda_devices() -> tuple[int, str]:
    """Number of usable GPUs, and why there is none."""
    absent = '' if 'torch' in sys.modules else _certainly_absent()
    if absent:
        return 0, absent
    import torch

    if torch.version.cuda is None:
        return 0, f'torch {torch.__version__} is built without CUDA'
    if not torch.cuda.is_available():
        return 0, f'torch {torch.__version__} finds no usable CUDA device or driver'
    return torch.cuda.device_count(), ''


def _certainly_absent() -> str:
    """Why there can be no CUDA, where that is known without the long import of torch."""
    if importlib.util.find_spec('torch') is None:
        return f'torch is not installed ({install_hint("torch")})'
    try:
        version = importlib.metadata.version('torch')
    except importlib.metadata.PackageNotFoundError:  # not installed by pip: torch itself knows
        return ''
    return f'torch {version} is built without CUDA' if version.endswith('+cpu') else ''
