"""The public interface of the tracker, on a small untrained network and on a scripted runtime."""

from __future__ import annotations

import copy
import inspect
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from support.networks import textured_image, tiny_checkpoint, tiny_config, tiny_model  # noqa: E402

import siamla_ros  # noqa: E402
from siamla_ros import BoxError, Tracker, load_tracker  # noqa: E402
from siamla_ros.runtime.base import Maps  # noqa: E402
from siamla_ros.runtime.torch_runtime import TorchRuntime  # noqa: E402
from siamla_ros.tracker.decode import DecodeConfig  # noqa: E402

IMAGE = textured_image()
BOX = (100.0, 60.0, 40.0, 30.0)


@pytest.fixture(scope='module')
def tracker() -> Tracker:
    return Tracker(TorchRuntime(tiny_model(), 'cpu'), tiny_config(), DecodeConfig())


def moved_image() -> np.ndarray:
    return np.roll(IMAGE, (4, -6), (0, 1))


class Scripted:
    """A runtime whose network finds, at one cell of the map, a box of one size."""

    device, name = 'cpu', 'scripted'

    def __init__(self, cell: tuple[int, int], half: float, p: float = 0.81, q: float = 0.49):
        self.cell, self.half, self.p, self.q = cell, half, p, q
        self.windows, self.borders = [], []

    def template(self, image, window, border):
        self.windows.append(window)
        return float(image[int(window.cy), int(window.cx)].mean())

    def respond(self, image, windows, borders, templates):
        self.windows, self.borders = list(windows), list(borders)
        n = len(windows)
        p, q = np.full((n, 6, 6), 1e-3, 'f4'), np.full((n, 6, 6), 1e-3, 'f4')
        p[(slice(None), *self.cell)], q[(slice(None), *self.cell)] = self.p, self.q
        return Maps(p, np.full((n, 4, 6, 6), self.half, 'f4'), q)

    def similarity(self, first, second):
        return first - second


def scripted(cell=(3, 3), half=16.0) -> Tracker:
    plain = DecodeConfig(penalty_k=0.0, window_influence=0.0, size_lr=1.0, vote_iou=1.0)
    return Tracker(Scripted(cell, half), tiny_config(), plain)


def test_signatures_are_the_contract():
    """Other programs are written against these names."""
    assert list(inspect.signature(load_tracker).parameters)[:2] == ['model', 'device']
    assert list(inspect.signature(Tracker.init).parameters) == ['self', 'image_bgr', 'box_xywh']
    assert list(inspect.signature(Tracker.update).parameters) == ['self', 'image_bgr', 'states']
    defaults = inspect.signature(load_tracker).parameters
    assert (defaults['model'].default, defaults['device'].default) == ('default', 'auto')
    assert {'load_tracker', 'Tracker', 'TargetState', 'TrackResult'} <= set(siamla_ros.__all__)


def test_a_target_from_init_to_result(tracker):
    state = tracker.init(IMAGE, BOX)
    assert (state.box_xywh, state.confidence) == (BOX, 1.0)
    result = tracker.update(moved_image(), [state])[0]
    x, y, w, h = result.box_xywh
    assert all(isinstance(v, float) for v in result.box_xywh)
    assert 0 <= x < x + w <= 240
    assert 0 <= y < y + h <= 180
    assert result.confidence == pytest.approx(
        (result.classification * result.localization) ** 0.5, abs=1e-6
    )
    assert result.state.box_xywh == result.box_xywh
    assert result.state.confidence == result.confidence


def test_the_cell_of_the_map_becomes_a_place_in_the_image():
    # The search window is 3 x (40, 30), the crop 96 px: 1.25 and 0.9375 image px a crop pixel.
    # Cell (row 2, column 4) lies one cell right of and above the middle cell (3, 3).
    result = scripted(cell=(2, 4)).update(IMAGE, [scripted().init(IMAGE, BOX)])[0]
    cx, cy, w, h = 120 + 16 * 1.25, 75 - 16 * 0.9375, 32 * 1.25, 32 * 0.9375
    assert result.box_xywh == pytest.approx((cx - w / 2, cy - h / 2, w, h))
    assert result.classification == pytest.approx(0.81)
    assert result.localization == pytest.approx(0.49)
    assert result.confidence == pytest.approx(0.63)


def test_responses_are_kept_on_request_with_the_peak_where_the_map_has_it():
    tracker = scripted(cell=(2, 4))
    state = tracker.init(IMAGE, BOX)
    (plain,) = tracker.update(IMAGE, [state])
    tracker.keep_responses = True
    (kept,) = tracker.update(IMAGE, [state])
    assert plain.response is None and kept == plain
    assert kept.response.shape == (6, 6) and kept.response.max() == pytest.approx(0.63)
    assert np.unravel_index(kept.response.argmax(), (6, 6)) == (2, 4)


def test_a_runtime_that_finds_boxes_keeps_responses_as_well():
    tracker = Tracker(TorchRuntime(tiny_model(), 'cpu'), tiny_config(), DecodeConfig())
    state = tracker.init(IMAGE, BOX)
    (plain,) = tracker.update(moved_image(), [state])
    tracker.keep_responses = True
    (kept,) = tracker.update(moved_image(), [state])
    assert kept.box_xywh == pytest.approx(plain.box_xywh, abs=0.01)
    assert plain.response is None and kept.response.max() >= kept.fused_confidence - 1e-6


def test_windows_have_the_contexts_of_the_configuration():
    tracker = scripted()
    state = tracker.init(IMAGE, BOX)
    template = tracker.runtime.windows[0]
    assert (template.width, template.height) == pytest.approx((1.4 * 40, 1.4 * 30))
    tracker.update(IMAGE, [state])
    search = tracker.runtime.windows[0]
    assert (search.cx, search.cy) == (120.0, 75.0)
    assert (search.width, search.height) == pytest.approx((120.0, 90.0))
    assert tracker.runtime.borders == [state.border_bgr]


def test_the_box_is_clipped_to_the_image():
    tracker = scripted(cell=(0, 0), half=16.0)
    state = tracker.init(IMAGE, (0.0, 0.0, 40.0, 30.0))
    x, y, w, h = tracker.update(IMAGE, [state])[0].box_xywh
    assert (x, y) == (0.0, 0.0)
    assert min(w, h) >= 2.0


@pytest.mark.parametrize(
    ('box', 'reason'),
    [
        ((float('nan'), 0, 10, 10), 'not_finite'),
        ((0, 0, 0, 10), 'too_small'),
        ((500, 0, 10, 10), 'outside'),
    ],
)
def test_bad_boxes_are_refused(tracker, box, reason):
    with pytest.raises(BoxError) as refused:
        tracker.init(IMAGE, box)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    'image',
    [
        None,
        [[1, 2, 3]],
        np.zeros((20, 20), np.uint8),
        np.zeros((20, 20, 4), np.uint8),
        np.zeros((20, 20, 3), np.float32),
        np.zeros((0, 20, 3), np.uint8),
    ],
)
def test_what_is_no_image_is_refused(tracker, image):
    state = tracker.init(IMAGE, BOX)
    calls = (
        lambda: tracker.init(image, (0, 0, 10, 10)),
        lambda: tracker.update(image, [state]),
        lambda: tracker.probe(image, state, [BOX]),
        lambda: tracker.similarity(image, state, [BOX]),
    )
    for call in calls:
        with pytest.raises(ValueError, match='image: '):
            call()


def test_images_that_are_views_are_taken(tracker):
    """Frames arrive as slices, mirrored or not writable."""
    frozen = IMAGE.copy()
    frozen.setflags(write=False)
    state = tracker.init(frozen, BOX)
    expected = tracker.update(IMAGE, [state])[0]
    padded = np.zeros((200, 300, 3), np.uint8)
    padded[:180, :240] = IMAGE
    for view in (frozen, padded[:180, :240], np.asfortranarray(IMAGE)):
        assert tracker.update(view, [state])[0] == expected
    mirrored = IMAGE[:, ::-1]
    assert 0 <= tracker.update(mirrored, [tracker.init(mirrored, BOX)])[0].confidence <= 1


def test_several_targets_in_one_pass_equal_single_runs(tracker):
    places = [BOX, (10.0, 20.0, 25.0, 60.0), (180.0, 120.0, 55.0, 50.0)]
    states = [tracker.init(IMAGE, box) for box in places]
    together = tracker.update(moved_image(), states)
    for state, result in zip(states, together, strict=True):
        alone = tracker.update(moved_image(), [state])[0]
        assert result.box_xywh == pytest.approx(alone.box_xywh, abs=1e-2)
        assert result.confidence == pytest.approx(alone.confidence, abs=1e-4)
    assert len({r.box_xywh for r in together}) == 3
    assert tracker.update(IMAGE, []) == []


def test_neither_states_nor_the_network_keep_anything(tracker):
    weights = copy.deepcopy(tracker.runtime._work.step.state_dict())
    state = tracker.init(IMAGE, BOX)
    template = state.template.copy()
    first = tracker.update(moved_image(), [state])[0]
    tracker.init(moved_image(), (20.0, 20.0, 50.0, 50.0))
    tracker.update(IMAGE, [first.state])
    assert tracker.update(moved_image(), [state])[0] == first
    assert np.array_equal(state.template, template)
    for name, value in tracker.runtime._work.step.state_dict().items():
        assert torch.equal(value, weights[name]), name


def test_probing_a_place_is_updating_from_there(tracker):
    state = tracker.init(IMAGE, BOX)
    elsewhere = (60.0, 100.0, 50.0, 40.0)
    probed = tracker.probe(IMAGE, state, [elsewhere, BOX])
    updated = tracker.update(IMAGE, [state.moved(elsewhere, 0.2), state])
    for a, b in zip(probed, updated, strict=True):
        assert a.box_xywh == pytest.approx(b.box_xywh, abs=1e-3)
    assert probed[0].state.box_xywh == probed[0].box_xywh
    assert probed[0].state.template is state.template
    assert tracker.probe(IMAGE, state, []) == []


@pytest.mark.parametrize(('hold', 'follows'), [(0.0, True), (1.0, False)])
def test_a_doubted_answer_does_not_lead_the_search_away(tracker, hold, follows):
    watcher = Tracker(
        tracker.runtime, tracker.model, replace(tracker.decode, min_update_confidence=hold)
    )
    state = watcher.init(IMAGE, BOX)
    result = watcher.update(moved_image(), [state])[0]
    assert 0.0 < result.confidence < 1.0 and result.box_xywh != state.box_xywh
    assert result.state.box_xywh == (result.box_xywh if follows else state.box_xywh)
    assert result.state.confidence == result.confidence
    place = (60.0, 100.0, 50.0, 40.0)
    found = watcher.probe(IMAGE, state, [place])[0]
    assert found.state.box_xywh == (found.box_xywh if follows else place)


@pytest.mark.parametrize('box', [(1, 2, 3), (np.inf, 0, 1, 1), (5, 5, 0, 5), (0, 0, 1e30, 9)])
def test_places_that_are_no_boxes_are_refused(tracker, box):
    state = tracker.init(IMAGE, BOX)
    for call in (tracker.probe, tracker.similarity):
        with pytest.raises(ValueError, match='box_xywh is'):
            call(IMAGE, state, [box])
    with pytest.raises(ValueError, match='box_xywh is'):
        tracker.update(IMAGE, [state, state.moved(box, 1.0)])


def test_a_place_far_outside_can_be_probed(tracker):
    state = tracker.init(IMAGE, BOX)
    for side in (40.0, 4000.0):
        result = tracker.probe(IMAGE, state, [(-9000.0, 9000.0, side, side)])[0]
        assert 0.0 <= result.confidence <= 1.0


def test_similarity_is_one_for_the_target_itself(tracker):
    state = tracker.init(IMAGE, BOX)
    same, other = tracker.similarity(IMAGE, state, [BOX, (10.0, 110.0, 40.0, 30.0)])
    assert same == pytest.approx(1.0, abs=1e-5)
    assert 0.0 <= other < same


def test_similarity_has_no_negative_values():
    tracker = scripted()
    dark, bright = np.zeros((60, 60, 3), np.uint8), np.full((60, 60, 3), 200, np.uint8)
    state = tracker.init(dark, (10.0, 10.0, 20.0, 20.0))
    assert tracker.similarity(bright, state, [(10.0, 10.0, 20.0, 20.0)]) == [0.0]
    state = tracker.init(bright, (10.0, 10.0, 20.0, 20.0))
    assert tracker.similarity(dark, state, [(10.0, 10.0, 20.0, 20.0)]) == [1.0]


def test_a_loaded_tracker_says_what_it_is(tmp_path):
    checkpoint = tiny_checkpoint(tmp_path)
    tracker = load_tracker(checkpoint.path, 'cpu', size_lr=1.0)
    assert tracker.device == 'cpu'
    assert 'CPU was requested' in tracker.device_reason
    assert 'torch because' in tracker.device_reason  # there are no exported graphs beside it
    assert tracker.decode.size_lr == 1.0
    assert tracker.description['sha256'] == checkpoint.sha256
    assert tracker.description['model'] == 'tiny'
    assert tracker.init(IMAGE, BOX).box_xywh == BOX


def test_bad_options_are_named(tmp_path):
    path = tiny_checkpoint(tmp_path).path
    with pytest.raises(ValueError, match='unknown option windw_weight; there are .*window_'):
        load_tracker(path, 'cpu', windw_weight=0.1)
    with pytest.raises(ValueError, match='window_influence = 7'):
        load_tracker(path, 'cpu', window_influence=7.0)
    with pytest.raises(ValueError, match='threads = -1'):
        load_tracker(path, 'cpu', threads=-1)
    with pytest.raises(ValueError, match="runtime = 'tensorflow'"):
        load_tracker(path, 'cpu', runtime='tensorflow')
