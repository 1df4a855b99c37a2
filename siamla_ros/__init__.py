"""siamla_ros: a visual object tracker with calibrated confidence. Importable without
ROS.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# onnxruntime 1.32 looks up a vendor's host and writes a device id under ~/.cache when it is
# imported. A robot must not: this is read before the first import. Set it to 0 to have it.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
# Threads of torch spin while they wait for each other. Beside other work the one that is waited for
# then has no core: an update took seconds (docs/research/runtime_log.md).
os.environ.setdefault('OMP_WAIT_POLICY', 'passive')

__version__ = '0.2.0'
__all__ = ['BoxError', 'TargetState', 'TrackResult', 'Tracker', 'TrackingSession', 'load_tracker']

if TYPE_CHECKING:
    from siamla_ros.geometry.boxes import BoxError
    from siamla_ros.online.session import TrackingSession
    from siamla_ros.tracker.results import TargetState, TrackResult
    from siamla_ros.tracker.tracker import Tracker, load_tracker

_HOMES = {
    'BoxError': 'geometry.boxes',
    'TargetState': 'tracker.results',
    'TrackResult': 'tracker.results',
    'Tracker': 'tracker.tracker',
    'TrackingSession': 'online.session',
    'load_tracker': 'tracker.tracker',
}

# What the extras of setup.py bring.
EXTRAS = {
    'torch': ('torch',),
    'train': ('torch', 'onnx', 'PyYAML', 'scipy', 'tensorboard'),
    'eval': ('scipy', 'matplotlib', 'PyYAML'),
    'export': ('torch', 'onnx'),
    'bags': ('rosbags',),
    'video': ('av',),
    'vot': ('vot-trax',),
    'plot': ('matplotlib',),
}


def install_hint(extra: str) -> str:
    """The line that installs an extra. pip does not know a package that colcon or make built."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        installed = distribution('siamla-ros').read_text('INSTALLER')
    except PackageNotFoundError:
        installed = None
    return (
        f'pip install "siamla-ros[{extra}]"'
        if installed
        else (f'pip install {" ".join(EXTRAS[extra])}')
    )


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that `import siamla_ros` costs nothing."""
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(f'siamla_ros.{_HOMES[name]}'), name)
    raise AttributeError(f"module 'siamla_ros' has no attribute {name!r}")
