"""Traces tell whether two checkouts behave the same."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import record_traces
from support.evaluation_doubles import ColorTracker, square_scene

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.splice import FrameList


class Shifted(ColorTracker):
    """Boxes a hair to the right."""

    def _find(self, image, state, place):
        result = super()._find(image, state, place)
        x, *others = result.box_xywh
        return replace(result, box_xywh=(x + 1e-9, *others))


def sequences():
    scenes = [square_scene('a', 0), square_scene('b', 1, start=(60, 20), step=(0, 1))]
    return [
        Sequence(scene.name, FrameList(scene.images), np.array(scene.boxes_xywh))
        for scene in scenes
    ]


@pytest.fixture
def recorded(tmp_path):
    path = tmp_path / 'one.csv'
    return path, record_traces.record(path, ColorTracker(), sequences(), plain=1, lost=3)


def test_a_row_for_each_frame_of_sequences_and_episodes(recorded):
    table = list(csv.DictReader(recorded[0].open()))
    names = [row['sequence'] for row in table]
    assert list(dict.fromkeys(names)) == [
        'a',
        'a/leave_same',
        'a/leave_elsewhere',
        'a/leave_scaled',
    ]
    assert [int(row['frame']) for row in table if row['sequence'] == 'a'] == list(range(30))
    assert table[4]['state'] == 'TRACKING' and table[4]['confirmed'] == 'True'
    assert (float(table[4]['x']), float(table[4]['w'])) == (24.0, 16.0)
    states = {row['state'] for row in table if row['sequence'] == 'a/leave_same'}
    assert {'TRACKING', 'SEARCHING'} <= states


def test_the_same_behavior_gives_the_same_file(recorded, tmp_path, capsys):
    path, digest = recorded
    again = tmp_path / 'again.csv'
    assert record_traces.record(again, ColorTracker(), sequences(), plain=1, lost=3) == digest
    assert record_traces.main(['--compare', str(path), str(again)]) == 0
    assert 'the same' in capsys.readouterr().out


def test_the_last_digit_of_a_box_is_a_difference(recorded, tmp_path, capsys):
    path, digest = recorded
    other = tmp_path / 'other.csv'
    assert record_traces.record(other, Shifted(), sequences(), plain=1, lost=3) != digest
    assert record_traces.main(['--compare', str(path), str(other)]) == 1
    text = capsys.readouterr().out
    assert 'frames differ, first' in text and 'x: ' in text and ', by ' in text


def test_a_missing_frame_is_a_difference(recorded, tmp_path):
    path, _ = recorded
    short = tmp_path / 'short.csv'
    lines = path.read_text().splitlines(keepends=True)
    short.write_text(''.join(lines[:-1]))
    assert record_traces.compare(path, short)[0].startswith(f'1 of {len(lines) - 1} frames differ')
    assert record_traces.compare(path, short)[2] == '  none'


def test_one_thing_is_asked_at_a_time(capsys):
    with pytest.raises(SystemExit):
        record_traces.main([])
    assert 'either --data or --compare' in capsys.readouterr().err
