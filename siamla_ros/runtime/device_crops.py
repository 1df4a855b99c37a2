"""Context crops on the device: the frame goes up once, as bytes, and every crop is sampled there.

The same mapping as :func:`siamla_ros.crops.crop`; a test holds both together to a grey level or
two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from siamla_ros.crops import ImageArray, Window


def crop_batch(
    image_bgr: ImageArray,
    windows: Sequence[Window],
    borders_bgr: Sequence[Sequence[float]],
    size_px: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """Crops (B, 3, size_px, size_px), RGB in [0, 255], bilinear, border colour beyond the image.

    Detail is kept from aliasing by sampling a finer grid and averaging, where a window exceeds
    twice the crop.
    """
    # Frames may be mirrored views or read-only, which torch does not take.
    frame = torch.from_numpy(np.require(image_bgr, requirements=["C", "W"]))
    frame = frame.to(device, non_blocking=True)
    frame = frame.permute(2, 0, 1).flip(0).unsqueeze(0).to(torch.float32)
    crops = []
    for window, border in zip(windows, borders_bgr, strict=True):
        color = torch.tensor(tuple(border)[::-1], device=device, dtype=torch.float32).view(
            1, 3, 1, 1
        )
        crops.append(_sample(frame, color, window, size_px))
    return torch.cat(crops).to(dtype)


def _sample(frame: Tensor, color: Tensor, window: Window, size_px: int) -> Tensor:
    height, width = frame.shape[-2:]
    shrink = (max(int(window.height / size_px), 1), max(int(window.width / size_px), 1))
    y = _positions(window.cy, window.height, size_px * shrink[0], height, frame)
    x = _positions(window.cx, window.width, size_px * shrink[1], width, frame)
    grid = torch.stack([x.view(1, -1).expand(len(y), -1), y.view(-1, 1).expand(-1, len(x))], -1)
    # Zeros beyond the border of (frame - colour) is the colour beyond the border of the frame.
    samples = (
        F.grid_sample(
            frame - color,
            grid.unsqueeze(0),
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        )
        + color
    )
    return F.avg_pool2d(samples, shrink) if max(shrink) > 1 else samples


def _positions(center: float, extent: float, count: int, limit: int, like: Tensor) -> Tensor:
    """``grid_sample`` coordinates of ``count`` sample centres across a window."""
    steps = (torch.arange(count, device=like.device, dtype=like.dtype) + 0.5) / count
    return (center - extent / 2.0 + steps * extent) * (2.0 / limit) - 1.0
