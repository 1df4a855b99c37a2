"""Response maps in the corner of an image: where their peak is, and that nothing else changes."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.ros_doubles import ColorTracker
from support.scenes import SIDE, picture

from siamla_ros.cli.view import LiveView
from siamla_ros.online.overlay import COLORS_BGR, Mark, draw, insets_of
from siamla_ros.online.response_inset import GAP_PX, SIDE_PX, Inset
from siamla_ros.online.session import frame_of
from siamla_ros.online.settings import NodeSettings
from siamla_ros.online.targets import TargetOutput
from siamla_ros.supervision.supervisor import Reason, State
from siamla_ros.tracker.results import TrackResult
from siamla_ros.tracker.tracker import load_tracker

GREEN = (0, 255, 0)
BLANK = np.full((480, 640, 3), 90, np.uint8)


def response(row: int, column: int, peak: float = 1.0) -> np.ndarray:
    cells = np.full((16, 16), 0.1)
    cells[row, column] = peak
    return cells


def inset_of(canvas: np.ndarray, place: int = 0) -> np.ndarray:
    """What an inset shows, without its frame; place 0 is the rightmost."""
    right = canvas.shape[1] - GAP_PX - place * (SIDE_PX + GAP_PX)
    bottom = canvas.shape[0] - GAP_PX
    part = canvas[bottom - SIDE_PX : bottom, right - SIDE_PX : right]
    return part[1:-1, 1:-1].astype(int)


@pytest.mark.parametrize('row, column', [(3, 12), (12, 3), (8, 8)])
def test_the_peak_is_where_the_map_has_it(row, column):
    shown = inset_of(draw(BLANK, [], insets=[Inset(response(row, column), GREEN)])).sum(2)
    found = np.argwhere(shown == shown.max()).mean(0) + 1  # the frame is a pixel wide
    assert found * 16 / SIDE_PX == pytest.approx((row + 0.5, column + 0.5), abs=0.2)


def test_a_color_is_the_same_confidence_on_every_image():
    low, high, mixed = (
        inset_of(draw(BLANK, [], insets=[Inset(cells, GREEN)]))
        for cells in (np.full((16, 16), 0.1), np.full((16, 16), 0.9), response(0, 0, 0.9))
    )
    assert np.array_equal(mixed[40, 40], low[40, 40]) and np.array_equal(mixed[2, 2], high[2, 2])
    assert low[40, 40].sum() < high[40, 40].sum()


def test_targets_stand_side_by_side_in_the_colors_of_their_states():
    red = (0, 0, 255)
    canvas = draw(BLANK, [], insets=[Inset(response(2, 2), GREEN), Inset(response(9, 9), red)])
    bottom, right = canvas.shape[0] - GAP_PX - 1, canvas.shape[1] - GAP_PX - 1
    assert tuple(canvas[bottom, right]) == GREEN
    assert tuple(canvas[bottom, right - SIDE_PX - GAP_PX]) == red
    assert not np.array_equal(inset_of(canvas, 0), inset_of(canvas, 1))


def test_outside_the_insets_no_pixel_changes():
    marks = [Mark((40, 40, 60, 40), 'a', GREEN, confidence=0.5)]
    without, inset = draw(BLANK, marks), draw(BLANK, marks, insets=[Inset(response(1, 1), GREEN)])
    changed = (without != inset).any(2)
    assert changed[-GAP_PX - SIDE_PX : -GAP_PX, -GAP_PX - SIDE_PX : -GAP_PX].mean() > 0.95
    assert changed.sum() <= SIDE_PX**2
    assert np.array_equal(draw(BLANK, marks, insets=[]), without)


@pytest.mark.parametrize('size', [(1, 1), (9, 200), (40, 40), (200, 9)])
def test_small_images_have_small_insets_or_none(size):
    image = np.zeros((*size, 3), np.uint8)
    canvas = draw(image, [], insets=[Inset(response(1, 1), GREEN)] * 9)
    assert canvas.any(2).mean() < 0.5 and canvas.any() == (min(size) >= 12)


def output(kept: np.ndarray | None, state: State = State.TRACKING) -> TargetOutput:
    box = (1.0, 2.0, 3.0, 4.0)
    result = TrackResult(box, 0.9, 0.9, 0.9, 0.0, 0.9, response=kept)
    return TargetOutput('a', '', state, Reason.NONE, True, result, box, None, 0, False, box, 0)


def test_only_results_that_kept_their_map_are_shown():
    kept = response(4, 4)
    (inset,) = insets_of([output(None), output(kept, State.UNCERTAIN)])
    assert inset.response is kept and inset.color_bgr == COLORS_BGR[State.UNCERTAIN]


@pytest.mark.parametrize('requested', [False, True])
def test_the_node_keeps_responses_where_its_parameter_says_so(requested):
    node = NodeSettings(device='cpu', runtime='onnxruntime', debug_response_map=requested)
    assert load_tracker(**node.tracker_options).keep_responses is requested


def test_the_page_shows_them(monkeypatch):
    class Answering(ColorTracker):
        def update(self, image_bgr, states):
            return [replace(r, response=np.eye(16)) for r in super().update(image_bgr, states)]

    view = LiveView(Answering(), '')
    frames = [frame_of(picture(100 + number), 1.0 + number / 30, number) for number in range(2)]
    view.worker.engine.start('a', '', (100.0, 100.0, SIDE, SIDE), frames[0], live=True)
    view._publish(frames[1], view.worker.engine.process(frames[1]))
    jpeg = np.frombuffer(view.picture().jpeg, np.uint8)
    corner = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[-60:-12, -60:-12].reshape(-1, 3)
    assert np.percentile(corner.sum(1), 60) < 60, 'cells without an answer are black'
