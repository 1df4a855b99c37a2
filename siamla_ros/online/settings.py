"""The node's own settings: each number once, with its range, unit and a sentence for the user.

`parameters` turns these fields (and those of the supervisor and of re-detection) into ROS
parameters, YAML and documentation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from siamla_ros.configuration import Configuration, bounded, choice, declared

DEVICE_PATTERN = re.compile(r'auto|cpu|cuda(:\d+)?')


@dataclass(frozen=True)
class NodeSettings(Configuration):
    """Everything about the node that is neither supervision nor re-detection."""

    model: str = declared(
        'default', 'default: the weights that ship; or a path to a checkpoint', live=False
    )
    device: str = declared(
        'auto', 'auto, cpu, cuda or cuda:N; auto: CUDA where it works', live=False
    )
    runtime: str = choice(
        'auto',
        ('auto', 'float', 'torch', 'onnxruntime', 'onnxruntime-int8'),
        'auto: ONNX Runtime on a CPU, in 8 bits if that is faster and agrees',
        live=False,
    )
    threads: int = bounded(
        0, 0, 256, "CPU threads of the network; 0: the library's own choice", live=False
    )
    half: bool = declared(False, 'compute in float16 on CUDA', live=False)
    autostart: bool = declared(
        True, 'configure and activate at start; false: wait for lifecycle transitions', live=False
    )
    image_transport: str = choice(
        'raw', ('raw', 'compressed'), 'compressed: CompressedImage on image/compressed', live=False
    )
    max_targets: int = bounded(8, 1, 64, 'targets followed at once; one more is refused')
    max_rate_hz: float = bounded(
        0.0, 0.0, 1000.0, 'images processed a second at most; 0: as many as come', unit='Hz'
    )
    init_stamp_tolerance_s: float = bounded(
        0.02, 0.0, 1.0, 'distance within which the stamp of an init box names an image', unit='s'
    )
    init_wait_s: float = bounded(
        1.0, 0.0, 60.0, 'how long an init box waits for an image that has not come yet', unit='s'
    )
    catch_up_s: float = bounded(
        0.5, 0.05, 30.0, 'time in which a box of a past image must reach the present', unit='s'
    )
    buffer_frames: int = bounded(120, 1, 10000, 'recent images kept for init boxes of the past')
    buffer_megabytes: float = bounded(
        256.0, 1.0, 65536.0, 'memory that these images may take', unit='MB'
    )
    source_timeout_s: float = bounded(
        2.0, 0.1, 3600.0, 'silence after which the image source counts as dead', unit='s'
    )
    reinit_request_period_s: float = bounded(
        1.0, 0.0, 3600.0, 'pause between repetitions of a reinit_request; 0: once', unit='s'
    )
    publish_predicted: bool = declared(True, 'predicted box in the status of an unconfirmed target')
    debug_max_rate_hz: float = bounded(
        15.0, 0.1, 1000.0, 'debug images a second at most', unit='Hz'
    )
    debug_max_width: int = bounded(
        960, 64, 8192, 'debug images are reduced to this width', unit='px'
    )
    debug_response_map: bool = declared(
        False, 'response maps in a corner of debug images', live=False
    )
    diagnostics_period_s: float = bounded(
        1.0, 0.1, 60.0, 'time between two messages on /diagnostics', live=False, unit='s'
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not DEVICE_PATTERN.fullmatch(self.device):
            raise ValueError(f'device is {self.device!r}, must be auto, cpu, cuda or cuda:N')
        if not self.model:
            raise ValueError("model is '', must be 'default' or a path to a checkpoint")

    @property
    def tracker_options(self) -> dict[str, Any]:
        """Arguments of `load_tracker`."""
        names = ('model', 'device', 'runtime', 'threads', 'half')
        return {
            **{name: getattr(self, name) for name in names},
            'keep_responses': self.debug_response_map,
        }
