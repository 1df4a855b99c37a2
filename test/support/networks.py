"""Small untrained networks and images for the tests of tracker, runtimes and training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from siamla_ros.model import ModelConfig, SiamLA, build_model
from siamla_ros.model.checkpoint import Checkpoint, save_checkpoint
from siamla_ros.model.decode_config import DecodeConfig

TINY = {
    'channels': 16,
    'tower_depth': 1,
    'quality_channels': 4,
    'template_size_px': 64,
    'search_size_px': 96,
    'search_context': 3.0,
}


def tiny_config(**changes) -> ModelConfig:
    """The default network, narrow and with small crops."""
    return ModelConfig(**{**TINY, **changes})


def tiny_model(seed: int = 0, **changes) -> SiamLA:
    """A network with seeded random weights whose maps depend on what it is shown."""
    torch.manual_seed(seed)
    model = build_model(tiny_config(**changes))
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(layer.weight)
                if layer.bias is not None:
                    layer.bias.zero_()
        size = model.config.template_size_px
        model.neck.weight.div_(model.features(torch.rand(1, 3, size, size) * 255).std())
        model.reg_head.pointwise.weight.mul_(0.05)
        model.reg_head.pointwise.bias.fill_(2.5)
        model.cls_head.pointwise.weight.mul_(0.3)
    return model


def tiny_checkpoint(folder: Path, seed: int = 0, **changes) -> Checkpoint:
    """The tiny network as a file."""
    path = folder / 'tiny.safetensors'
    return save_checkpoint(path, tiny_model(seed, **changes), DecodeConfig(), {'note': 'untrained'})


def textured_image(height: int = 180, width: int = 240, seed: int = 0) -> np.ndarray:
    """Smooth colored noise, (height, width, 3) uint8."""
    noise = np.random.default_rng(seed).normal(128, 400, (height, width, 3))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 5), 0, 255).astype(np.uint8)
