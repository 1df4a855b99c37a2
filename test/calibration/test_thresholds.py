"""Thresholds from records: on made-up records whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from siamla_ros.calibration.thresholds import (
    Goals,
    Track,
    absences,
    as_yaml,
    calibrate,
    judge,
    main,
    read_records,
)
from siamla_ros.supervision.supervisor import SupervisorConfig


def make_tracks(
    seed: int = 0, count: int = 5, seen: float = 0.8, hidden: float = 0.1, noise: float = 0.05
) -> list[Track]:
    """100 frames each, the target hidden in 40-69, confidence normal round two levels."""
    rng = np.random.default_rng(seed)
    tracks = []
    for index in range(count):
        present = np.ones(100, bool)
        present[40:70] = False
        level = np.where(present, seen, hidden)
        confidence = np.clip(rng.normal(level, noise), 0.0, 1.0)
        tracks.append(Track(f's{index}', confidence, present, np.where(present, 0.8, 0.0)))
    return tracks


def write(path, tracks: list[Track]):
    lines = ['sequence,frame,confidence,present,iou']
    for track in tracks:
        for frame, (confidence, present, iou) in enumerate(
            zip(track.confidence, track.present, track.iou)
        ):
            overlap = f'{iou:.3f}' if present else ''
            lines.append(f'{track.name},{frame},{confidence:.6f},{int(present)},{overlap}')
    path.write_text('\n'.join(lines) + '\n')
    return path


def test_separable_records_give_thresholds_between_the_levels():
    result = calibrate(make_tracks(), 30.0)
    assert 0.15 < result.high_threshold <= result.accept_threshold < 0.4
    assert 0.05 < result.low_threshold <= result.high_threshold
    assert result.outcome.false_lost == 0
    assert result.outcome.disappearances == result.outcome.lost_in_time == 5
    assert result.recall_accept > 0.99 and result.warnings == ()


def test_high_threshold_is_reached_by_the_share_that_was_asked():
    tracks = make_tracks(hidden=0.5, seen=0.6, noise=0.15)
    wrong = np.concatenate([track.confidence[~track.present] for track in tracks])
    for share in (0.2, 0.05, 0.01):
        high = calibrate(tracks, 30.0, Goals(wrong_share=share)).high_threshold
        assert np.mean(wrong >= high) <= share < np.mean(wrong >= high - 0.011)


def test_low_threshold_obeys_the_limit_on_false_loss():
    rng = np.random.default_rng(3)
    tracks = make_tracks()
    for track in tracks:  # a stretch of poor frames on the target
        start = rng.integers(5, 25)
        track.confidence[start : start + 8] = 0.24
    result = calibrate(tracks, 30.0)
    assert result.low_threshold <= 0.24 and result.outcome.false_lost == 0
    loose = calibrate(tracks, 30.0, Goals(wrong_share=1e-9, false_lost=1000.0))
    assert loose.low_threshold > 0.0


def test_judging_counts_losses_that_are_and_are_not_the_supervisors_mistake():
    config = SupervisorConfig(low_threshold=0.3, high_threshold=0.5)
    poor = np.full(60, 0.9)
    poor[20:40] = 0.1
    present = np.ones(60, bool)
    followed = Track('a', poor, present, np.full(60, 0.8))
    adrift = Track('b', poor, present, np.where(poor < 0.5, 0.0, 0.8))
    hidden = Track('c', poor, poor > 0.5, np.where(poor < 0.5, 0.0, 0.8))
    assert judge([followed], config, 30.0).false_lost >= 1
    assert judge([adrift], config, 30.0).false_lost == 0
    outcome = judge([hidden], config, 30.0)
    assert (outcome.false_lost, outcome.disappearances, outcome.lost_in_time) == (0, 1, 1)
    assert outcome.delays == (config.lost_frames,)
    assert judge([hidden], config, 30.0, within_frames=3).lost_in_time == 0
    assert outcome.followed_frames == 40


def test_absences():
    flags = np.array([0, 1, 1, 0, 0, 1, 0], bool)
    assert absences(flags) == [(3, 5), (6, 7)]
    assert absences(np.ones(4, bool)) == []


def test_hopeless_records_are_reported_not_hidden():
    result = calibrate(make_tracks(seen=0.4, hidden=0.4, noise=0.2), 30.0)
    assert any('is reached on only' in warning for warning in result.warnings)
    assert '# WARNING' in as_yaml(result)


def test_records_of_one_kind_are_refused():
    track = make_tracks(count=1)[0]
    whole = Track('a', track.confidence, np.ones(100, bool), np.full(100, 0.8))
    with pytest.raises(ValueError, match='100 frames on the target and 0 without'):
        calibrate([whole], 30.0)


def test_command_writes_parameters_that_the_supervisor_takes(tmp_path):
    yaml = pytest.importorskip('yaml')
    records = write(tmp_path / 'records.csv', make_tracks())
    output = tmp_path / 'thresholds.yaml'
    assert main([str(records), '--rate', '30', '--output', str(output)]) == 0
    parameters = yaml.safe_load(output.read_text())['/**']['ros__parameters']
    config = SupervisorConfig(**parameters['supervisor'])
    assert judge(read_records(records), config, 30.0).false_lost == 0
    assert 'accept_threshold: 0.' in output.read_text()


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('sequence,frame,confidence,present\na,0,0.5,1\n', 'column iou is missing'),
        ('sequence,frame,confidence,present,iou\na,0,nan,1,0.5\n', 'line 2: confidence is nan'),
        ('sequence,frame,confidence,present,iou\na,0,0.5,1,\n', "line 2: iou is ''"),
        ('sequence,frame,confidence,present,iou\na,0,0.5,1,1.5\n', 'line 2: iou is 1.5'),
        ('sequence,frame,confidence,present,iou\n', 'no records'),
    ],
)
def test_bad_records_are_refused_by_name(tmp_path, capsys, text, message):
    path = tmp_path / 'records.csv'
    path.write_text(text)
    assert main([str(path)]) == 2
    assert message in capsys.readouterr().err


def test_missing_file_is_an_error_not_a_trace(tmp_path, capsys):
    assert main([str(tmp_path / 'none.csv')]) == 2
    assert 'none.csv' in capsys.readouterr().err
