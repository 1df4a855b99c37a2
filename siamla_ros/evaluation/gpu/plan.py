"""What `siamla bench --gpu-check` measures with: a drawn scene, runtimes by name, and how much of
everything. Needs torch, NumPy, OpenCV and safetensors, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from siamla_ros.geometry.boxes import Box
from siamla_ros.model.checkpoint import load_model, read_checkpoint
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.tracker.results import TargetState
from siamla_ros.tracker.tracker import Tracker

SIDE = 48  # of a target, pixels


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        device: `cuda:N`, or `cpu` for a dry run.
        frames: Of each measurement.
        updates: Of the soak.
        soak_s: After which it ends all the same.
        sizes: Width and height of frames.
        counts: Numbers of targets.
        models: `light` (the shipped weights) and names of presets, with random weights.
    """

    device: str
    frames: int = 100
    updates: int = 100_000
    soak_s: float = 120.0
    sizes: tuple[tuple[int, int], ...] = ((640, 480), (1280, 720), (1920, 1080))
    counts: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    models: tuple[str, ...] = ('light', 'paper')

    @property
    def on_cuda(self) -> bool:
        """Whether there is a GPU in this run."""
        return self.device.startswith('cuda')


def brief(device: str) -> Plan:
    """A plan for tests: everything once."""
    return Plan(device, 2, 10, 300.0, ((320, 240),), (1, 2), ('light',))


def scene(size_wh: tuple[int, int], count: int, frames: int) -> tuple[list[np.ndarray], list[Box]]:
    """Frames of textured squares that move to the right over another texture, and the boxes on the
    first one.
    """
    rng = np.random.default_rng(0)
    width, height = size_wh
    ground = rng.integers(40, 200, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    ground = ground.repeat(8, 0).repeat(8, 1)[:height, :width]
    textures = rng.integers(0, 255, (count, 6, 6, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    columns = max((width - SIDE) // (2 * SIDE), 1)
    corners = [
        (2 * SIDE * (i % columns), (2 * SIDE * (i // columns)) % (height - SIDE))
        for i in range(count)
    ]
    images = []
    for number in range(frames + 1):
        image = ground.copy()
        for (x, y), texture in zip(corners, textures):
            left = x + number % SIDE
            image[y : y + SIDE, left : left + SIDE] = texture[:, : width - left]
        images.append(image)
    return images, [(float(x), float(y), float(SIDE), float(SIDE)) for x, y in corners]


def network(name: str) -> tuple[Any, DecodeConfig]:
    """A model on the CPU, and how its maps are decoded."""
    if name == 'light':
        checkpoint = read_checkpoint('default')
        return load_model(checkpoint), checkpoint.decode
    import torch

    from siamla_ros.model.factory import build_model, preset

    torch.manual_seed(0)
    return build_model(preset(name)), DecodeConfig()


def tracker_on(model: Any, decode: DecodeConfig, device: str, kind: str) -> Tracker:
    """A tracker on torch.

    Args:
        kind: `float32` or `float16`, and `graphs` or `eager`; on the CPU the same program runs with
            crops of its own.
    """
    from siamla_ros.runtime.lane import HostLane
    from siamla_ros.runtime.torch_runtime import TorchRuntime

    class OwnCrops(HostLane):
        cuts_on_host = False

    if device == 'cpu':
        runtime = TorchRuntime(model, 'cpu', make_lane=OwnCrops)
    else:
        runtime = TorchRuntime(model, device, 'float16' in kind, 'graphs' in kind)
    return Tracker(runtime, model.config, decode, kind)


def kinds(device: str) -> list[str]:
    """The kinds of trackers that a device has."""
    if device == 'cpu':
        return ['float32 eager']
    return ['float32 graphs', 'float32 eager', 'float16 graphs', 'float16 eager']


def started(tracker: Tracker, image: np.ndarray, boxes: list[Box]) -> list[TargetState]:
    """States of targets on the first image."""
    return [tracker.init(image, box) for box in boxes]


def begun(
    plan: Plan, targets: int, frames: int, kind: str = ''
) -> tuple[Tracker, list[np.ndarray], list[TargetState]]:
    """The shipped network on the plan's device, frames of a scene, and targets started on it."""
    tracker = tracker_on(*network('light'), plan.device, kind or kinds(plan.device)[0])
    images, boxes = scene(plan.sizes[0], targets, frames)
    return tracker, images, started(tracker, images[0], boxes)


def repeated(images: list[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """So many images, over and over."""
    for number in range(count):
        yield images[number % len(images)]
