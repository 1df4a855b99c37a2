"""What goes up to a device for one frame, as bytes: settings, one row for each window, and the part
of the frame that the windows see.

Everything a step needs is in this one block, so that one copy brings it to the device and a
captured CUDA graph finds it at the same address on every frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.crops import ImageArray, Window, block_span
from siamla_ros.model.decode_config import DecodeConfig

BUCKETS = (1, 2, 4, 8, 16, 32)
"""Batch sizes that a program exists for; a batch is filled up to the next one."""
TAPS = (1, 2, 4, 8)
"""Samples of a crop pixel along one axis: what a window needs that exceeds its crop."""
MAX_ROWS = BUCKETS[-1]
MAX_SAMPLES = 64  # windows times taps in one program, which bounds its memory

# Columns of a row, x before y. A window larger than twice its crop is averaged over blocks of
# `SHARES` pixels first: START and STEP, the corner of the window and what lies between two crop
# pixels, count in blocks, and so does COUNT, the blocks there are in the frame. FIRST is the first
# pixel and the width of the window's part of the frame. LAST is the target's last size in pixels.
START, STEP, SHARES = slice(0, 2), slice(2, 4), slice(4, 6)
BORDER, LAST, FIRST, COUNT = slice(6, 9), slice(9, 11), slice(11, 13), slice(13, 15)
SETTINGS_FLOATS = ROW_FLOATS = 16
PIXEL_OFFSET = 4 * (SETTINGS_FLOATS + MAX_ROWS * ROW_FLOATS)
"""Byte at which the pixels begin."""

RESULT_FIELDS = (
    'cx',
    'cy',
    'w',
    'h',
    'confidence',
    'classification',
    'localization',
    'second_peak',
    'fused_confidence',
    'second_cx',
    'second_cy',
    'second_w',
    'second_h',
)
"""First columns of a step's result; centers are counted from the center of the window, in pixels.
Behind them lie the features of the backbone, where a filter can be learned from them.
"""


def result_floats(backbone_shape: tuple[int, int, int]) -> int:
    """Columns of a step's result with backbone features (D, H, W); D is 0 where none come."""
    return len(RESULT_FIELDS) + math.prod(backbone_shape)


class Batch(NamedTuple):
    """Windows of one program run.

    Args:
        windows: At most `MAX_ROWS`.
        borders_bgr: One color for each.
        last_sizes: Width and height of each target's last box, pixels.
    """

    windows: Sequence[Window]
    borders_bgr: Sequence[Sequence[float]]
    last_sizes: Sequence[tuple[float, float]]

    @property
    def bucket(self) -> int:
        """Size of the program that takes them."""
        return next(size for size in BUCKETS if size >= len(self.windows))

    def taps(self, size_px: int) -> int:
        """Samples along an axis that the largest window needs."""
        most = max(max(shrink(w, size_px)) for w in self.windows)
        return next((taps for taps in TAPS if taps >= most), TAPS[-1])

    def split(self, size_px: int) -> list[slice]:
        """Parts that fit a program each, in order; nearly always one."""
        most = min(MAX_ROWS, MAX_SAMPLES // self.taps(size_px))
        return [slice(i, i + most) for i in range(0, len(self.windows), most)]

    def part(self, which: slice) -> Batch:
        """Some of the windows."""
        return Batch(*(values[which] for values in self))


def shrink(window: Window, size_px: int) -> tuple[int, int]:
    """Pixels of a block along x and y: image pixels in a crop pixel, rounded down."""
    return (
        min(max(int(window.width / size_px), 1), TAPS[-1]),
        min(max(int(window.height / size_px), 1), TAPS[-1]),
    )


def settings_row(config: DecodeConfig) -> NDArray[np.float32]:
    """The first floats of a block: they travel with each frame, so that a changed value needs no
    new graph.
    """
    values = (
        config.fusion_exponent,
        config.penalty_k,
        config.window_influence,
        config.size_lr,
        config.vote_iou,
        config.agreement_exponent,
        config.calibration_scale,
        config.calibration_bias,
    )
    return np.array(values, np.float32)


class Part(NamedTuple):
    """A part of a frame, in pixels, half-open."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def pixels(self) -> int:
        """How many there are."""
        return (self.right - self.left) * (self.bottom - self.top)


def seen_part(window: Window, size_px: int, shape: tuple[int, ...]) -> Part:
    """The part of a frame (H, W, ...) that a window reads; at least one pixel."""
    spans = []
    for center, extent, limit, block in zip(
        (window.cx, window.cy),
        (window.width, window.height),
        (shape[1], shape[0]),
        shrink(window, size_px),
    ):
        low, high = block_span(center, extent, limit, block)
        low = min(low, limit - 1)
        spans.append((low, max(high, low + 1)))
    (left, right), (top, bottom) = spans
    return Part(left, top, right, bottom)


def seen_parts(windows: Sequence[Window], size_px: int, shape: tuple[int, ...]) -> list[Part]:
    """The parts that go up, one for each window: the same one for all unless they lie so far apart
    that single ones have fewer pixels.
    """
    apart = [seen_part(window, size_px, shape) for window in windows]
    left, top, right, bottom = zip(*apart)
    together = Part(min(left), min(top), max(right), max(bottom))
    if sum(part.pixels for part in apart) < together.pixels:
        return apart
    return [together] * len(apart)


def needed_bytes(parts: Sequence[Part]) -> int:
    """Bytes of a block with these parts."""
    return PIXEL_OFFSET + 3 * sum(part.pixels for part in dict.fromkeys(parts))


def pack_rows(
    block: NDArray[np.uint8],
    image_shape: tuple[int, ...],
    parts: Sequence[Part],
    batch: Batch,
    size_px: int,
    settings: NDArray[np.float32],
) -> None:
    """Write settings and rows.

    Args:
        block: Where to; at least `needed_bytes` long.
        parts: Of `seen_parts`, whose pixels `pack_pixels` writes.
        size_px: Side of the crops.
        settings: Of `settings_row`.
    """
    floats = block[:PIXEL_OFFSET].view(np.float32)
    floats[: len(settings)] = settings
    rows = floats[SETTINGS_FLOATS:].reshape(MAX_ROWS, ROW_FLOATS)
    begun = dict(_begins(parts))
    for row, part, window, border, last in zip(rows, parts, *batch):
        row[BORDER], row[LAST] = border, last
        _place(row, window, size_px, image_shape, part, begun[part])
    rows[len(parts) : batch.bucket] = rows[0]  # padding, computed and dropped


def pack_pixels(block: NDArray[np.uint8], image_bgr: ImageArray, parts: Sequence[Part]) -> None:
    """Write the parts, one after the other."""
    pixels = block[PIXEL_OFFSET:]
    for part, first in _begins(parts):
        left, top, right, bottom = part
        target = pixels[3 * first : 3 * (first + part.pixels)]
        np.copyto(target.reshape(bottom - top, right - left, 3), image_bgr[top:bottom, left:right])


def _begins(parts: Sequence[Part]) -> Iterator[tuple[Part, int]]:
    """Different parts, and the first pixel of each."""
    first = 0
    for part in dict.fromkeys(parts):
        yield part, first
        first += part.pixels


def _place(
    row: NDArray[np.float32],
    window: Window,
    size_px: int,
    shape: tuple[int, ...],
    part: Part,
    begun: int,
) -> None:
    """Where a window lies in its part: worked out in double precision, like the reference."""
    block_x, block_y = shrink(window, size_px)
    left, right = block_span(window.cx, window.width, shape[1], block_x)
    top, bottom = block_span(window.cy, window.height, shape[0], block_y)
    if block_x == block_y == 1:  # plain sampling: nothing is cut into blocks
        left, top, right, bottom = part
    width = part.right - part.left
    row[SHARES] = block_x, block_y
    row[START] = (
        (window.cx - window.width / 2.0 - left) / block_x,
        (window.cy - window.height / 2.0 - top) / block_y,
    )
    row[STEP] = window.width / size_px / block_x, window.height / size_px / block_y
    row[FIRST] = begun + max(top - part.top, 0) * width + max(left - part.left, 0), width
    row[COUNT] = (right - left) // block_x, (bottom - top) // block_y
