"""Sequences as vot-toolkit reads them, and the commands that it starts."""

import configparser
import shlex
import sys

import cv2
import numpy as np
import pytest

from siamla_ros.cli.vot_workspace import main
from siamla_ros.datasets.discovery import load_dataset
from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.vot_workspace import write_workspace


def images(count, seed=0):
    return list(np.random.default_rng(seed).integers(0, 255, (count, 30, 40, 3), np.uint8))


def test_images_and_boxes_come_back_unchanged(tmp_path):
    boxes = np.array([[1.5, 2.25, 10.1234, 8.0], [2.0, 3.0, 10.0, 8.0]])
    one = Sequence('one', images(2), boxes)
    gap = Sequence('gap', images(2), np.array([[1, 1, 5, 5], [np.nan] * 4]))
    left_out = write_workspace(tmp_path, [one, gap], {'x': 'siamla vot'})
    assert left_out == ['gap: frame 1 has no box, which VOT demands']
    assert (tmp_path / 'sequences/list.txt').read_text() == 'one\n'
    (read,) = load_dataset(tmp_path / 'sequences')
    assert read.boxes_xywh.tolist() == boxes.tolist()
    assert all(np.array_equal(a, b) for a, b in zip(read.frames(), images(2)))
    about = (tmp_path / 'sequences/one/sequence').read_text().splitlines()
    assert {'length=2', 'width=40', 'height=30', 'channels.color=color/%08d.png'} <= set(about)


def test_an_image_that_cannot_be_written_is_an_error(tmp_path, monkeypatch):
    one = Sequence('one', images(2), np.array([[1.0, 1.0, 5.0, 5.0]] * 2))
    monkeypatch.setattr(cv2, 'imwrite', lambda *_: False)  # as on a full disk
    with pytest.raises(OSError, match=r'00000001\.png: cannot be written'):
        write_workspace(tmp_path, [one], {})


def test_nothing_to_convert_is_an_error(tmp_path):
    gap = Sequence('gap', images(2), np.array([[1, 1, 5, 5], [np.nan] * 4]))
    with pytest.raises(ValueError, match='no sequence can be converted: gap: frame 1'):
        write_workspace(tmp_path, [gap], {})


def test_the_toolkit_starts_what_was_named(moving_target, tmp_path, capsys):
    yaml = pytest.importorskip('yaml')
    arguments = ['--dataset', str(moving_target), '--output', str(tmp_path / 'w')]
    trackers = ['--trackers', 'still=identity', 'siamla']
    assert main([*arguments, '--option', 'threads=1', '--device', 'cpu', *trackers]) == 0
    found = configparser.ConfigParser()
    found.read(tmp_path / 'w/trackers.ini')
    assert found.sections() == ['still', 'siamla']
    assert (found['still']['label'], found['still']['protocol']) == ('still', 'trax')
    start = [sys.executable, '-m', 'siamla_ros.cli.main', 'vot', '--trackers']
    assert shlex.split(found['still']['command']) == [*start, 'still=identity']
    own = ['siamla', '--device', 'cpu', '--option', 'threads=1']  # of siamla alone
    assert shlex.split(found['siamla']['command']) == [*start, *own]
    config = yaml.safe_load((tmp_path / 'w/config.yaml').read_text())
    experiment = config['stack']['experiments']['baseline']
    assert (experiment['type'], experiment['skip_initialize']) == ('supervised', 5)
    assert experiment['analyses'][1] == {'type': 'supervised_eao_score', 'low': 100, 'high': 356}


def test_what_is_no_workspace_is_not_written_into(moving_target, tmp_path):
    words = ['--dataset', str(moving_target), '--trackers', 'identity', '--output']
    with pytest.raises(ValueError, match='set: holds down and is no workspace'):
        main([*words, str(moving_target)])
    assert sorted(path.name for path in moving_target.iterdir()) == ['down', 'right']
    for _ in range(2):  # an earlier workspace is written over
        assert main([*words, str(tmp_path / 'w')]) == 0


def test_options_of_siamla_without_it_are_refused(moving_target, tmp_path):
    words = ['--dataset', str(moving_target), '--trackers', 'identity', '--option', 'threads=1']
    with pytest.raises(ValueError, match='--option is for siamla, which is not among the trackers'):
        main([*words, '--output', str(tmp_path / 'w')])
