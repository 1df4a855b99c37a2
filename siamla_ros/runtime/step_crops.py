"""Context crops as tensor operations of fixed shapes: all windows at once, whatever their size and
place, without a loop over them and without a decision on the host.

The same mapping as `geometry.crops.crop`; a test holds both together to a gray level.
"""

from __future__ import annotations

import torch
from torch import Tensor

from siamla_ros.runtime import step_layout as layout


def cut(pixels: Tensor, rows: Tensor, size_px: int, taps: int) -> Tensor:
    """Bilinear crops, border color beyond the image, averaged over blocks of `SHARES` pixels first
    so that detail of a window larger than its crop does not alias.

    Args:
        pixels: (N, 3) uint8 BGR: the parts of the frame, row by row.
        rows: (B, ROW_FLOATS) of `step_layout`.
        size_px: Side S of a crop.
        taps: Pixels of a block along an axis, at least the largest of `SHARES`.

    Returns:
        (B, 3, S, S) float32 RGB in whole gray levels, channels last in memory.
    """
    first, width = (column.long().view(-1, 1, 1) for column in rows[:, layout.FIRST].unbind(1))
    x, x_weight = _axis(rows, 0, size_px, taps)
    y, y_weight = _axis(rows, 1, size_px, taps)
    corner = first + y * width  # first pixel of each line
    total = torch.zeros((), device=rows.device)
    for tap in range(2 * taps):
        # Out of range are only pixels that weigh nothing; on CUDA one such read ends the context.
        index = (corner[:, :, tap, None, None] + x.unsqueeze(1)).clamp(0, len(pixels) - 1)
        values = pixels.index_select(0, index.flatten()).view(*index.shape, 3).float()
        line = (values * x_weight[:, None, :, :, None]).sum(3)
        total = total + line * y_weight[:, :, tap, None, None]
    inside = y_weight.sum(2).unsqueeze(2) * x_weight.sum(2).unsqueeze(1)
    border = rows[:, layout.BORDER].view(-1, 1, 1, 3)
    crops = total + (1.0 - inside).unsqueeze(-1) * border
    # Whole levels, as the network was trained on; half precision holds them exactly.
    return crops.round().clamp(0.0, 255.0).flip(-1).permute(0, 3, 1, 2)


def _axis(rows: Tensor, axis: int, size_px: int, taps: int) -> tuple[Tensor, Tensor]:
    """Pixels that each crop pixel reads along one axis, and their weights: (B, S, 2 * taps). They
    are those of the two nearest blocks; what lies beyond the frame weighs nothing.
    """
    start, step, shares, count = (
        rows[:, columns][:, axis].view(-1, 1, 1)
        for columns in (layout.START, layout.STEP, layout.SHARES, layout.COUNT)
    )
    place = torch.arange(size_px, device=rows.device, dtype=rows.dtype).view(1, -1, 1)
    # Centers: block i covers [i, i + 1).
    position = start + (place + 0.5) * step - 0.5
    low = position.floor()
    near = torch.stack([low, low + 1.0], 2)
    weight = torch.stack([low + 1.0 - position, position - low], 2)
    tap = torch.arange(taps, device=rows.device, dtype=rows.dtype)
    shares, count = shares.unsqueeze(3), count.unsqueeze(3)
    counts = (near >= 0.0) & (near < count) & (tap < shares)
    index = torch.minimum(near, count - 1.0).clamp(min=0.0) * shares + torch.minimum(
        tap, shares - 1.0
    )
    share = (weight / shares).masked_fill(~counts, 0.0)
    return index.long().flatten(2), share.flatten(2)
