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

LAFA_POINTS = 9


def lafa_points(ltrb: Tensor, stride: int) -> Tensor:
    """The nine points of every predicted box, as ``grid_sample`` coordinates.

    They are counted in cells, so that it does not matter where cell 0 lies in the crop.

    :param ltrb: distances (B, 4, H, W) from the cell to left, top, right, bottom, in crop pixels
    :returns: (B, 9*H, W, 2), x before y, in [-1, 1] over the feature map (``align_corners=True``)
    """
    batch, _, height, width = ltrb.shape
    columns = torch.arange(width, device=ltrb.device, dtype=ltrb.dtype).view(1, 1, width)
    rows = torch.arange(height, device=ltrb.device, dtype=ltrb.dtype).view(1, height, 1)
    left, top, right, bottom = (ltrb / stride).unbind(1)
    xs = (columns - left, columns + 0 * left, columns + right)
    ys = (rows - top, rows + 0 * top, rows + bottom)
    x = torch.stack([xs[i % 3] for i in range(LAFA_POINTS)], 1) * (2.0 / (width - 1)) - 1
    y = torch.stack([ys[i // 3] for i in range(LAFA_POINTS)], 1) * (2.0 / (height - 1)) - 1
    return torch.stack([x, y], -1).view(batch, LAFA_POINTS * height, width, 2).clamp(-2.0, 2.0)


class QualityBranch(nn.Module):
    """Tower features and predicted boxes to one quality logit per cell.

    :param use_lafa: off, the branch sees the cell alone (LAQP without LAFA, and the centre-ness
        control)
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
        batch, channels, height, width = x.shape
        points = lafa_points(ltrb.to(x.dtype), self.stride)
        samples = F.grid_sample(
            x, points, mode="bilinear", padding_mode="zeros", align_corners=True
        )
        samples = samples.view(batch, channels * LAFA_POINTS, height, width)
        assert self.aggregate is not None
        return torch.relu(self.aggregate(samples))
