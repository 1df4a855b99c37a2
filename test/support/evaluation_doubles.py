"""Trackers that follow one color or nothing, and a scene with a square of that color."""

from __future__ import annotations

import cv2
import numpy as np

from siamla_ros.evaluation.peers.base import Estimate
from siamla_ros.evaluation.splice import Scene
from siamla_ros.redetection.redetector import WINDOW
from siamla_ros.tracker.results import TargetState, TrackResult

COLOR = (40, 240, 250)  # BGR
SIDE = 16


class ColorTracker:
    """Looks for COLOR within twice the box round the last place; its share is the confidence."""

    search_context = WINDOW
    calibration = {}

    def init(self, image_bgr, box_xywh):
        return TargetState(tuple(map(float, box_xywh)), template=None)

    def update(self, image_bgr, states):
        return [self._find(image_bgr, state, state.box_xywh) for state in states]

    def probe(self, image_bgr, state, boxes_xywh):
        return [self._find(image_bgr, state, box) for box in boxes_xywh]

    def similarity(self, image_bgr, state, boxes_xywh):
        return [1.0 for _ in boxes_xywh]

    def _find(self, image, state, place):
        x, y, w, h = place
        left, top = max(0, int(x - w)), max(0, int(y - h))
        window = image[top : max(top, int(y + 2 * h)), left : max(left, int(x + 2 * w))]
        hits = np.abs(window.astype(int) - COLOR).max(-1) < 30 if window.size else np.zeros((1, 1))
        box, confidence = place, 0.02
        if hits.sum() > 4:
            bx, by, bw, bh = cv2.boundingRect(hits.astype(np.uint8))
            box = (float(left + bx), float(top + by), float(bw), float(bh))
            confidence = min(1.0, hits.sum() / (w * h))
        return TrackResult(
            box, confidence, confidence, confidence, 0.0, confidence, state.moved(box, confidence)
        )


def square_scene(name='square', seed=0, frames=30, start=(20, 30), step=(1, 0)):
    """A colored square that moves over a texture of dark blocks; 96 x 128 pixels."""
    rng = np.random.default_rng(seed)
    small = rng.integers(10, 120, (24, 32, 3), np.uint8)
    ground = cv2.resize(small, (128, 96), interpolation=cv2.INTER_NEAREST)
    images, boxes = [], []
    for number in range(frames):
        x, y = start[0] + step[0] * number, start[1] + step[1] * number
        image = ground.copy()
        image[y : y + SIDE, x : x + SIDE] = COLOR
        images.append(image)
        boxes.append((x, y, SIDE, SIDE))
    return Scene(name, images, np.array(boxes, float))


def colored(image, box_xywh=None):
    """Number of pixels of COLOR, in a box or in the whole image."""
    if box_xywh is not None:
        x, y, w, h = (int(v) for v in box_xywh)
        image = image[y : y + h, x : x + w]
    return int((np.abs(image.astype(int) - COLOR).max(-1) < 30).sum())


class Doubtful:
    """Stays where it is and is sure while the image is bright there."""

    name = 'doubtful'

    def init(self, image_bgr, box_xywh):
        self.box = box_xywh

    def update(self, image_bgr):
        x, y, w, h = (int(v) for v in self.box)
        return Estimate(self.box, float(image_bgr[y : y + h, x : x + w].mean() / 255))

    def describe(self):
        return {'name': self.name}
