"""Sequences as vot-toolkit reads them, and the commands that it starts."""

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
    assert main([*arguments, '--option', 'runtime=torch', '--trackers', 'still=identity']) == 0
    lines = dict(
        line.split(' = ', 1)
        for line in (tmp_path / 'w/trackers.ini').read_text().splitlines()
        if ' = ' in line
    )
    assert (lines['label'], lines['protocol']) == ('still', 'trax')
    command = shlex.split(lines['command'])
    assert command[:4] == [sys.executable, '-m', 'siamla_ros.cli.main', 'vot']
    assert command[-4:] == ['--trackers', 'still=identity', '--option', 'runtime="torch"']
    config = yaml.safe_load((tmp_path / 'w/config.yaml').read_text())
    experiment = config['stack']['experiments']['baseline']
    assert (experiment['type'], experiment['skip_initialize']) == ('supervised', 5)
    assert experiment['analyses'][1] == {'type': 'supervised_eao_score', 'low': 100, 'high': 356}
