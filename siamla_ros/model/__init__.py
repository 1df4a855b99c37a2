"""The network: backbones, correlation, branches, and the factory that builds one from a
configuration.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siamla_ros.model.config import ModelConfig
    from siamla_ros.model.factory import build_model, preset
    from siamla_ros.model.grid import CellGrid
    from siamla_ros.model.siamla import Response, SiamLA, fuse

__all__ = ['CellGrid', 'ModelConfig', 'Response', 'SiamLA', 'build_model', 'fuse', 'preset']

_HOMES = {
    'CellGrid': 'grid',
    'ModelConfig': 'config',
    'Response': 'siamla',
    'SiamLA': 'siamla',
    'build_model': 'factory',
    'fuse': 'siamla',
    'preset': 'factory',
}


def __getattr__(name: str) -> Any:
    """Import public names on first use: a configuration or a grid does not need torch, whose import
    takes longer than all else that a tracker on ONNX Runtime does before its first box.
    """
    if name in _HOMES:
        return getattr(importlib.import_module(f'{__name__}.{_HOMES[name]}'), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
