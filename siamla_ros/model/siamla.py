"""The SiamLA network: a Siamese host with classification, regression and localization-quality
branches.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from siamla_ros.model.config import ModelConfig
from siamla_ros.model.correlation import depthwise_correlation, pixelwise_correlation
from siamla_ros.model.layers import SeparableConv, separable_tower
from siamla_ros.model.quality import QualityBranch

FILTER_CHANNELS = 256
"""Most channels of a backbone over which a tracker can learn a filter on the way."""


class Response(NamedTuple):
    """Response maps of one forward pass over search regions.

    Args:
        classification: Logits (B, 1, H, W); `p = sigmoid`.
        ltrb: Distances (B, 4, H, W) from the cell's center to the box's sides, in search pixels.
        quality: Logits (B, 1, H, W); `Q = sigmoid`; None when the configuration has no third
            branch.
    """

    classification: Tensor
    ltrb: Tensor
    quality: Tensor | None


class Branch(nn.Module):
    """Adjust the search features for one task, correlate with the template, and refine by a
    tower.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = config.channels
        self.pixelwise = config.correlation == 'pixelwise'
        middle = config.correlated_cells
        cells = (middle.stop - middle.start) ** 2
        self.adjust = SeparableConv(channels, channels)
        self.encode = SeparableConv(channels + (cells if self.pixelwise else channels), channels)
        self.tower = separable_tower(channels, config.tower_depth)

    def forward(self, search: Tensor, template: Tensor) -> Tensor:
        x = self.adjust(search)
        correlate = pixelwise_correlation if self.pixelwise else depthwise_correlation
        return self.tower(self.encode(torch.cat([x, correlate(x, template)], 1)))


class SiamLA(nn.Module):
    """Template and search region in, response maps out. Holds weights only, no target.

    Args:
        config: Shapes and branches.
        backbone: Pixels (B, 3, H, W) to features; must have `channels`, and cells where
            `config.grid` says.
    """

    def __init__(self, config: ModelConfig, backbone: nn.Module) -> None:
        super().__init__()
        self.config, self.grid = config, config.grid
        self.backbone = backbone
        self.neck = nn.Conv2d(backbone.channels, config.channels, 1)
        self.cls_branch = Branch(config)
        self.reg_branch = Branch(config)
        self.cls_head = SeparableConv(config.channels, 1, activate=False)
        self.reg_head = SeparableConv(config.channels, 4, activate=False)
        self.quality = None
        if config.quality != 'none':
            self.quality = QualityBranch(
                2 * config.channels,
                config.quality_channels,
                self.grid.stride,
                use_lafa=config.quality == 'laqp_lafa',
            )

    @property
    def filter_channels(self) -> int:
        """Channels of the features that a target's filter is learned from; 0: too many for it."""
        channels = int(self.backbone.channels)
        return channels if channels <= FILTER_CHANNELS else 0

    def features(self, pixels: Tensor) -> Tensor:
        """Features (B, C, H/stride, W/stride) of crops (B, 3, H, W), RGB in [0, 255]."""
        return self.neck(self.backbone(pixels))

    def respond(self, search: Tensor, template: Tensor) -> Response:
        """Response maps from the features of both crops, equal in batch."""
        middle = self.config.correlated_cells
        template = template[..., middle, middle]
        cls_tower = self.cls_branch(search, template)
        reg_tower = self.reg_branch(search, template)
        # Distances are exp(s) so that they are positive; the clamp keeps half precision finite
        # (e^7 = 1097 px).
        ltrb = torch.exp(self.reg_head(reg_tower).clamp(max=7.0))
        quality = None
        if self.quality is not None:
            quality = self.quality(torch.cat([cls_tower, reg_tower], 1), ltrb)
        return Response(self.cls_head(cls_tower), ltrb, quality)

    def forward(self, search_pixels: Tensor, template: Tensor) -> Response:
        """Response maps of search crops (B, 3, S, S) for template features (B, C, h, w)."""
        return self.respond(self.features(search_pixels), template)


def fuse(p: Tensor, q: Tensor | None, exponent: float) -> Tensor:
    """Fused confidence `c = p^(1-a) Q^a`; both factors in [0, 1], any shape. Without Q it is
    p.
    """
    return p if q is None else p.pow(1.0 - exponent) * q.pow(exponent)
