"""The supervised experiment: starts, failures, and figures that vot-toolkit gives for the same."""

from dataclasses import replace

import numpy as np
import pytest

from siamla_ros.datasets.sequence import DatasetError, Sequence
from siamla_ros.evaluation.damage import Damage
from siamla_ros.evaluation.peers.base import Estimate
from siamla_ros.evaluation.suites import supervised
from siamla_ros.evaluation.supervised import (
    FAILED,
    IDLE,
    STARTED,
    TRACKED,
    SupervisedRun,
    as_sent,
    eao_curve,
    raster_overlap,
    run_supervised,
    supervised_figures,
    supervised_table,
)

BOX = (10.0, 10.0, 20.0, 20.0)


class Losing:
    """Leaves the target on the third update after each start."""

    name = 'losing'

    def __init__(self):
        self.starts = []

    def init(self, image_bgr, box_xywh):
        self.starts.append(box_xywh)
        self.updates = 0

    def update(self, image_bgr):
        self.updates += 1
        return Estimate(BOX if self.updates < 3 else (50.0, 50.0, 5.0, 5.0))


def sequence(count, missing=()):
    boxes = np.tile(BOX, (count, 1))
    boxes[list(missing)] = np.nan
    return Sequence('s', [np.zeros((64, 64, 3), np.uint8)] * count, boxes)


def test_it_starts_again_five_frames_after_a_failure():
    tracker = Losing()
    run = run_supervised(tracker, sequence(12))
    wanted = [STARTED, TRACKED, TRACKED, FAILED, *[IDLE] * 4, STARTED, TRACKED, TRACKED, FAILED]
    assert run.code.tolist() == wanted
    assert run.failures == 2 and tracker.starts == [BOX, BOX]
    assert run.overlap[[1, 3]].tolist() == [1.0, 0.0]


def test_a_frame_without_a_box_is_no_failure_and_no_start():
    run = run_supervised(Losing(), sequence(10, missing=[3, 8]))
    assert run.code.tolist() == [STARTED, TRACKED, TRACKED, IDLE, FAILED, *[IDLE] * 4, STARTED]


@pytest.mark.parametrize(
    ('box', 'truth', 'overlap'),
    [
        (BOX, BOX, 1.0),
        ((10.4, 9.6, 20.4, 19.6), BOX, 1.0),  # whole pixels
        ((20, 10, 20, 20), BOX, 1 / 3),
        ((54, 0, 20, 10), (54, 0, 10, 10), 1.0),  # within the image alone
        ((40, 40, 5, 5), BOX, 0.0),
        # What vot-toolkit 0.7.3 answers, too: half pixels to even ones, of four decimals in 32
        # bits; lines of pixels are the same or nothing, wherever they lie.
        ((10.5, 10, 20, 20), BOX, 1.0),
        ((10.50001, 10, 20, 20), BOX, 1.0),
        ((10.5001, 10, 20, 20), BOX, 380 / 420),
        ((10, 10, 20, 1), (40, 10, 20, 1), 1.0),
        ((10, -3, 20, 4), (10, -3, 20, 4), 0.0),
    ],
)
def test_overlap(box, truth, overlap):
    assert raster_overlap(box, truth, (64, 64)) == pytest.approx(overlap)


def test_boxes_are_sent_with_four_decimals():
    assert as_sent((1.23456789, 2, 32.2, 1e-6)) == (1.2345999479293823, 2.0, 32.20000076293945, 0.0)


def made_runs(seed):
    """Three runs with failures at random, as they were given to vot-toolkit."""
    rng, runs = np.random.default_rng(seed), []
    for count in (40, 75, 120):
        overlap = rng.uniform(0.05, 1, count).round(3)
        code, start = np.full(count, TRACKED, np.int8), 0
        while start < count:
            code[start], overlap[start] = STARTED, 0.0
            fail = start + int(rng.integers(8, 60))
            if fail >= count:
                break
            code[fail], code[fail + 1 : fail + 5] = FAILED, IDLE
            overlap[fail : fail + 5] = 0.0
            start = fail + 5
        runs.append(SupervisedRun(str(count), overlap, code))
    return runs


@pytest.mark.parametrize(
    ('seed', 'eao', 'accuracy', 'robustness'),
    [
        (0, 0.5057710712706601, 0.5378748140460128, 1.3404255319148937),
        (1, 0.3560710875760942, 0.5562484203739524, 2.148936170212766),
    ],
)
def test_figures_of_vot_toolkit(seed, eao, accuracy, robustness):
    """Computed by compute_eao_curve and the rules of compute_accuracy of vot-toolkit 0.9.0."""
    figures = supervised_figures(made_runs(seed), (20, 60))
    assert figures.eao == pytest.approx(eao, abs=1e-6)  # the toolkit counts in float32
    assert figures.accuracy == pytest.approx(accuracy)
    assert figures.robustness == pytest.approx(robustness)


def test_runs_shorter_than_the_range_have_no_eao():
    run = SupervisedRun('s', np.ones(5), np.array([STARTED, *[TRACKED] * 4], np.int8))
    assert eao_curve([run]).tolist() == [0, 1, 1, 1, 1]
    figures = supervised_figures([run])
    assert np.isnan(figures.eao)
    words = 'no EAO: no sequence has more than 100 frames (--eao-range)'
    assert supervised_table({'t': figures}).endswith(words)
    assert words not in supervised_table({'t': supervised_figures([run], (2, 3))}, (2, 3))


def test_a_sequence_whose_frames_are_damaged_is_left_out_of_all_trackers():
    class Damaged(list):
        def __iter__(self):
            yield from self[:2]
            raise DatasetError('0003.png is not a readable image')

    good = sequence(6)
    bad = replace(sequence(6), name='bad', source=Damaged(good.source))
    first, second = Losing(), Losing()
    second.name = 'other'
    told = []
    runs = supervised([first, second], [bad, good], quiet=True, damage=Damage(told.append))
    assert told == ['0003.png is not a readable image']
    kept = {name: [run.sequence for run in items] for name, items in runs.items()}
    assert kept == {'losing': [good.name], 'other': [good.name]}
    for sequences, damage in (([bad, good], None), ([bad], Damage(told.append))):
        with pytest.raises(DatasetError, match='0003'):
            supervised([first], sequences, quiet=True, damage=damage)
