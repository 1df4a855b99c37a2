"""The end of a run: from a trainer's averaged weights to a described checkpoint, validated on
held-out objects.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from siamla_ros.datasets.training_pack import Record
from siamla_ros.model import SiamLA
from siamla_ros.model.checkpoint import Checkpoint, save_checkpoint
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.runtime.torch_runtime import TorchRuntime
from siamla_ros.tracker.tracker import Tracker
from siamla_ros.training.config import TrainConfig
from siamla_ros.training.validate import Report, validate


def wise_ft(
    initial: SiamLA,
    trained: SiamLA,
    share: float,
    box_share: float | None = None,
    quality_share: float = 1.0,
) -> SiamLA:
    """Weights ``share`` of the way from ``initial`` to ``trained``, where both started alike.

    Fine-tuning on little data forgets what the initial weights had learnt from much; a point
    between both keeps most of either (WiSE-FT, Wortsman et al., CVPR 2022).

    Args:
        box_share: The same for the regression branch; None: ``share``.
        quality_share: The same for the quality branch; 1, as trained, where it is new.
    """
    result = copy.deepcopy(trained)
    start = initial.state_dict()
    shares = {'reg_': share if box_share is None else box_share, 'quality.': quality_share}
    with torch.no_grad():
        for name, value in result.state_dict().items():
            part = next((s for head, s in shares.items() if name.startswith(head)), share)
            if part != 1.0 and value.is_floating_point():
                value.copy_(torch.lerp(start[name].to(value), value, part))
    return result


def scale_boxes(model: SiamLA, width: float, height: float) -> SiamLA:
    """A copy whose predicted boxes are wider and higher by constant factors.

    Distances are ``exp(s)``, so that a factor is one addition to the last bias. It takes off a
    constant error of the size, measured on held-out video, that training left.

    Args:
        model: The network; left as it is.
        width: Factor of the distances to the left and right side.
        height: Factor of those to the upper and lower side.

    Raises:
        ValueError: A factor is not above 0.
    """
    if width <= 0 or height <= 0:
        raise ValueError(f'box scale = {width:g}, {height:g}: both must be above 0')
    result = copy.deepcopy(model)
    sides = torch.tensor([width, height, width, height]).log()  # left, top, right, bottom
    bias = result.reg_head.pointwise.bias
    with torch.no_grad():
        bias.add_(sides.to(bias))
    return result


def decode_for(config: TrainConfig) -> DecodeConfig:
    """Decoding defaults for a network of this configuration: without a third branch the score is
    p.
    """
    if config.model.quality == 'none':
        return DecodeConfig(fusion_exponent=0.0)
    return DecodeConfig(fusion_exponent=config.model.fusion_exponent)


def validation_report(
    model: SiamLA, config: TrainConfig, tracks: Sequence[Sequence[Record]], probes: int = 1
) -> Report:
    """Held-out objects, one tracking step at a time, with these weights."""
    model = copy.deepcopy(model).eval()
    device = next(model.parameters()).device
    runtime = TorchRuntime(model, str(device), graphs=False)
    return validate(Tracker(runtime, config.model, decode_for(config)), tracks, probes)


def write_checkpoint(path: Path, model: SiamLA, config: TrainConfig, **facts: Any) -> Checkpoint:
    """Save weights with their recipe: the whole training configuration and what the caller knows
    of the run.
    """
    provenance = {'recipe': config.to_dict(), **{k: _defined(v) for k, v in facts.items()}}
    return save_checkpoint(path, model, decode_for(config), provenance)


def _defined(value: Any) -> Any:
    """A fact with None for figures that are not defined: a header holds finite numbers."""
    if isinstance(value, dict):
        return {name: _defined(part) for name, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
