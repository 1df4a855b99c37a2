"""How likely given boxes of an image show a target, for boxes of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import Box
from siamla_ros.identity.verifier import Verifier
from siamla_ros.online.targets import Target
from siamla_ros.tracker.results import TrackerLike


def score_boxes(
    tracker: TrackerLike,
    verifier: Verifier,
    target: Target,
    image_bgr: np.ndarray,
    boxes_xywh: Sequence[Box],
) -> list[float]:
    """Probabilities in [0, 1] by the model of what a search accepts, one a box.

    Each box is judged by itself: the others do not count against it.

    A box in which the network does not find the target counts as confidence 0. Whatever the tracker
    raises is passed on.
    """
    if not boxes_xywh:
        return []
    found = tracker.probe(image_bgr, target.state, boxes_xywh)
    answers = [
        result
        if _holds_center(box, result.box_xywh)
        else replace(result, box_xywh=box, confidence=0.0)
        for box, result in zip(boxes_xywh, found, strict=True)
    ]
    return verifier.probabilities(target.identity, image_bgr, target.state, answers)


def _holds_center(box_xywh: Box, other_xywh: Box) -> bool:
    """Whether the center of the other box lies in the box."""
    x, y = boxes.center(other_xywh)
    left, top, width, height = box_xywh
    return left <= x <= left + width and top <= y <= top + height
