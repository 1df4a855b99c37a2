"""The same target begun in several ways: one pass from an exact first box says little.

A tracker of a robot begins with a box that an operator dragged, or at any frame. So a
sequence can also be run from a careless first box and from its middle; the truth stays the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from siamla_ros.datasets.sequence import Frames, Sequence
from siamla_ros.geometry import boxes

STARTS = ('exact', 'careless', 'middle')
SHIFT, SCALE = 0.1, 0.1  # standard deviations of a careless box, in sides and in ln of a side
LEAST_FRAMES = 15  # of what follows the middle


@dataclass(frozen=True)
class LaterFrames:
    """The frames of another source from number `start` on."""

    source: Frames
    start: int

    def __iter__(self) -> Iterator[np.ndarray]:
        for number, image in enumerate(self.source):
            if number >= self.start:
                yield image


@dataclass(frozen=True)
class CarelessSequence(Sequence):
    """A sequence whose first box was drawn carelessly; it is judged by its own boxes.

    Attributes:
        drawn_xywh: What the tracker is given.
    """

    drawn_xywh: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    @property
    def init_box_xywh(self) -> tuple[float, float, float, float]:
        """The careless box."""
        return self.drawn_xywh


def with_starts(sequence: Sequence, names: Iterable[str] = STARTS) -> list[Sequence]:
    """The sequence begun in each of the ways `names`; without a middle where it is too short.

    Raises:
        ValueError: No such way.
    """
    made: dict[str, Callable[[Sequence], Sequence | None]] = {
        'exact': lambda item: item,
        'careless': careless,
        'middle': from_middle,
    }
    unknown = sorted(set(names) - set(made))
    if unknown:
        raise ValueError(f'start {unknown[0]!r}: must be one of {", ".join(STARTS)}')
    found = [made[name](sequence) for name in names]
    return [item for item in found if item is not None]


def careless(sequence: Sequence, seed: int = 0) -> Sequence:
    """With a first box that is off by about 10 % in place and in size.

    Args:
        sequence: To begin carelessly.
        seed: Of the draw; the same sequence and seed give the same box.
    """
    key = zlib.crc32(sequence.name.encode())
    rng = np.random.default_rng((key, seed) if seed else key)
    dx, dy = rng.normal(0.0, SHIFT, 2)
    factors = np.exp(rng.normal(0.0, SCALE, 2))
    return drawn(sequence, f'careless-{seed}' if seed else 'careless', (dx, dy), tuple(factors))


def drawn(
    sequence: Sequence, name: str, shift: tuple[float, float], factors: tuple[float, float]
) -> Sequence:
    """With a first box that is off by a given amount.

    Args:
        sequence: To begin with that box.
        name: What follows `@` in the name.
        shift: Of the center, in widths and heights of the true box.
        factors: Of width and height.
    """
    x, y, w, h = sequence.init_box_xywh
    cx, cy = boxes.center((x + shift[0] * w, y + shift[1] * h, w, h))
    return CarelessSequence(
        f'{sequence.name}@{name}',
        sequence.source,
        sequence.boxes_xywh,
        sequence.absent,
        sequence.origin_px,
        boxes.as_box(boxes.from_center(cx, cy, w * factors[0], h * factors[1])),
    )


def from_middle(sequence: Sequence) -> Sequence | None:
    """From the first box at or after the middle; None where fewer than 15 frames follow."""
    return from_frame(sequence, len(sequence) // 2, 'middle')


def from_frame(sequence: Sequence, first: int, name: str) -> Sequence | None:
    """From the first box at or after frame `first`; None where fewer than 15 frames follow.

    Args:
        sequence: To begin later.
        first: Number of the frame.
        name: What follows `@` in the name.
    """
    present = np.flatnonzero(np.isfinite(sequence.boxes_xywh[:, 0]))
    later = present[present >= first]
    if not len(later) or len(sequence) - later[0] <= LEAST_FRAMES:
        return None
    start = int(later[0])
    return Sequence(
        f'{sequence.name}@{name}',
        LaterFrames(sequence.source, start),
        sequence.boxes_xywh[start:],
        sequence.absent[start:],
        sequence.origin_px,
    )
