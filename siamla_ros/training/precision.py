"""Mixed precision: forward passes in bfloat16, where the processor computes in it.

It has the exponents of float32, so that no loss has to be scaled. A CPU without instructions for
it takes some twenty times as long as in float32.
"""

from __future__ import annotations

import torch

NOTE = (
    'schedule.bf16: this processor has no instructions for bfloat16 and would take many times as '
    'long; float32 is used'
)


def has_bf16(device: torch.device) -> bool:
    """Whether it computes in bfloat16 by itself."""
    if device.type != 'cpu':
        return True
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def mixed(device: torch.device, wanted: bool) -> torch.autocast:
    """The context of a forward pass: bfloat16 where that is wanted and the device has it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and has_bf16(device))
