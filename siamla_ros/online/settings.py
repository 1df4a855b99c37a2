"""The node's own settings: each number once, with its range, unit and a sentence for the user.

`parameters` turns these fields (and those of the supervisor and of re-detection) into ROS
parameters, YAML and documentation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from siamla_ros.configuration import check_fields

DEVICE_PATTERN = re.compile(r'auto|cpu|cuda(:\d+)?')


def setting(
    default: Any,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    live: bool = True,
    unit: str = '',
) -> Any:
    """A dataclass field that becomes a parameter; `live`: may change while the node is
    configured.
    """
    metadata: dict[str, Any] = {'description': description, 'live': live, 'unit': unit}
    if minimum is not None:
        metadata.update(minimum=minimum, maximum=maximum)
    if choices:
        metadata['choices'] = choices
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class NodeSettings:
    """Everything about the node that is neither supervision nor re-detection."""

    model: str = setting(
        'default',
        '"default" (the weights that ship with the package) or a path to a checkpoint',
        live=False,
    )
    device: str = setting(
        'auto',
        'where the network runs: auto, cpu, cuda or cuda:N; auto takes CUDA where it works',
        live=False,
    )
    runtime: str = setting(
        'auto',
        'what runs the network: auto takes ONNX Runtime on a CPU where it can',
        choices=('auto', 'torch', 'onnxruntime', 'onnxruntime-int8'),
        live=False,
    )
    threads: int = setting(
        0,
        "CPU threads of the network; 0: the library's own choice",
        minimum=0,
        maximum=256,
        live=False,
    )
    half: bool = setting(False, 'compute in float16 on CUDA', live=False)
    autostart: bool = setting(
        True, 'configure and activate at start; false: wait for lifecycle transitions', live=False
    )
    image_transport: str = setting(
        'raw',
        'raw: Image on "image"; compressed: CompressedImage on "image/compressed"',
        choices=('raw', 'compressed'),
        live=False,
    )
    max_targets: int = setting(
        8, 'targets followed at once; one more is refused', minimum=1, maximum=64
    )
    max_rate_hz: float = setting(
        0.0,
        'images processed a second at most, the others are dropped; 0: as many as come',
        minimum=0.0,
        maximum=1000.0,
        unit='Hz',
    )
    init_stamp_tolerance_s: float = setting(
        0.02,
        'distance within which an image counts as the one that an init box names',
        minimum=0.0,
        maximum=1.0,
        unit='s',
    )
    init_wait_s: float = setting(
        1.0,
        'how long an init box may wait for its image, when it comes before the image does',
        minimum=0.0,
        maximum=60.0,
        unit='s',
    )
    catch_up_s: float = setting(
        0.5,
        'time in which a box of a past image must reach the present; skips images if needed',
        minimum=0.05,
        maximum=30.0,
        unit='s',
    )
    buffer_frames: int = setting(
        120, 'recent images kept for init boxes of the past', minimum=1, maximum=10000
    )
    buffer_megabytes: float = setting(
        256.0, 'memory that these images may take', minimum=1.0, maximum=65536.0, unit='MB'
    )
    source_timeout_s: float = setting(
        2.0,
        'silence after which the image source counts as dead in diagnostics',
        minimum=0.1,
        maximum=3600.0,
        unit='s',
    )
    reinit_request_period_s: float = setting(
        1.0,
        'pause between repetitions of an unanswered reinit_request; 0: once',
        minimum=0.0,
        maximum=3600.0,
        unit='s',
    )
    publish_predicted: bool = setting(
        True, 'put a predicted box into the status while the target is not confirmed'
    )
    debug_max_rate_hz: float = setting(
        15.0,
        'debug images a second at most, drawn only while it is subscribed',
        minimum=0.1,
        maximum=1000.0,
        unit='Hz',
    )
    debug_max_width: int = setting(
        960, 'debug images are reduced to this width', minimum=64, maximum=8192, unit='px'
    )
    diagnostics_period_s: float = setting(
        1.0,
        'time between two messages on /diagnostics',
        minimum=0.1,
        maximum=60.0,
        unit='s',
        live=False,
    )

    def __post_init__(self) -> None:
        check_fields(self)
        if not DEVICE_PATTERN.fullmatch(self.device):
            raise ValueError(f'device is {self.device!r}, must be auto, cpu, cuda or cuda:N')
        if not self.model:
            raise ValueError("model is '', must be 'default' or a path to a checkpoint")
