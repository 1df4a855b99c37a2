"""Trackers for tests: the contract of `siamla_ros.tracker.tracker.Tracker` without a network.

`python ros_doubles.py KIND --ros-args ...` runs the tracker node with one of them, see `DOUBLES`.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from siamla_ros.geometry.boxes import check_init_box
from siamla_ros.redetection.redetector import WINDOW
from siamla_ros.runtime.device import DeviceLostError
from siamla_ros.tracker.results import TargetState, TrackResult


class IdentityTracker:
    """The target never moves; its confidence is `confidence`."""

    device = 'cpu'
    device_reason = 'a test double has no network'
    search_context = WINDOW
    calibration = {}

    def __init__(self, confidence: float = 0.97, delay_s: float = 0.0) -> None:
        self.confidence, self.delay_s = confidence, delay_s
        self.batches: list[int] = []

    def init(self, image_bgr, box_xywh):
        size = (image_bgr.shape[1], image_bgr.shape[0])
        return TargetState(check_init_box(box_xywh, size), template=None)

    def update(self, image_bgr, states):
        self.batches.append(len(states))
        time.sleep(self.delay_s)
        return [self._result(state.box_xywh, self.confidence, state) for state in states]

    def probe(self, image_bgr, state, boxes_xywh):
        return [self._result(box, self.confidence, state) for box in boxes_xywh]

    def similarity(self, image_bgr, state, boxes_xywh):
        return [self.confidence for _ in boxes_xywh]

    def close(self):
        pass

    @staticmethod
    def _result(box, confidence, state):
        return TrackResult(
            box, confidence, confidence, confidence, 0.0, confidence, state.moved(box, confidence)
        )


class ColorTracker(IdentityTracker):
    """Follows pixels of the color at the center of the init box, within a window round the last
    box.
    """

    reach = 1.5  # half the side of the window, in box sides

    def init(self, image_bgr, box_xywh):
        state = super().init(image_bgr, box_xywh)
        x, y, w, h = state.box_xywh
        rows, columns = image_bgr.shape[:2]
        center = image_bgr[min(int(y + h / 2), rows - 1), min(int(x + w / 2), columns - 1)]
        return TargetState(state.box_xywh, template=(center.astype(int), w, h))

    def update(self, image_bgr, states):
        self.batches.append(len(states))
        time.sleep(self.delay_s)
        return [self._find(image_bgr, state, state.box_xywh) for state in states]

    def probe(self, image_bgr, state, boxes_xywh):
        return [self._find(image_bgr, state, box) for box in boxes_xywh]

    def similarity(self, image_bgr, state, boxes_xywh):
        color, _, _ = state.template
        scores = []
        for x, y, w, h in boxes_xywh:
            patch = image_bgr[
                max(int(y), 0) : max(int(y + h), 1), max(int(x), 0) : max(int(x + w), 1)
            ]
            near = np.abs(patch.astype(int) - color).sum(axis=2) < 60
            scores.append(float(near.mean()) if near.size else 0.0)
        return scores

    def _find(self, image_bgr, state, around):
        color, w, h = state.template
        x, y = around[0] + around[2] / 2, around[1] + around[3] / 2
        left, top = max(int(x - w * self.reach), 0), max(int(y - h * self.reach), 0)
        right, bottom = int(x + w * self.reach) + 1, int(y + h * self.reach) + 1
        window = image_bgr[top : max(bottom, 0), left : max(right, 0)].astype(int)
        rows, columns = np.nonzero(np.abs(window - color).sum(axis=2) < 60)
        share = min(rows.size / (w * h), 1.0)
        if rows.size < 4:
            return self._result(state.box_xywh, 0.02, state)
        box = (
            left + float(columns.min()),
            top + float(rows.min()),
            float(np.ptp(columns)) + 1.0,
            float(np.ptp(rows)) + 1.0,
        )
        return self._result(box, 0.99 * share, state)


class SlowOnWhiteTracker(ColorTracker):
    """Takes half a second for an image whose first pixel is white."""

    def update(self, image_bgr, states):
        time.sleep(0.5 if image_bgr[0, 0].min() == 255 else 0.0)
        return super().update(image_bgr, states)


class FailingTracker(IdentityTracker):
    """Raises as a device out of memory does, on every call of `update` from the third to the
    tenth.
    """

    def update(self, image_bgr, states):
        result = super().update(image_bgr, states)
        if 3 <= len(self.batches) <= 10:
            raise RuntimeError('CUDA out of memory. Tried to allocate 20.00 MiB')
        return result


class LosingTracker(ColorTracker):
    """Loses its device on the third update, for good, as after an illegal access on a GPU."""

    device, device_reason, closed = 'cuda:0', 'a test double', False

    def update(self, image_bgr, states):
        if len(self.batches) >= 3:
            raise DeviceLostError('cuda:0 is lost: CUDA error: an illegal memory access')
        return super().update(image_bgr, states)

    def close(self):
        self.closed = True


class HangingTracker(IdentityTracker):
    """Does not return from `update` any more, from the third call on."""

    def update(self, image_bgr, states):
        result = super().update(image_bgr, states)
        if len(self.batches) >= 3:
            time.sleep(1e6)
        return result


DOUBLES = {
    'hanging': HangingTracker,
    'identity': IdentityTracker,
    'color': ColorTracker,
    'slow': lambda: ColorTracker(delay_s=0.1),
    'slow on white': SlowOnWhiteTracker,
    'failing': FailingTracker,
    'losing': LosingTracker,
}


def make(kind: str):
    """What the tracker node loads; model `missing` and device `cuda` fail as the real ones do."""

    made = []

    def load(model, device, **_):
        made.append(model)
        if kind == 'losing' and len(made) > 1:
            if model == 'cuda only':
                raise DeviceLostError('cuda:0 was lost; restart the process')
            return ColorTracker()
        if model == 'missing':
            raise FileNotFoundError("no checkpoint at 'missing'")
        if device.startswith('cuda'):
            raise ValueError(f'device is {device!r}, but CUDA is not available')
        return DOUBLES[kind]()

    return load


if __name__ == '__main__':
    from siamla_ros.ros.running import run
    from siamla_ros.ros.tracker_node import THREADS, TrackerNode

    arguments = [sys.argv[0], *sys.argv[2:]]
    sys.exit(run(lambda: TrackerNode(make(sys.argv[1])), arguments, THREADS))
