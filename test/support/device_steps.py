"""Inputs of a device step for tests."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from siamla_ros.runtime import step_layout as layout
from siamla_ros.runtime.step_layout import Batch


class StepInputs(NamedTuple):
    """What `DeviceStep` takes besides templates."""

    pixels: torch.Tensor
    rows: torch.Tensor
    settings: torch.Tensor
    taps: int


def packed(image, windows, borders, last_boxes, config, size_px: int) -> StepInputs:
    """Inputs on the CPU."""
    batch = Batch(windows, borders, [(box[2], box[3]) for box in last_boxes])
    parts = layout.seen_parts(windows, size_px, image.shape)
    block = np.zeros(layout.needed_bytes(parts), np.uint8)
    settings = layout.settings_row(config)
    layout.pack_rows(block, image.shape, parts, batch, size_px, settings)
    layout.pack_pixels(block, image, parts)
    tensor = torch.from_numpy(block)
    floats = tensor[: layout.PIXEL_OFFSET].view(torch.float32)
    rows = floats[layout.SETTINGS_FLOATS :].view(layout.MAX_ROWS, layout.ROW_FLOATS)
    return StepInputs(
        tensor[layout.PIXEL_OFFSET :].view(-1, 3),
        rows[: batch.bucket],
        floats[: layout.SETTINGS_FLOATS],
        batch.taps(size_px),
    )
