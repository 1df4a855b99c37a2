"""`siamla eval --session`: what is counted of a follower that vouches for its boxes."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from support.ros_doubles import ColorTracker

from siamla_ros.cli import eval as cli
from siamla_ros.evaluation import session_bench
from siamla_ros.evaluation.followers import Trace
from siamla_ros.evaluation.peers.base import Estimate
from siamla_ros.evaluation.peers.registry import MAKERS
from siamla_ros.evaluation.runner import Run
from siamla_ros.evaluation.session_metrics import f_score, interval, session_figures, tally

ON, OFF = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 10.0, 10.0)
NONE = (math.nan,) * 4


def traced(letters: str) -> Trace:
    """o: confirmed on the target; x: confirmed elsewhere; u: on it, not confirmed; l: LOST."""
    boxes = np.array([OFF if letter in 'xl' else ON for letter in letters])
    flags = [np.array([letter in kind for letter in letters]) for kind in ('ox', 'l')]
    confidence = np.array([0.0 if letter in 'ul' else 0.9 for letter in letters])
    return Trace(boxes, *flags, confidence)


def counted(letters: str, visible: str | None = None):
    """visible: v in sight, a absent, n not annotated."""
    visible = visible or 'v' * len(letters)
    truth = np.array([ON if letter == 'v' else NONE for letter in visible])
    return tally('t', traced(letters), truth, np.array([letter == 'a' for letter in visible]))


@pytest.mark.parametrize(
    ('letters', 'visible', 'precision', 'recall', 'lost', 'wrong'),
    [
        ('ooooo', None, 1.0, 1.0, 0.0, 0.0),
        ('ooouu', None, 1.0, 0.5, 0.0, 0.0),
        ('oooxx', None, 0.5, 0.5, 0.0, 0.5),
        ('ooxll', None, 0.5, 0.25, 0.5, 0.5),
        ('ooooo', 'vvvaa', 0.5, 1.0, 0.0, 0.5),  # a box on a target that is not there
        ('ooooo', 'vvvnn', 1.0, 1.0, 0.0, 0.0),  # what is not annotated does not count
        ('ollll', None, math.nan, 0.0, 1.0, math.nan),
    ],
)
def test_figures(letters, visible, precision, recall, lost, wrong):
    found = session_figures([counted(letters, visible)])
    values = (found.precision, found.recall, found.visible_lost, found.confirmed_wrong)
    np.testing.assert_allclose(values, (precision, recall, lost, wrong), equal_nan=True)


def test_confident_wrong_counts_every_wrong_box_confirmed_or_not():
    found = counted('ooxxul', 'vvvava')  # wrong: two that are confirmed, one of them on nobody,
    assert (found.wrong, found.wrong_confident) == (3, 2)  # and a LOST one on nobody
    assert session_figures([found]).confident_wrong == pytest.approx(2 / 3)
    assert math.isnan(session_figures([counted('ooo')]).confident_wrong)


def counted_ece(letters):
    return session_figures([counted(letters)]).ece


def test_calibration_is_that_of_all_boxes_but_the_first():
    assert counted_ece('oooooo') == pytest.approx(0.1)  # 0.9 where all are right
    assert counted_ece('ooooox') == pytest.approx(0.1)  # 0.9 where 0.8 are
    assert counted_ece('oul') == pytest.approx(0.5)  # 0 where one of two is right
    both = session_figures([counted('oooo'), counted('oxxx')])
    assert both.ece == pytest.approx(0.4)  # pooled: 0.9 where half is right
    assert math.isnan(session_figures([counted('o')]).ece)


def test_boxes_whose_confidence_is_not_known_say_nothing_of_it():
    """As in runs that an older version has stored."""
    old = traced('ooxx')
    old = replace(old, confidence=np.full(4, math.nan))
    unknown = tally('t', old, np.array([ON] * 4), np.zeros(4, bool))
    assert (unknown.wrong, unknown.confirmed_wrong) == (0, 2)
    assert math.isnan(session_figures([unknown]).confident_wrong)
    row = session_bench.tables({'siamla': [unknown]}).splitlines()[2]
    assert [cell.strip() for cell in row.split('|')[-3:-1]] == ['-', '-']
    assert session_figures([unknown, counted('oxx')]).ece == counted_ece('oxx')
    assert session_figures([unknown, counted('oxx')]).confident_wrong == 1.0


def test_lost_counts_as_needless_only_after_the_box_was_right():
    assert counted('oolll').lost_while_right == 3
    row = counted('ooxllo')
    assert (row.lost, row.lost_while_right) == (2, 0)


def test_targets_are_pooled_by_frames_and_averaged_by_target():
    rows = [counted('o' * 11), counted('olll')]
    found = session_figures(rows)
    assert found.recall == pytest.approx(10 / 13)
    assert found.f_score_mean == pytest.approx(0.5)
    assert [f_score(row) for row in rows] == [1.0, 0.0]


def test_the_interval_is_over_targets_and_repeats():
    rows = [counted('o' * 11), counted('olll'), counted('oouu')]
    low, high = interval(rows, 'recall', seed=1, resamples=200)
    assert 0.0 <= low < session_figures(rows).recall < high <= 1.0
    assert interval(rows, 'recall', seed=1, resamples=200) == (low, high)
    assert interval(rows[:1], 'recall', resamples=20) == (1.0, 1.0)


def test_the_threshold_of_a_peer_is_chosen_in_its_favor():
    boxes = np.array([ON] * 6 + [OFF] * 4)
    confidence = np.array([math.nan] + [0.9] * 5 + [0.2] * 4)
    run = Run('peer', 's', boxes, confidence, np.zeros(10), np.array([ON] * 10),
              np.zeros(10, bool), {})  # fmt: skip
    label, (row,) = session_bench.tuned('peer', [run])
    assert 0.2 < float(label.split()[-1]) <= 0.9
    assert (row.confirmed, row.confirmed_wrong, row.lost) == (5, 0, 4)


class Scored:
    """Stays where it is, sure of it."""

    name = 'scored'

    def init(self, image_bgr, box_xywh):
        self.box = box_xywh

    def update(self, image_bgr):
        return Estimate(self.box, 0.8)

    def describe(self):
        return {'name': self.name}


def test_command(moving_target, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(MAKERS, 'scored', lambda rest, label, **_: Scored())
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    arguments = ['--dataset', str(moving_target), '--trackers', 'scored', 'identity', '--session',
                 '--quiet', '--no-plots', '--output', str(tmp_path)]  # fmt: skip
    assert cli.run(parser.parse_args(arguments)) == 0
    printed = capsys.readouterr().out
    assert 'identity: no score' in printed and 'F of each target' in printed
    found = json.loads((tmp_path / 'results.json').read_text())['session']['scored, score < 0.8']
    assert [row['name'] for row in found['targets']] == ['down', 'right']
    assert found['visible_lost'] == 0.0 and 0.2 < found['f_score'] < 0.9


def test_the_node_has_a_row_for_each_search(moving_target):
    from siamla_ros.datasets.discovery import load_dataset
    from siamla_ros.evaluation.peers.siamla import SiamlaTracker

    class Double(SiamlaTracker):
        def __init__(self):
            self.name, self.tracker = 'siamla', ColorTracker()

    text, content = session_bench.evaluate(
        [Double()], load_dataset(moving_target), ['off', 'local'], quiet=True
    )
    assert set(content) == {'siamla, search off', 'siamla, search local', 'notes'}
    assert '| siamla, search off' in text
