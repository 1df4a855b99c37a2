"""LAQP, the localization-quality branch, and LAFA, the localization-aware feature aggregation
inside it.

Source: SiamLA (arXiv 2204.14093), abstract. The abstract names both parts; their form is our
reconstruction: the quality of a *predicted box* is read from the features at nine points of that
box (the cell itself, four corners, four edge points), not from the cell alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from siamla_ros.model.layers import fixed_size

LAFA_POINTS = 9
# Up to so many cells an exported graph samples by one matrix product. Its cost grows with the
# square of the cells, that of GridSample linearly; they meet at some 700.
MATRIX_CELLS = 256


def lafa_points(ltrb: Tensor, stride: int) -> Tensor:
    """The nine points of every predicted box, as `grid_sample` coordinates.

    They are counted in cells, so that it does not matter where cell 0 lies in the crop.

    Args:
        ltrb: Distances (B, 4, H, W) from the cell to left, top, right, bottom, in crop pixels.

    Returns:
        (B, 9*H, W, 2), x before y, in [-1, 1] over the feature map (`align_corners=True`).
    """
    height, width = fixed_size(ltrb)
    columns = torch.arange(width, device=ltrb.device, dtype=ltrb.dtype).view(1, 1, width)
    rows = torch.arange(height, device=ltrb.device, dtype=ltrb.dtype).view(1, height, 1)
    left, top, right, bottom = (ltrb / stride).unbind(1)
    xs = (columns - left, columns + 0 * left, columns + right)
    ys = (rows - top, rows + 0 * top, rows + bottom)
    x = torch.stack([xs[i % 3] for i in range(LAFA_POINTS)], 1) * (2.0 / (width - 1)) - 1
    y = torch.stack([ys[i // 3] for i in range(LAFA_POINTS)], 1) * (2.0 / (height - 1)) - 1
    return torch.stack([x, y], -1).view(-1, LAFA_POINTS * height, width, 2).clamp(-2.0, 2.0)


def sampling_matrix(ltrb: Tensor, stride: int) -> Tensor:
    """The bilinear weights of `lafa_points`, as a matrix: what an exported graph multiplies
    with instead of `grid_sample`, which ONNX Runtime computes one value at a time.

    The weight of a cell is the product of a hat along x and one along y, `max(0, 1 - distance)`;
    the nine points of a box share three columns and three rows. Points outside weigh nothing, as
    with zero padding.

    Args:
        ltrb: Distances (B, 4, H, W) from the cell to left, top, right, bottom, in crop pixels.

    Returns:
        (B, H*W, 9*H*W): for features (B, C, H*W) on the left of it.
    """
    height, width = fixed_size(ltrb)
    count = height * width
    reach = ltrb.reshape(-1, 4, count) / stride
    left, top, right, bottom = (reach[:, side] for side in range(4))
    columns = torch.arange(width, dtype=ltrb.dtype, device=ltrb.device).repeat(height)
    rows = torch.arange(height, dtype=ltrb.dtype, device=ltrb.device).repeat_interleave(width)
    x = _hats((columns - left, columns + 0 * left, columns + right), width)
    y = _hats((rows - top, rows + 0 * top, rows + bottom), height)
    weights = y.view(-1, height, 1, 3, 1, count) * x.view(-1, 1, width, 1, 3, count)
    return weights.view(-1, count, LAFA_POINTS * count)


def _hats(positions: tuple[Tensor, Tensor, Tensor], cells: int) -> Tensor:
    """Weights (B, cells, 3, N) of the cells of one axis at three positions (B, N) on it."""
    stacked = torch.stack(positions, 1).unsqueeze(1)
    index = torch.arange(cells, dtype=stacked.dtype, device=stacked.device).view(1, cells, 1, 1)
    return torch.relu(1 - (stacked - index).abs())


class QualityBranch(nn.Module):
    """Tower features and predicted boxes to one quality logit per cell.

    Args:
        use_lafa: Off, the branch sees the cell alone (LAQP without LAFA, and the center-ness
            control).
    """

    def __init__(self, channels_in: int, channels: int, stride: int, use_lafa: bool) -> None:
        super().__init__()
        self.stride, self.use_lafa = stride, use_lafa
        self.reduce = nn.Conv2d(channels_in, channels, 1)
        self.aggregate = nn.Conv2d(LAFA_POINTS * channels, channels, 1) if use_lafa else None
        self.mix = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.logit = nn.Conv2d(2 * channels, 1, 1)

    def forward(self, features: Tensor, ltrb: Tensor) -> Tensor:
        """Logits (B, 1, H, W) from features (B, C, H, W) and distances (B, 4, H, W); no gradient
        into the boxes.
        """
        x = torch.relu(self.reduce(features))
        if self.aggregate is not None:
            x = x + self._describe_boxes(x, ltrb.detach())
        return self.logit(torch.relu(self.mix(x)))

    def _describe_boxes(self, x: Tensor, ltrb: Tensor) -> Tensor:
        height, width = fixed_size(x)
        channels = int(x.shape[1]) * LAFA_POINTS
        ltrb = ltrb.to(x.dtype)
        if torch.onnx.is_in_onnx_export() and height * width <= MATRIX_CELLS:
            samples = torch.bmm(x.flatten(2), sampling_matrix(ltrb, self.stride))
        else:
            samples = F.grid_sample(
                x,
                lafa_points(ltrb, self.stride),
                mode='bilinear',
                padding_mode='zeros',
                align_corners=True,
            )
        assert self.aggregate is not None
        return torch.relu(self.aggregate(samples.view(-1, channels, height, width)))
