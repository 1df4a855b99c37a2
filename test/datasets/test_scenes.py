"""Scenes of annotated video: targets, frames decoded once, and messages that name the fault."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.videos import COLORS, SIDE, place, write_scene

from siamla_ros.datasets.discovery import load_dataset
from siamla_ros.datasets.scenes import load_scenes, of_side, read_split, read_targets
from siamla_ros.datasets.sequence import DatasetError, Sequence, VideoFrames


@pytest.fixture
def root(tmp_path):
    write_scene(tmp_path / 'video/one', frames=10, hidden=3)
    write_scene(tmp_path / 'video/two', frames=6, targets=2)
    return tmp_path / 'video'


def test_scenes_hold_their_targets_and_frames(root, tmp_path):
    one, two = load_scenes(root, tmp_path / 'cache')
    assert (one.name, two.name) == ('one', 'two')
    assert one.frames().shape == (10, 120, 160, 3)
    (target,) = one.targets
    assert target.boxes_xywh[:7].tolist() == [[*place(f, 0), SIDE, SIDE] for f in range(7)]
    assert np.isnan(target.boxes_xywh[7:]).all()
    assert target.visibility.tolist() == [1.0] * 7 + [0.0] * 3
    assert [t.name for t in two.targets] == ['1', '2']
    x, y = place(4, 1)
    middle = two.frames()[4, y + SIDE // 2, x + SIDE // 2].astype(int)
    assert np.abs(middle - COLORS[1]).max() < 40, 'the frame is where its box says'


def test_frames_are_decoded_once_and_scenes_can_be_left_out(root, tmp_path):
    load_scenes(root, tmp_path / 'cache')
    kept = tmp_path / 'cache/two.npy'
    stamp = kept.stat().st_mtime_ns
    (scene,) = load_scenes(root, tmp_path / 'cache', ('one',))
    assert scene.name == 'two' and kept.stat().st_mtime_ns == stamp
    with pytest.raises(DatasetError, match='no scene three to exclude'):
        load_scenes(root, tmp_path / 'cache', ('three',))
    with pytest.raises(DatasetError, match='no scene to train on'):
        load_scenes(root, tmp_path / 'cache', ('one', 'two'))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('frame,target_id,x,y,w,h\n', 'columns missing: visibility'),
        ('frame,target_id,x,y,w,h,visibility\n0,1,a,2,3,4,1\n', ':2: could not convert'),
        ('frame,target_id,x,y,w,h,visibility\n0,1,1,2\n', ':2: '),
        ('frame,target_id,x,y,w,h,visibility\n5,1,1,2,3,4,1\n', r'frame = 5: must lie in \[0, 5\)'),
        ('frame,target_id,x,y,w,h,visibility\n', 'empty'),
    ],
)
def test_a_damaged_table_of_targets_is_named(tmp_path, text, message):
    path = tmp_path / 'targets.csv'
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_targets(path, 5)


def test_boxes_and_frames_must_agree_in_number(root, tmp_path):
    truth = root / 'one/groundtruth_rect.txt'
    truth.write_text('\n'.join(truth.read_text().splitlines()[:-1]) + '\n')
    with pytest.raises(DatasetError, match='9 rows for 10 frames'):
        load_scenes(root, tmp_path / 'cache')


def test_a_split_names_its_development_scenes(tmp_path):
    path = tmp_path / 'split.yaml'
    path.write_text('development: [a, b]\n')
    assert read_split(path) == ('a', 'b')
    path.write_text('development: a\n')
    with pytest.raises(DatasetError, match="development = 'a': must be a list"):
        read_split(path)


def test_a_sequence_for_each_target_that_is_once_well_visible(tmp_path):

    folder = tmp_path / 'set' / 'street'
    folder.mkdir(parents=True)
    code = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(folder / 'video.avi'), code, 30.0, (96, 72))
    for number in range(30):
        writer.write(np.full((72, 96, 3), 4 * number, np.uint8))
    writer.release()
    rows = ['frame,target_id,x,y,w,h,visibility']
    for frame in range(30):
        rows.append(f'{frame},1,10,10,20,30,{0.5 if frame < 4 else 0.2 if frame == 9 else 1}')
        rows.append(f'{frame},2,90,10,20,30,1')  # always half outside
        rows.append(f'{frame},3,40,10,20,30,')  # visibility not stated
        if frame < 12:
            rows.append(f'{frame},4,60,30,20,30,1')  # too short
    (folder / 'targets.csv').write_text('\n'.join(rows) + '\n')
    first, third = load_dataset(tmp_path / 'set')
    assert (first.name, len(first)) == ('street-1', 26)
    assert np.isnan(first.boxes_xywh[5]).all() and np.isfinite(first.boxes_xywh[6]).all()
    assert not first.absent.any()
    assert abs(int(next(first.frames())[0, 0, 0]) - 16) <= 3, 'it begins on frame 4'
    assert (third.name, len(third)) == ('street-3', 30)


def test_a_split_divides_sequences_by_their_scene():
    names = ['one', 'one_1', 'two-1', 'two-2']
    all_of = [Sequence(name, VideoFrames(Path('v.mp4')), np.ones((3, 4))) for name in names]
    assert [s.name for s in of_side(all_of, ('one', 'two'), 'development')] == [
        'one',
        'two-1',
        'two-2',
    ]
    assert [s.name for s in of_side(all_of, ('one', 'two'), 'training')] == ['one_1']
    with pytest.raises(DatasetError, match='no sequence of tw, which the split names'):
        of_side(all_of, ('tw', 'one'), 'development')
    some = of_side(all_of[:1], ('one', 'two'), 'development', whole=False)
    assert [s.name for s in some] == ['one'], 'patterns left the others out'
    with pytest.raises(DatasetError, match="no sequence on the side 'training'"):
        of_side(all_of, ('one', 'one_1', 'two'), 'training')
