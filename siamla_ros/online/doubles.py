"""Two targets in one box: which of them it is not. Two ids must not end on one object.

The network may go over from one object to another of the same look that is followed, too. It is
then as sure of both boxes. But targets that have been seen apart are two objects, and where they
share a box afterwards one of them is hidden by the other, or its box shows the other: it is the one
for which less has spoken so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from siamla_ros.geometry.boxes import Box, iou
from siamla_ros.online.targets import CLAIMED_IOU, Target
from siamla_ros.supervision.supervisor import State
from siamla_ros.tracker.results import TrackResult

SAME_IOU = 0.7  # of boxes that show one object
APART_IOU = 0.3  # of boxes that show two


def note_doubles(targets: Sequence[Target], results: Sequence[TrackResult | None]) -> None:
    """Set `double` of each target, and `apart` of those that are seen apart.

    Args:
        targets: All that are followed on one image.
        results: Of each on this image; None where the tracker failed.
    """
    followed = {target.id for target in targets}
    for target in targets:
        target.double = False
        target.apart &= followed  # no id is kept for ever
    seen = [(t, r.box_xywh) for t, r in zip(targets, results, strict=True) if r is not None]
    if len(seen) < 2:
        return
    boxes = np.array([box for _, box in seen])
    overlaps = iou(boxes[:, None], boxes)
    for first, second in np.argwhere(np.triu(overlaps < APART_IOU, 1)):
        _note_apart(seen[first][0], seen[second][0])
    for first, second in np.argwhere(np.triu(overlaps >= SAME_IOU, 1)):
        one, other = seen[first][0], seen[second][0]
        if other.id in one.apart and one.id in other.apart:  # both since they were started
            less = other if other.memory.presence <= one.memory.presence else one
            less.double = True


def taken_at(target: Target, others: Iterable[Target], box_xywh: Box, stamp_ns: int) -> bool:
    """Whether another target was confirmed in that box of the image of that stamp, which may be one
    of the last seconds.
    """
    taken = [
        place
        for other in others
        if other is not target
        for at_ns, place in other.places
        if at_ns == stamp_ns
    ]
    return bool(taken) and bool((iou(box_xywh, taken) >= CLAIMED_IOU).any())


def _note_apart(one: Target, other: Target) -> None:
    if one.memory.state is other.memory.state is State.TRACKING:
        one.apart.add(other.id)
        other.apart.add(one.id)
