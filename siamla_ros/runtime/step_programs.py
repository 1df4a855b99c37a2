"""The programs of a device step: for every bucket one that works on memory that never moves, so
that it can be recorded once and repeated.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import torch

from siamla_ros.runtime import step_layout as layout
from siamla_ros.runtime.cuda_errors import first_line
from siamla_ros.runtime.device_step import DeviceStep
from siamla_ros.runtime.lane import HostLane, Program

SEARCH_CROPS, TEMPLATE_CROPS = 'search crops', 'template crops'
BOXES, SIMILARITY, FEATURES = 'boxes', 'similarity', 'features'


class Key(NamedTuple):
    """Which program: what it does, for how many windows, and pixels of a block (crops)."""

    kind: str
    bucket: int
    taps: int = 0


class StepMemory:
    """Tensors on the device that all programs share.

    Args:
        step: Where it is, they are.
        pixel_bytes: Of the parts of a frame.
    """

    def __init__(self, step: DeviceStep, device: torch.device, pixel_bytes: int) -> None:
        config, rows = step.config, layout.MAX_ROWS
        self.block = torch.zeros(
            layout.PIXEL_OFFSET + pixel_bytes, dtype=torch.uint8, device=device
        )
        self.pixels = self.block.narrow(0, layout.PIXEL_OFFSET, pixel_bytes).view(-1, 3)
        floats = self.block.narrow(0, 0, layout.PIXEL_OFFSET).view(torch.float32)
        # Ones make a valid row, for programs run before the first frame.
        floats.fill_(1.0)
        self.settings = floats.narrow(0, 0, layout.SETTINGS_FLOATS)
        self.rows = floats.narrow(0, layout.SETTINGS_FLOATS, rows * layout.ROW_FLOATS).view(
            rows, layout.ROW_FLOATS
        )
        cells = config.grid.cells(config.template_size_px)

        def images(size: int) -> torch.Tensor:
            return torch.zeros((rows, 3, size, size), dtype=step.dtype, device=device).contiguous(
                memory_format=torch.channels_last
            )

        self.search_crops = images(config.search_size_px)
        self.template_crops = images(config.template_size_px)
        shape = (rows, config.channels, cells, cells)
        self.templates = torch.zeros(shape, dtype=step.dtype, device=device)
        self.features = torch.zeros((1, *shape[1:]), dtype=torch.float32, device=device)
        self.results = torch.zeros(
            (rows, layout.result_floats(step.backbone_shape)), dtype=torch.float32, device=device
        )


class StepPrograms:
    """Programs by key.

    Attributes:
        captured: Whether they are repeated from a recording.
        reason: Why not, or what recording took, for diagnostics.
    """

    def __init__(self, step: DeviceStep, lane: HostLane, memory: StepMemory) -> None:
        self._step, self._lane, self.memory = step, lane, memory
        self._ready: dict[Key, Program] = {}
        self.captured, self.reason = False, 'eager'

    def warm_up(self) -> None:
        """Run, and where the lane can, record every program; if recording fails, all run eagerly
        and `reason` says why.
        """
        if not self._lane.captures:
            return
        began_s = time.perf_counter()
        try:
            for key in all_keys():
                self._ready[key] = self._lane.capture(lambda key=key: self._compute(key))
        except Exception as error:  # noqa: BLE001 - whatever a driver raises: eager works without
            self._ready.clear()
            self._lane.drop_captures()
            self.reason = f'eager: CUDA graphs failed: {first_line(error)}'
            return
        self.captured = True
        spent_s = time.perf_counter() - began_s
        self.reason = f'{len(self._ready)} CUDA graphs, recorded in {spent_s:.1f} s'

    def run(self, key: Key) -> None:
        """Compute; inputs and outputs are in `memory`."""
        program = self._ready.get(key)
        if program is None:
            self._compute(key)
        else:
            program()

    def _compute(self, key: Key) -> None:
        step, memory, count = self._step, self.memory, key.bucket
        rows = memory.rows[:count]
        if key.kind == SEARCH_CROPS:
            memory.search_crops[:count].copy_(step.search_crops(memory.pixels, rows, key.taps))
        elif key.kind == TEMPLATE_CROPS:
            memory.template_crops[:count].copy_(step.template_crops(memory.pixels, rows, key.taps))
        elif key.kind == BOXES:
            crops, templates = memory.search_crops[:count], memory.templates[:count]
            memory.results[:count].copy_(step.answers(crops, rows, memory.settings, templates))
        elif key.kind == SIMILARITY:
            crops, templates = memory.template_crops[:count], memory.templates[:count]
            memory.results[:count, 0].copy_(step.similarity(crops, templates))
        else:
            memory.features.copy_(step.features(memory.template_crops[:1]))


def all_keys() -> Iterator[Key]:
    """Every program that a frame can need; the largest ones first, whose memory the rest reuses."""
    for bucket in reversed(layout.BUCKETS):
        for taps in layout.TAPS:
            if bucket * taps <= layout.MAX_SAMPLES:
                yield Key(SEARCH_CROPS, bucket, taps)
                yield Key(TEMPLATE_CROPS, bucket, taps)
        yield Key(BOXES, bucket)
        yield Key(SIMILARITY, bucket)
    yield Key(FEATURES, 1)
