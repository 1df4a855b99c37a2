"""Atrous ResNet-50 of stride 8 with features of several depths (SiamRPN++, Li et al., CVPR 2019).

Names and shapes of the weights are those of torchvision's `resnet50`, so that its state dict
loads as it is. Unlike there, what halves is not padded: cells lie symmetrically about the center of
an odd crop (127 px: 15 cells, 255 px: 31), and the last stages dilate instead of halving.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

IMAGE_MEAN_RGB = (0.485, 0.456, 0.406)
IMAGE_STD_RGB = (0.229, 0.224, 0.225)
EXPANSION = 4
DEPTHS = (3, 4, 6, 3)
LEVEL_CHANNELS = 256


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions round a shortcut."""

    def __init__(self, channels: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        out = width * EXPANSION
        # An unpadded 3x3 of stride 2 starts at pixel 1, and so must the shortcut.
        self.crop = stride > 1
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        padding = 0 if self.crop else dilation
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = None
        if stride > 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        if self.crop:
            x = x[..., 1:-1, 1:-1]
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class AtrousResNet50(nn.Module):
    """Pixels (B, 3, H, W), RGB in [0, 255], to features (B, 256 * levels, rows, columns), stride 8.

    Args:
        levels: Stages whose features are reduced to 256 channels each and concatenated, of 2, 3 and
            4 (conv3, conv4, conv5); stages beyond the last are not built.
    """

    def __init__(self, levels: Sequence[int] = (2, 3, 4)) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.channels = LEVEL_CHANNELS * len(self.levels)
        mean, std = torch.tensor(IMAGE_MEAN_RGB), torch.tensor(IMAGE_STD_RGB)
        self.register_buffer('mean', mean.view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer('scale', 1 / (std.view(1, 3, 1, 1) * 255), persistent=False)
        self.conv1 = nn.Conv2d(3, 64, 7, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(64, 64, DEPTHS[0])
        self.layer2 = _stage(256, 128, DEPTHS[1], stride=2)
        self.layer3 = _stage(512, 256, DEPTHS[2], dilation=2)
        if 4 in self.levels:
            self.layer4 = _stage(1024, 512, DEPTHS[3], dilation=4)
        self.reduce = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(128 * 2**level, LEVEL_CHANNELS, 1, bias=False),
                nn.BatchNorm2d(LEVEL_CHANNELS),
            )
            for level in self.levels
        )
        _initialize(self)

    @property
    def blocks(self) -> list[nn.Module]:
        """Residual blocks from shallow to deep, then the reduction: what training may unfreeze."""
        stages = [getattr(self, f'layer{i}') for i in range(1, max(self.levels) + 1)]
        return [block for stage in stages for block in stage] + [self.reduce]

    def train(self, mode: bool = True) -> AtrousResNet50:
        """BatchNorm of frozen layers keeps its statistics also in training."""
        super().train(mode)
        for module in self.modules():
            if (
                isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm))
                and not module.weight.requires_grad
            ):
                module.eval()
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        x = (pixels - self.mean) * self.scale
        x = self.layer1(self.maxpool(torch.relu(self.bn1(self.conv1(x)))))
        features = []
        for level in range(2, max(self.levels) + 1):
            x = getattr(self, f'layer{level}')(x)
            if level in self.levels:
                features.append(self.reduce[len(features)](x))
        return torch.cat(features, 1)


def _stage(
    channels: int, width: int, depth: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """`depth` bottlenecks; the first, where the published network halves, dilates half as far."""
    blocks = [Bottleneck(channels, width, stride, max(dilation // 2, 1))]
    blocks += [Bottleneck(width * EXPANSION, width, 1, dilation) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


def _initialize(backbone: nn.Module) -> None:
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
        elif isinstance(module, Bottleneck):
            nn.init.zeros_(module.bn3.weight)  # each block starts as its shortcut


def load_torchvision(backbone: AtrousResNet50, path: str | Path) -> None:
    """Copy a state dict of torchvision's `resnet50` (`torch.save` format) into `backbone`.

    The classifier, and stages that the backbone lacks, are left out; the reductions keep their
    random weights.

    Raises:
        ValueError: The file lacks a tensor, or has it in another shape.
    """
    tensors = torch.load(path, map_location='cpu', weights_only=True)
    own = {k: v for k, v in backbone.state_dict().items() if not k.startswith('reduce.')}
    missing = sorted(set(own) - set(tensors))
    if missing:
        raise ValueError(f'{path}: not weights of ResNet-50: {missing[0]} missing')
    for name, value in own.items():
        if tensors[name].shape != value.shape:
            raise ValueError(
                f'{path}: {name} has shape {tuple(tensors[name].shape)}, '
                f'expected {tuple(value.shape)}'
            )
    backbone.load_state_dict({name: tensors[name] for name in own}, strict=False)
