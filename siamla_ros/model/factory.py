"""One place that turns a configuration into a network."""

from __future__ import annotations

from torch import nn

from siamla_ros.model.config import ModelConfig
from siamla_ros.model.fbnet import FBNetBackbone
from siamla_ros.model.siamla import SiamLA


def build_backbone(name: str) -> nn.Module:
    """A backbone with random weights; it has ``channels`` and ``stride``."""
    return {"fbnet": FBNetBackbone}[name]()


def build_model(config: ModelConfig) -> SiamLA:
    """A network with random weights, in evaluation mode."""
    return SiamLA(config, build_backbone(config.backbone)).eval()
