"""What has looked like a target, and whether a box shows that rather than the target.

A tracker that has gone over to a neighbor of the same look is as sure of it as of the target, and
nothing stands beside it any more. But it has seen that neighbor before, as a second peak. So what
second peaks show is kept, and a box is compared with it as well as with the target.

Pure functions over NumPy. A descriptor (C,) is a unit vector: the mean features of the middle of a
template crop, which the target's box fills.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import Box

Descriptor = NDArray[np.float32]

EVERY = 3  # updates from look to look: neighboring images show the same
KEPT = 30  # descriptors: three seconds at 30 Hz if something looks alike all the time
MIN_SECOND_PEAK = 0.05
MIN_CONFIDENCE = 0.6  # below it the second peak may be the target
CLEAR = 0.3  # difference of cosines from which a box is clearly more like the target
MOST_LEVEL = 0.8  # further out it says no more
SMALLEST_PX = 2.0  # side of a box that shows nothing


class Seen(Protocol):
    """What this needs of a `TrackResult`."""

    @property
    def box_xywh(self) -> Box: ...

    @property
    def confidence(self) -> float: ...

    @property
    def second_peak(self) -> float: ...

    @property
    def second_box_xywh(self) -> Box | None: ...


@dataclass(frozen=True)
class Distractors:
    """What has looked like one target; immutable, bounded.

    Attributes:
        target: Descriptor of the target at its first image; None: not known yet.
        seen: Descriptors of what second peaks have shown, oldest first.
        level: How much the last box that was looked at looks like one of those and not like the
            target, [0, MOST_LEVEL]: what its cosine with the target lacks to `CLEAR` above that
            with any of them; 0 without any.
        updates: Since the last look.
    """

    target: Descriptor | None = field(default=None, repr=False, compare=False)
    seen: tuple[Descriptor, ...] = field(default=(), repr=False, compare=False)
    level: float = 0.0
    updates: int = 0

    def after(
        self,
        result: Seen,
        target: Callable[[], Descriptor],
        describe: Callable[[Box], Descriptor],
        wait: bool = False,
    ) -> Distractors:
        """The memory after an update.

        Args:
            result: Of the update; its confidence without anything against it.
            target: Descriptor of the target.
            describe: Descriptor of a box of the image; a pass of the template network.
            wait: A look that is due is left for the next update (`waiting`).
        """
        if wait or self.updates + 1 < EVERY:
            return replace(self, updates=self.updates + 1)
        memory = replace(self, updates=0)
        if self.seen and min(result.box_xywh[2:]) >= SMALLEST_PX:
            memory = replace(memory, level=self.level_of(describe(result.box_xywh)))
        second = result.second_box_xywh
        alike = result.second_peak > MIN_SECOND_PEAK and result.confidence > MIN_CONFIDENCE
        if second is None or not alike or min(second[2:]) < SMALLEST_PX:
            return memory
        own = target() if memory.target is None else memory.target
        return replace(memory, target=own, seen=(*memory.seen, describe(second))[-KEPT:])

    def elsewhere(self) -> Distractors:
        """The memory at another place, which the next update looks at."""
        return replace(self, level=0.0, updates=EVERY - 1)

    def level_of(self, descriptor: Descriptor) -> float:
        """`level` of a box with this descriptor."""
        if self.target is None or not self.seen:
            return 0.0
        alike = max(float(other @ descriptor) for other in self.seen)
        return min(max(CLEAR - float(self.target @ descriptor) + alike, 0.0), MOST_LEVEL)


def waiting(memories: Sequence[Distractors]) -> list[bool]:
    """Which targets of one image wait with a look that may be due: all but as many as keep every
    one to its turn. Those that started together would else be looked at together, and every third
    image would take longer.
    """
    order = sorted(range(len(memories)), key=lambda index: -memories[index].updates)
    first = order[: math.ceil(len(memories) / EVERY)]
    return [index not in first for index in range(len(memories))]


def descriptor_of(features: NDArray[np.floating]) -> Descriptor:
    """The descriptor (C,) of template features (C, h, w)."""
    height, width = features.shape[1:]
    y, x = height // 4, width // 4
    middle = features[:, y : height - y, x : width - x]
    mean = middle.mean((1, 2), dtype=np.float32)
    return mean / max(float(np.linalg.norm(mean)), 1e-6)
