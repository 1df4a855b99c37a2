"""What something else that looks alike takes from the confidence of a box."""

from dataclasses import replace

import numpy as np
import pytest

from siamla_ros.model.config import ModelConfig
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.runtime.base import Decided
from siamla_ros.tracker.logistic import logit, sigmoid
from siamla_ros.tracker.results import TargetState
from siamla_ros.tracker.tracker import Tracker, load_tracker

IMAGE = np.full((120, 160, 3), 90, np.uint8)
BOX = (60.0, 40.0, 30.0, 30.0)


class Rows:
    """Decides on the boxes itself, as a runtime on a device does: confidence 0.9, another 0.4."""

    device, name, gives_backbone = 'cpu', 'rows', False
    second_peak = 0.4

    def template(self, image, window, border):
        return 0.0

    def boxes(self, image, windows, borders, templates, last, config):
        row = [0, 0, 30, 30, 0.9, 0.8, 0.7, self.second_peak, 0.75, 40, 0, 30, 30]
        return Decided(np.array([row] * len(windows), np.float32), None)

    def similarities(self, *args):
        raise AssertionError('nothing here asks for it')

    respond = similarity = similarities


def found(weight):
    tracker = Tracker(Rows(), ModelConfig(), DecodeConfig(second_peak_weight=weight))
    return tracker.update(IMAGE, [tracker.init(IMAGE, BOX)])[0]


def test_confidence_has_the_second_peak_against_it_and_nothing_else_has():
    alone, beside = found(0.0), found(-3.0)
    assert alone.confidence == pytest.approx(0.9)
    assert beside.confidence == pytest.approx(
        sigmoid(logit(0.9) - 3.0 * (0.4 / 0.9) ** 0.5), abs=1e-6
    )
    assert beside.confidence < 0.6 and beside.state.confidence == beside.confidence
    assert beside.second_peak == alone.second_peak == pytest.approx(0.4)
    assert beside.fused_confidence == alone.fused_confidence


def test_the_shipped_model_weighs_it():
    assert load_tracker().decode.second_peak_weight < 0.0


def test_what_has_just_looked_alike_is_not_forgotten_at_once():
    """The box may have gone over to it, and then nothing else is seen."""
    tracker = Tracker(Rows(), ModelConfig(), DecodeConfig(second_peak_weight=-3.0))
    state = tracker.update(IMAGE, [tracker.init(IMAGE, BOX)])[0].state
    assert state.peak_ratio == pytest.approx((0.4 / 0.9) ** 0.5)
    tracker.runtime.second_peak = 0.0
    seen = []
    for _ in range(300):
        (result,) = tracker.update(IMAGE, [state])
        state = result.state
        seen.append(result.confidence)
    assert seen[0] < 0.6 and seen == sorted(seen) and seen[-1] == pytest.approx(0.9, abs=0.01)
    (elsewhere,) = tracker.probe(IMAGE, replace(state, peak_ratio=1.0), [BOX])
    assert elsewhere.confidence == pytest.approx(0.9), 'another place is not that box'


def test_a_second_peak_alone_makes_no_wide_search():
    """It would find the other one as easily, and neither would be worse for the other."""
    tracker = Tracker(Rows(), ModelConfig(), DecodeConfig(second_peak_weight=-9.0))
    calls, boxes = [], tracker.runtime.boxes
    tracker.runtime.boxes = lambda *args: calls.append(args) or boxes(*args)
    (result,) = tracker.update(IMAGE, [tracker.init(IMAGE, BOX)])
    assert result.confidence < tracker.decode.wide_below and len(calls) == 1


@pytest.mark.parametrize('rate_hz', [10, 15, 30, 60])
def test_it_is_forgotten_in_the_same_time_at_any_rate(rate_hz):
    tracker = Tracker(Rows(), ModelConfig(), DecodeConfig(second_peak_weight=-3.0))
    state = tracker.update(IMAGE, [tracker.init(IMAGE, BOX)])[0].state
    tracker.runtime.second_peak, before = 0.0, state.peak_ratio
    for _ in range(rate_hz):
        (result,) = tracker.update(IMAGE, [state.waited(1 / rate_hz)])
        state = result.state
    assert state.peak_ratio == pytest.approx(before * 0.985**30, rel=1e-6)


@pytest.mark.parametrize('interval_s', [0.0, -1.0, np.nan])
def test_stamps_that_do_not_advance_count_as_at_30_hz(interval_s):
    state = TargetState(BOX, None, peak_ratio=0.5)
    assert state.waited(interval_s) == state
    assert state.waited(1e-6).peak_ratio < 0.51 and state.waited(1e6).peak_ratio == 0.0
