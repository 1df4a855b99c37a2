"""Small layers that several parts of the network share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def fixed_size(maps: Tensor) -> tuple[int, int]:
    """Height and width of maps (..., H, W) as plain numbers.

    Shapes that are read from a tensor become a dozen nodes each in a traced graph; maps of a
    checkpoint have one size, and only the batch varies.
    """
    return int(maps.shape[-2]), int(maps.shape[-1])


class SeparableConv(nn.Module):
    """Depth-wise 3x3, point-wise 1x1, and a rectifier unless `activate` is off. BatchNorm-free:
    see fbnet.py.
    """

    def __init__(self, channels_in: int, channels_out: int, activate: bool = True) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels_in, channels_in, 3, 1, 1, groups=channels_in)
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        y = self.pointwise(self.depthwise(x))
        return torch.relu(y) if self.activate else y


def separable_tower(channels: int, depth: int) -> nn.Sequential:
    """`depth` separable convolutions of constant width."""
    return nn.Sequential(*(SeparableConv(channels, channels) for _ in range(depth)))
