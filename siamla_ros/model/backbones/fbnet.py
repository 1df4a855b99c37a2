"""FBNet-style inverted residual backbone of stride 16, with BatchNorm already folded into the
convolutions.

The topology is that of the FEAR-XS feature extractor (Borsuk et al., FEAR: Fast, Efficient,
Accurate and Robust Visual Tracker, ECCV 2022), so that its published weights (MIT) load exactly:
see
`training/initialize.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Block:
    """One inverted residual: `expand` 1x1 (absent where equal to the input), depth-wise
    `kernel`, linear 1x1.
    """

    expand: int
    out: int
    kernel: int
    stride: int


STEM_CHANNELS = 16
BLOCKS = (
    Block(16, 16, 3, 1),
    Block(96, 24, 3, 2),
    Block(24, 24, 3, 1),
    Block(24, 24, 3, 1),
    Block(144, 32, 5, 2),
    Block(96, 32, 5, 1),
    Block(192, 32, 5, 1),
    Block(192, 32, 3, 1),
    Block(192, 64, 5, 2),
    Block(192, 64, 5, 1),
    Block(384, 64, 5, 1),
    Block(384, 64, 5, 1),
    Block(384, 112, 5, 1),
    Block(672, 112, 5, 1),
    Block(672, 112, 5, 1),
    Block(336, 112, 5, 1),
)
IMAGE_MEAN_RGB = (0.485, 0.456, 0.406)
IMAGE_STD_RGB = (0.229, 0.224, 0.225)


class InvertedResidual(nn.Module):
    """Expand, filter depth-wise, project; added to the input where shapes agree."""

    def __init__(self, channels: int, block: Block) -> None:
        super().__init__()
        self.residual = block.stride == 1 and channels == block.out
        self.expand = nn.Conv2d(channels, block.expand, 1) if block.expand != channels else None
        self.depthwise = nn.Conv2d(
            block.expand,
            block.expand,
            block.kernel,
            block.stride,
            block.kernel // 2,
            groups=block.expand,
        )
        self.project = nn.Conv2d(block.expand, block.out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else torch.relu(self.expand(x))
        y = self.project(torch.relu(self.depthwise(y)))
        return x + y if self.residual else y


class FBNetBackbone(nn.Module):
    """Pixels (B, 3, H, W), RGB in [0, 255], to features (B, 112, H/16, W/16)."""

    channels = BLOCKS[-1].out

    def __init__(self) -> None:
        super().__init__()
        # Persistent: the published network rounds its scale to half precision, and we load it as
        # it is.
        self.register_buffer('mean', torch.tensor(IMAGE_MEAN_RGB).view(1, 3, 1, 1) * 255)
        self.register_buffer('scale', 1 / (torch.tensor(IMAGE_STD_RGB).view(1, 3, 1, 1) * 255))
        self.stem = nn.Conv2d(3, STEM_CHANNELS, 3, 2, 1)
        layers, channels = [], STEM_CHANNELS
        for block in BLOCKS:
            layers.append(InvertedResidual(channels, block))
            channels = block.out
        self.blocks = nn.Sequential(*layers)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.after_stem(self.stem((pixels - self.mean) * self.scale))

    def after_stem(self, x: Tensor) -> Tensor:
        """The rest of the network, from the stem's convolution on."""
        return self.blocks(torch.relu(x))

    def shallow(self, pixels: Tensor, deep: int) -> Tensor:
        """What the last `deep` blocks take."""
        x = torch.relu(self.stem((pixels - self.mean) * self.scale))
        return self.blocks[: len(self.blocks) - deep](x)

    def deep(self, x: Tensor, deep: int) -> Tensor:
        """The last `deep` blocks, after `shallow`."""
        return self.blocks[len(self.blocks) - deep :](x)
