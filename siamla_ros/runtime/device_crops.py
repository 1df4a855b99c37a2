"""Context crops on the device: the part of the frame that the windows see goes up once, as bytes,
and every crop is sampled there.

The same mapping as `crop`; a test holds both together to a gray
level or
two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from siamla_ros.geometry.crops import ImageArray, Window


def crop_batch(
    image_bgr: ImageArray,
    windows: Sequence[Window],
    borders_bgr: Sequence[Sequence[float]],
    size_px: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """Crops (B, 3, size_px, size_px), RGB in [0, 255], bilinear, border color beyond the image.

    Detail is kept from aliasing by sampling a finer grid and averaging, where a window exceeds
    twice the crop.
    """
    x, y, x_end, y_end = seen_part(windows, image_bgr.shape)
    # Frames may be mirrored views or read-only, which torch does not take.
    part = np.require(image_bgr[y:y_end, x:x_end], requirements=['C', 'W'])
    frame = torch.from_numpy(part).to(device, non_blocking=True)
    frame = frame.permute(2, 0, 1).flip(0).unsqueeze(0).to(torch.float32)
    crops = []
    for window, border in zip(windows, borders_bgr, strict=True):
        window = replace(window, cx=window.cx - x, cy=window.cy - y)
        color = torch.tensor(tuple(border)[::-1], device=device, dtype=torch.float32).view(
            1, 3, 1, 1
        )
        crops.append(_sample(frame, color, window, size_px))
    return torch.cat(crops).to(dtype)


def seen_part(windows: Sequence[Window], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The smallest part of a frame that holds every pixel the windows read: left, top, right and
    bottom, half-open, at least one pixel.

    Args:
        shape: Of the frame, (H, W, ...).
    """
    ends = []
    for center, extent, limit in (('cx', 'width', shape[1]), ('cy', 'height', shape[0])):
        spans = [(getattr(w, center), getattr(w, extent) / 2.0) for w in windows]
        # Bilinear samples read the neighboring pixel, too.
        low = math.floor(min(middle - half for middle, half in spans)) - 1
        high = math.ceil(max(middle + half for middle, half in spans)) + 1
        low = min(max(low, 0), limit - 1)
        ends.append((low, max(min(high, limit), low + 1)))
    (left, right), (top, bottom) = ends
    return left, top, right, bottom


def _sample(frame: Tensor, color: Tensor, window: Window, size_px: int) -> Tensor:
    height, width = frame.shape[-2:]
    shrink = (max(int(window.height / size_px), 1), max(int(window.width / size_px), 1))
    y = _positions(window.cy, window.height, size_px * shrink[0], height, frame)
    x = _positions(window.cx, window.width, size_px * shrink[1], width, frame)
    grid = torch.stack([x.view(1, -1).expand(len(y), -1), y.view(-1, 1).expand(-1, len(x))], -1)
    # Zeros beyond the border of (frame - color) is the color beyond the border of the frame.
    samples = (
        F.grid_sample(
            frame - color,
            grid.unsqueeze(0),
            mode='bilinear',
            padding_mode='zeros',
            align_corners=False,
        )
        + color
    )
    return F.avg_pool2d(samples, shrink) if max(shrink) > 1 else samples


def _positions(center: float, extent: float, count: int, limit: int, like: Tensor) -> Tensor:
    """`grid_sample` coordinates of `count` sample centers across a window."""
    steps = (torch.arange(count, device=like.device, dtype=like.dtype) + 0.5) / count
    return (center - extent / 2.0 + steps * extent) * (2.0 / limit) - 1.0
