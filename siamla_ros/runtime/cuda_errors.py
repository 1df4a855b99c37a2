"""What an error on a GPU means for the work that comes after it."""

from __future__ import annotations

import enum

import torch

_MEMORY = ('out of memory', 'CUBLAS_STATUS_ALLOC_FAILED', 'CUDNN_STATUS_ALLOC_FAILED')
_DEVICE = ('CUDA error', 'CUDA driver error', 'CUBLAS_STATUS', 'CUDNN_STATUS', 'cuDNN error')


class Fault(enum.Enum):
    """Kinds of errors."""

    MEMORY = 'memory'  # too little for this call; others may pass
    DEVICE = 'device'  # what lies on the device can no longer be relied on
    OTHER = 'other'


def fault_of(error: BaseException) -> Fault:
    """Sort an error that torch raised."""
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError) or any(word in text for word in _MEMORY):
        return Fault.MEMORY
    accelerator = getattr(torch, 'AcceleratorError', None)  # from torch 2.8 on
    if accelerator is not None and isinstance(error, accelerator):
        return Fault.DEVICE
    if isinstance(error, RuntimeError) and any(word in text for word in _DEVICE):
        return Fault.DEVICE
    return Fault.OTHER


def first_line(error: BaseException) -> str:
    """Type and first line of an error: torch adds a page of advice."""
    return f'{type(error).__name__}: {(str(error).splitlines() or [""])[0]}'
