"""Where a tracker looked: recorded once, and drawn more often round failures."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('torch')

from support.videos import SIDE, place, write_scene

from siamla_ros.datasets.scenes import load_scenes
from siamla_ros.training.tracked_windows import (
    TrackedWindows,
    record_windows,
    sampling_weights,
)


class Frozen:
    """A tracker that never moves its box."""

    class State:
        def __init__(self, box):
            self.box_xywh = tuple(box)

    def init(self, image, box):
        return self.State(box)

    def update(self, image, states):
        result = type('Result', (), {})()
        result.state, result.box_xywh = states[0], states[0].box_xywh
        return [result]


@pytest.fixture
def scenes(tmp_path):
    write_scene(tmp_path / 'video/one', frames=24, hidden=2)
    return load_scenes(tmp_path / 'video', tmp_path / 'cache')


def test_windows_are_recorded_and_read_again(scenes, tmp_path):
    path = tmp_path / 'windows.npz'
    found = record_windows(Frozen(), scenes, path)[('one', 'target')]
    first = found.frames.tolist()[:21]
    assert first == list(range(1, 22)), 'the first run, to the last frame with a box'
    assert found.places[0].tolist() == [*place(0, 0), SIDE, SIDE]
    assert found.ious[0] == pytest.approx((SIDE - 4) / (SIDE + 4), abs=1e-6)
    assert len(found.frames) == 2 * 21, (
        'and one from a careless box; the middle is too near the end'
    )
    assert not np.array_equal(found.places[21], found.places[0])
    again = record_windows(None, scenes, path)[('one', 'target')]
    assert np.array_equal(again.places, found.places)


def test_failures_are_drawn_more_often():
    ious = np.array([0.9, 0.5, 0.1, *[0.0] * 10, np.nan, 0.9])
    weights = sampling_weights(ious)
    assert weights[:3].tolist() == [1.0, 3.0, 4.0]
    assert weights[11:].tolist() == [4.0, 0.6, 1.0, 1.0], 'ten frames of a failure, then seldom'


def test_a_draw_follows_the_weights():
    frames, places = np.arange(2), np.arange(8.0).reshape(2, 4)
    table = TrackedWindows(frames, places, np.ones(2), np.array([0.25, 1.0]))
    rng = np.random.default_rng(0)
    drawn = [table.draw(rng) for _ in range(400)]
    assert 60 < sum(frame == 0 for frame, _ in drawn) < 140
    assert dict(drawn)[1] == (4.0, 5.0, 6.0, 7.0)
