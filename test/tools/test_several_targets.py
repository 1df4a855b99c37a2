"""Several targets of a scene in one session: what is counted of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import several_targets
from support.ros_doubles import IdentityTracker
from support.videos import SIDE, place, write_scene

from siamla_ros.tracker.results import TargetState

FRAMES = 12


class Scripted(IdentityTracker):
    """Knows where the targets of `write_scene` are; from frame `over` on each is on the first."""

    def __init__(self, over: int) -> None:
        super().__init__()
        self.over, self.frame = over, 0

    def init(self, image_bgr, box_xywh):
        return TargetState(tuple(box_xywh), template=int(box_xywh[1] > 50))

    def update(self, image_bgr, states):
        self.frame += 1
        lines = [0 if self.frame >= self.over else state.template for state in states]
        boxes = [(*map(float, place(self.frame, line)), SIDE, SIDE) for line in lines]
        return [
            self._result(box, self.confidence, state)
            for box, state in zip(boxes, states, strict=True)
        ]


@pytest.fixture
def scene(tmp_path):
    return write_scene(tmp_path / 'scene', frames=FRAMES, targets=2)


def test_targets_that_stay_apart_are_all_right(scene):
    found = several_targets.count(Scripted(over=FRAMES), scene)
    followed = 2 * (FRAMES - 1)
    assert found == {'visible': followed, 'confirmed': followed, 'right': followed}


def test_two_on_one_object_and_boxes_of_nobody_are_counted(scene, monkeypatch):
    table = scene / 'targets.csv'
    rows = [row for row in table.read_text().splitlines() if not row.startswith('11,1,')]
    table.write_text('\n'.join(rows) + '\n')
    step = several_targets.TrackingSession.step

    def undoubted(session, image, stamp_s):
        return [replace(output, confirmed=True) for output in step(session, image, stamp_s)]

    monkeypatch.setattr(several_targets.TrackingSession, 'step', undoubted)
    found = several_targets.count(Scripted(over=8), scene)
    over = FRAMES - 8
    assert found['on one object'] == found['wrong'] == over
    assert found['absent'] == 1 and found['confirmed'] == 2 * (FRAMES - 1)
    assert found['right'] == found['confirmed'] - over - 1
