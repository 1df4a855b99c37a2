"""One place that turns a configuration, or the name of one, into a network."""

from __future__ import annotations

from torch import nn

from siamla_ros.model.backbones.efficientnet_lite import EfficientNetLite0
from siamla_ros.model.backbones.fbnet import FBNetBackbone
from siamla_ros.model.backbones.resnet import AtrousResNet50
from siamla_ros.model.config import ModelConfig
from siamla_ros.model.siamla import SiamLA

PRESETS = {
    'light': ModelConfig(search_size_px=192, search_context=3.75),
    'lite0': ModelConfig(backbone='efficientnet_lite0', channels=192),
    # Square crops: the template takes twice the target's size, the search region as many pixels of
    # it per crop pixel.
    'paper': ModelConfig(
        backbone='resnet50',
        correlation='depthwise',
        template_size_px=127,
        template_context=2.0,
        template_cells=7,
        search_size_px=255,
        search_context=2.0 * 255 / 127,
        isotropic=1.0,
    ),
}
"""Named configurations: the default one, its ImageNet alternative, and one of the paper's size."""


def preset(name: str) -> ModelConfig:
    """A named configuration.

    Raises:
        ValueError: No such name.
    """
    if name not in PRESETS:
        raise ValueError(f'preset = {name!r}: must be one of {", ".join(PRESETS)}')
    return PRESETS[name]


def build_backbone(name: str) -> nn.Module:
    """A backbone with random weights; it has `channels`, and `blocks` from shallow to deep."""
    builders = {
        'fbnet': FBNetBackbone,
        'efficientnet_lite0': EfficientNetLite0,
        'resnet50': AtrousResNet50,
        'resnet50_conv4': lambda: AtrousResNet50(levels=(2, 3)),
    }
    return builders[name]()


def build_model(config: ModelConfig) -> SiamLA:
    """A network with random weights, in evaluation mode."""
    return SiamLA(config, build_backbone(config.backbone)).eval()
