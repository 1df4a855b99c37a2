"""The limits of the numbers of a training configuration, checked where one is made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

Limits = Mapping[str, tuple[float, float]]
SHARE, COUNT, WEIGHT, RATE = (0.0, 1.0), (1, math.inf), (0.0, 1e6), (0.0, 1.0)
MOST_SEED = 2**31 - 1


def _of(limits: tuple[float, float], *names: str) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(names, limits)


DATA: Limits = {
    **_of(SHARE, 'other', 'erased', 'similar', 'synthetic', 'far', 'occlude', 'distractor'),
    **_of(SHARE, 'deform', 'box_jitter', 'border_photo', 'video', 'tracked', 'elsewhere'),
    **_of(SHARE, 'careless', 'tiny', 'inverted'),
    **_of((0.0, 2.0), 'scale_error', 'aspect_error'),
    'max_gap': (0, math.inf),
    'degrade': (0.0, 10.0),
}
LOSS: Limits = {
    **_of(SHARE, 'smoothing', 'label_warmup'),
    **_of(WEIGHT, 'regression_weight', 'quality_weight', 'keep_boxes'),
}
SCHEDULE: Limits = {
    **_of(COUNT, 'pairs', 'batch', 'accumulate', 'checkpoint_every', 'validate_every'),
    **_of(RATE, 'lr_heads', 'lr_init', 'lr_backbone', 'weight_decay', 'l2_sp'),
    **_of(SHARE, 'backbone_from', 'warmup', 'ema', 'wise_ft_alpha', 'template_swap'),
    'backbone_blocks': (1, 16),
    'clip_norm': (1e-6, 1e6),
    'cached_pairs': (0, math.inf),
}
RUN: Limits = {'seed': (0, MOST_SEED)}


def check_limits(config: Any, limits: Limits, where: str = '') -> None:
    """Raises ValueError, with field, value and limit, for a number that lies beyond its limits."""
    for name, (low, high) in limits.items():
        value = getattr(config, name)
        if not low <= value <= high:
            limit = f'be >= {low:g}' if high == math.inf else f'lie in [{low:g}, {_text(high)}]'
            raise ValueError(f'{where}{name} = {_text(value)}: must {limit}')


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f'{value:g}'


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raises ValueError, with all choices, for another value."""
    if value not in choices:
        raise ValueError(f'{name} = {value!r}: must be one of {", ".join(choices)}')


def check_weights(sampling: Mapping[Any, Any]) -> None:
    """Raises ValueError for a weight of a data set that is no number from 0 on."""
    for name, weight in sampling.items():
        known = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not isinstance(name, str) or not known or not 0.0 <= weight < math.inf:
            raise ValueError(f'data.sampling: {name!r}: {weight!r}: must be a name: number >= 0')
