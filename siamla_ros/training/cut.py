"""Where a network is divided: what lies before the cut stays and is computed once a pair, what
follows trains.
"""

from __future__ import annotations

from torch import Tensor

from siamla_ros.model import SiamLA
from siamla_ros.training.config import TrainConfig


def blocks_behind(config: TrainConfig) -> int:
    """Blocks of the backbone that train; 0: neither backbone nor neck do."""
    return config.schedule.backbone_blocks if config.schedule.lr_backbone > 0 else 0


def before(model: SiamLA, pixels: Tensor, blocks: int) -> Tensor:
    """From crops (B, 3, H, W) to what the last ``blocks`` blocks take; 0: what the heads take."""
    return model.backbone.shallow(pixels, blocks) if blocks else model.features(pixels)


def behind(model: SiamLA, x: Tensor, blocks: int) -> Tensor:
    """From there to what the heads take."""
    return model.neck(model.backbone.deep(x, blocks)) if blocks else x


def weights_before(model: SiamLA, blocks: int) -> list[Tensor]:
    """Weights that :func:`before` depends on."""
    if not blocks:
        return [*model.backbone.state_dict().values(), *model.neck.state_dict().values()]
    first = len(model.backbone.blocks) - blocks
    trained = tuple(f'blocks.{first + i}.' for i in range(blocks))
    weights = model.backbone.state_dict()
    return [value for name, value in weights.items() if not name.startswith(trained)]
