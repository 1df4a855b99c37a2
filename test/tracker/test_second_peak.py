"""What something else that looks alike takes from the confidence of a box."""

import numpy as np
import pytest

from siamla_ros.model.config import ModelConfig
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.tracker.logistic import beside_second_peak
from siamla_ros.tracker.tracker import Tracker, load_tracker

IMAGE = np.full((120, 160, 3), 90, np.uint8)
BOX = (60.0, 40.0, 30.0, 30.0)


class Rows:
    """Decides on the boxes itself, as a runtime on a device does: confidence 0.9, another 0.4."""

    device, name = 'cpu', 'rows'

    def template(self, image, window, border):
        return 0.0

    def boxes(self, image, windows, borders, templates, last, config):
        return np.array([[0, 0, 30, 30, 0.9, 0.8, 0.7, 0.4, 0.75]] * len(windows), np.float32)

    def similarities(self, *args):
        raise AssertionError('nothing here asks for it')

    respond = similarity = similarities


def found(weight):
    tracker = Tracker(Rows(), ModelConfig(), DecodeConfig(second_peak_weight=weight))
    return tracker.update(IMAGE, [tracker.init(IMAGE, BOX)])[0]


def test_confidence_has_the_second_peak_against_it_and_nothing_else_has():
    alone, beside = found(0.0), found(-3.0)
    assert alone.confidence == pytest.approx(0.9)
    assert beside.confidence == pytest.approx(float(beside_second_peak(0.9, 0.4, -3.0)), abs=1e-6)
    assert beside.confidence < 0.6 and beside.state.confidence == beside.confidence
    assert beside.second_peak == alone.second_peak == pytest.approx(0.4)
    assert beside.fused_confidence == alone.fused_confidence


def test_the_shipped_model_weighs_it():
    assert load_tracker().decode.second_peak_weight < 0.0


def test_a_second_peak_alone_makes_no_wide_search():
    """It would find the other one as easily, and neither would be worse for the other."""
    tracker = Tracker(Rows(), ModelConfig(), DecodeConfig(second_peak_weight=-9.0))
    calls, boxes = [], tracker.runtime.boxes
    tracker.runtime.boxes = lambda *args: calls.append(args) or boxes(*args)
    (result,) = tracker.update(IMAGE, [tracker.init(IMAGE, BOX)])
    assert result.confidence < tracker.decode.wide_below and len(calls) == 1
