"""The network: backbones, correlation, branches, and the factory that builds one from a
configuration.
"""

from siamla_ros.model.config import ModelConfig
from siamla_ros.model.factory import build_model, preset
from siamla_ros.model.grid import CellGrid
from siamla_ros.model.siamla import Response, SiamLA, fuse

__all__ = ["CellGrid", "ModelConfig", "Response", "SiamLA", "build_model", "fuse", "preset"]
