"""`siamla eval --crossings`: what counts as a crossing, and on which target a box ends."""

from __future__ import annotations

import argparse
import json

import cv2
import numpy as np
import pytest
from support.evaluation_doubles import ColorTracker

from siamla_ros.cli import eval as cli
from siamla_ros.datasets.scenes import SceneTarget
from siamla_ros.datasets.sequence import DatasetError, Sequence
from siamla_ros.evaluation.crossing_bench import interval, shares, table, tally
from siamla_ros.evaluation.crossings import Crossing, load_crossings, shared_area, spans
from siamla_ros.evaluation.followers import Trace
from siamla_ros.evaluation.peers.base import Estimate
from siamla_ros.evaluation.peers.registry import MAKERS
from siamla_ros.evaluation.splice import FrameList

FRAMES = 60


def walker(name: str, start: float, step: float, y: float = 20.0, hidden: tuple = ()):
    """A target of 16 x 16 pixels on its way to one side."""
    boxes = np.array([(start + step * t, y, 16.0, 16.0) for t in range(FRAMES)])
    visibility = np.ones(FRAMES)
    visibility[list(hidden)] = 0.0
    return SceneTarget(name, boxes, visibility)


LEFT, RIGHT = walker('a', 10, 2), walker('b', 100, -1)


def test_a_meeting_with_both_apart_before_and_after_is_a_crossing():
    # they are 90 px apart and close in by 3 a frame: boxes touch while less than 16 px apart
    shared = shared_area(LEFT.boxes_xywh, RIGHT.boxes_xywh)
    assert shared.max() == 1.0 and shared[24] == 0.0 and shared[26] == pytest.approx(0.25)
    assert list(spans(LEFT, RIGHT)) == [(6, 26, 35, 55)]


@pytest.mark.parametrize(
    ('first', 'second'),
    [
        (LEFT, walker('b', 100, -1, y=31)),  # they only brush each other
        (LEFT, walker('b', 28, 2)),  # beside each other all the time
        (LEFT, walker('b', 18, 1.9)),  # together from the first frame
        (walker('a', 10, 2, hidden=range(26)), RIGHT),  # it cannot be seen before
        (walker('a', 10, 1), walker('b', 61, 0)),  # the video ends before they part
    ],
)
def test_other_meetings_are_none(first, second):
    assert list(spans(first, second)) == []


def crossing() -> Crossing:
    sequence = Sequence('s/a-b@26', FrameList([]), LEFT.boxes_xywh)
    return Crossing(sequence, RIGHT.boxes_xywh, 26, 35)


def trace(switch: int | None, unconfirmed: int | None = None, from_first: bool = True) -> Trace:
    """On the target, from `switch` on on the other; from `unconfirmed` on not confirmed."""
    boxes = LEFT.boxes_xywh.copy() if from_first else np.full((FRAMES, 4), 300.0)
    if switch is not None:
        boxes[switch:] = RIGHT.boxes_xywh[switch:]
    confirmed = np.arange(FRAMES) < (FRAMES if unconfirmed is None else unconfirmed)
    return Trace(boxes, confirmed, ~confirmed, np.ones(len(boxes)))


@pytest.mark.parametrize(
    ('followed', 'held', 'kept', 'switched'),
    [
        (trace(None), True, True, False),
        (trace(30), True, False, True),
        (trace(30, unconfirmed=33), True, False, False),  # lost: it vouches for neither
        (trace(None, unconfirmed=33), True, False, False),
        (trace(58), True, True, False),  # two frames of the last five are no majority
        (trace(None, from_first=False), False, False, False),
        (trace(10), False, False, True),  # it had switched before the two met
    ],
)
def test_verdicts(followed, held, kept, switched):
    found = tally(crossing(), followed)
    assert (found.held_before, found.kept, found.switched) == (held, kept, switched)


def test_only_crossings_that_began_on_the_target_count():
    items = [tally(crossing(), t) for t in (trace(None), trace(30), trace(30, 33), trace(10))]
    found = shares(items)
    assert found['held_before'] == 3
    assert found['kept'] == found['switched'] == found['neither'] == pytest.approx(1 / 3)
    low, high = interval(items[:1], 'switched')
    assert (low, high) == (0.0, 0.0)
    assert '3 of 4' in table({'t': items}) and '33.3 %' in table({'t': items})


def write_scene(folder, second):
    folder.mkdir()
    writer = cv2.VideoWriter(
        str(folder / 'video.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 30, (160, 96)
    )
    for _ in range(FRAMES):
        writer.write(np.zeros((96, 160, 3), np.uint8))
    writer.release()
    lines = ['frame,target_id,x,y,w,h,visibility']
    for target in (LEFT, second):
        for frame, box in enumerate(target.boxes_xywh):
            lines.append(f'{frame},{target.name},{",".join(map(str, box))},1')
    (folder / 'targets.csv').write_text('\n'.join(lines) + '\n')


class Straight:
    """Goes on with a constant motion that it is told."""

    name = 'straight'

    def __init__(self, step: float) -> None:
        self._step = step

    def init(self, image, box_xywh):
        self._box = box_xywh

    def update(self, image):
        x, y, w, h = self._box
        self._box = (x + self._step, y, w, h)
        return Estimate(self._box, 0.9, {})

    def describe(self):
        return {}


@pytest.mark.parametrize(('step', 'held', 'kept'), [(2.0, 1, 1.0), (0.95, 0, None)])
def test_the_whole_command(tmp_path, monkeypatch, capsys, step, held, kept):
    data = tmp_path / 'data'
    data.mkdir()
    write_scene(data / 'cross', RIGHT)
    write_scene(data / 'apart', walker('b', 100, -1, y=60))
    monkeypatch.setitem(MAKERS, 'straight', lambda rest, label, **_: Straight(step))
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    output = tmp_path / 'out'
    command = [
        '--dataset',
        str(data),
        '--crossings',
        '--trackers',
        'straight',
        '--quiet',
        '--no-plots',
    ]
    assert cli.run(parser.parse_args([*command, '--output', str(output)])) == 0
    assert 'straight, every box' in capsys.readouterr().out
    rows = json.loads((output / 'results.json').read_text())['crossings']['straight, every box']
    names = [item['name'] for item in rows['crossings']]
    assert names == ['cross/a-b@26', 'cross/b-a@26']
    assert (rows['held_before'], rows['kept']) == (held, kept)


def test_a_folder_without_crossings_says_so(tmp_path):
    write_scene(tmp_path / 'apart', walker('b', 100, -1, y=60))
    with pytest.raises(DatasetError, match='no scene with a targets.csv in which targets cross'):
        load_crossings(tmp_path)


def test_a_scene_whose_video_is_damaged_is_left_out_by_name(tmp_path, monkeypatch, capsys):
    for name in ('cross', 'cut', 'none'):
        write_scene(tmp_path / name, RIGHT)
    (tmp_path / 'none' / 'video.avi').write_bytes(b'no video')
    with (tmp_path / 'cut' / 'targets.csv').open('a') as table:
        table.write(f'{FRAMES},a,1,1,16,16,1\n')  # beyond the last frame
    monkeypatch.setitem(MAKERS, 'straight', lambda rest, label, **_: Straight(2.0))
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    command = ['--dataset', str(tmp_path), '--crossings', '--trackers', 'straight', '--quiet']
    assert cli.run(parser.parse_args(command)) == 0
    told = capsys.readouterr()
    assert '| 1 of 2' in told.out and told.out.endswith('\n\nleft out, damaged: cut, none\n')
    lines = told.err.splitlines()
    assert lines[0].startswith(f'left out: {tmp_path}/cut/targets.csv:')
    assert lines[1].startswith(f'left out: file {tmp_path}/none/video.avi cannot be opened')
    with pytest.raises(DatasetError, match='none/video.avi'):
        cli.run(parser.parse_args([*command, '--sequences', 'cross', 'none']))


def test_the_supervised_session_is_followed(tmp_path):
    from siamla_ros.evaluation.followers import supervised

    write_scene(tmp_path / 'cross', RIGHT)
    first = load_crossings(tmp_path, ['cr*'])[0]
    images = list(first.sequence.frames())
    assert len(images) == len(first.sequence) == 49
    for image, box in zip(images, first.sequence.boxes_xywh, strict=True):
        x, y, w, h = (int(v) for v in box)
        image[y : y + h, x : x + w] = (40, 240, 250)
    shown = Sequence(first.sequence.name, FrameList(images), first.sequence.boxes_xywh)
    found = supervised(ColorTracker(), 'local').follow(shown)
    item = tally(Crossing(shown, first.other_xywh, first.meet, first.part), found)
    assert item.held_before and item.kept and not item.switched
