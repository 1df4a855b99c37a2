"""Benchmarks as tracks to train on, from a few tiny images each."""

import json

import numpy as np
import pytest

from siamla_ros.datasets import training_tracks
from siamla_ros.datasets.sequence import DatasetError
from siamla_ros.datasets.training_pack import Record
from siamla_ros.datasets.training_tracks import (
    DatasetSpec,
    held_out,
    load_tracks,
    validation_part,
    with_tracks,
)


@pytest.fixture
def got10k(tmp_path, write_images):
    root = tmp_path / 'got10k'
    write_images(root / 'GOT_1', 4)
    # unseen in the third frame, too small in the fourth
    (root / 'GOT_1' / 'groundtruth.txt').write_text('1,2,10,12\n2,2,10,12\n3,2,10,12\n4,2,5,12\n')
    (root / 'GOT_1' / 'absence.label').write_text('0\n0\n1\n0\n')
    write_images(root / 'GOT_2', 2)
    (root / 'GOT_2' / 'groundtruth.txt').write_text('1,2,10\n')
    return root


def test_video_gives_the_frames_in_which_the_object_is_seen(got10k):
    damaged = []
    (track,) = load_tracks(DatasetSpec('got', got10k), damaged)
    assert len(damaged) == 1 and 'GOT_2/groundtruth.txt:1' in damaged[0]
    assert [record.frame for record in track] == [0, 1]
    folder = got10k / 'GOT_1'
    assert track[1] == Record(
        'got', 'GOT_1', 1, folder / '0002.png', (2.0, 2.0, 10.0, 12.0), None, 'GOT_1'
    )


def test_coco_gives_a_track_an_object(tmp_path):
    (tmp_path / 'annotations').mkdir()
    boxes = [([5, 6, 20, 30], 0), ([5, 6, 20, 30], 1), ([5, 6, 4, 30], 0)]  # a crowd; too small
    content = {
        'images': [{'id': 9, 'file_name': '9.jpg'}],
        'annotations': [
            {'id': i, 'image_id': 9, 'bbox': box, 'iscrowd': crowd}
            for i, (box, crowd) in enumerate(boxes)
        ],
    }
    (tmp_path / 'annotations' / 'instances_train2017.json').write_text(json.dumps(content))
    (tmp_path / 'annotations' / 'instances_val2017.json').write_text('not read')
    (track,) = load_tracks(DatasetSpec('coco', tmp_path), [])
    assert track[0].path == tmp_path / 'train2017' / '9.jpg'
    assert (len(track), track[0].box_xywh) == (1, (5.0, 6.0, 20.0, 30.0))


NAN = float('nan')
BAD = [None, 'text', [1, 2, 3], ['a', 0, 9, 9], [NAN, 0, 9, 9], [0, 0, NAN, 9], [0, 0, 1e30, 1e30]]
BAD += [[64, 0, 9, 9], [0, 48, 9, 9], [-9, 0, 9, 9]]  # beyond a picture of 64x48


def test_annotations_of_coco_that_are_no_boxes_are_left_out_and_counted(tmp_path):
    (tmp_path / 'annotations').mkdir()
    items = [{'id': i, 'image_id': 9, 'bbox': box} for i, box in enumerate(BAD)]
    items += [{'id': 90, 'image_id': 9, 'bbox': [60, 40, 9, 9]}, 'text', {'id': 91, 'image_id': 7}]
    images = [{'id': 9, 'file_name': '9.jpg', 'width': 64, 'height': 48}]
    path = tmp_path / 'annotations' / 'instances_train.json'
    path.write_text(json.dumps({'images': images, 'annotations': items}))
    damaged = []
    (track,) = load_tracks(DatasetSpec('coco', tmp_path), damaged)
    assert track.name == '90'
    (words,) = damaged
    assert f'{path}: 12 of 13 annotations, the first is 0 (TypeError' in words


@pytest.mark.parametrize('text', ['not json', '[1, 2]', '{}', '{"images": [5], "annotations": []}'])
def test_a_file_that_holds_no_annotations_of_coco_is_named(tmp_path, text):
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations' / 'instances_train.json').write_text(text)
    with pytest.raises(DatasetError, match=r'instances_train\.json: no annotations of COCO'):
        load_tracks(DatasetSpec('coco', tmp_path), [])


@pytest.mark.parametrize('row', ['1e9,2,10,12', '4,2,1e30,12', '4,-1e7,9,12'])
def test_a_video_with_a_box_beyond_any_picture_is_named(got10k, row):
    rows = f'1,2,10,12\n2,2,10,12\n{row}\n4,2,10,12\n'
    (got10k / 'GOT_1' / 'groundtruth.txt').write_text(rows)
    (got10k / 'GOT_1' / 'absence.label').write_text('0\n0\n0\n0\n')
    value = max(row.split(','), key=lambda text: abs(float(text)))
    damaged = []
    with pytest.raises(DatasetError, match='no sequence'):
        load_tracks(DatasetSpec('got', got10k), damaged)
    words = f'groundtruth.txt:3: {value} px, must lie within +-1000000'
    assert len([reason for reason in damaged if reason.endswith(words)]) == 1


def test_imagenet_vid_gives_a_track_an_object_of_a_video(tmp_path):
    video = tmp_path / 'Annotations' / 'VID' / 'train' / 'a' / 'v1'
    video.mkdir(parents=True)
    item = (
        '<object><trackid>{}</trackid><bndbox><xmax>{}</xmax><xmin>10</xmin><ymax>40</ymax>'
        '<ymin>20</ymin></bndbox></object>'
    )
    for frame in range(3):
        objects = item.format(0, 30 + frame) + (item.format(1, 50) if frame == 2 else '')
        (video / f'{frame:06d}.xml').write_text(f'<annotation>{objects}</annotation>')
    (track,) = load_tracks(DatasetSpec('vid', tmp_path, 'imagenet_vid'), [])  # 1 is seen once
    assert track.name == 'train/a/v1/0' and track.frames.tolist() == [0, 1, 2]
    assert track[2].path == tmp_path / 'Data' / 'VID' / 'train' / 'a' / 'v1' / '000002.JPEG'
    assert track[2].box_xywh == (10.0, 20.0, 22.0, 20.0)
    (video / '000001.xml').write_text('<annotation>')
    with pytest.raises(DatasetError, match=r'000001\.xml'):
        load_tracks(DatasetSpec('vid', tmp_path, 'imagenet_vid'), [])


def test_what_cannot_be_trained_on_is_refused(moving_target, tmp_path):
    with pytest.raises(DatasetError, match='is a video file, whose frames cannot be drawn'):
        load_tracks(DatasetSpec('x', moving_target), [])
    with pytest.raises(DatasetError, match="layout 'x': must be one of auto, video"):
        load_tracks(DatasetSpec('x', tmp_path, 'x'), [])


def test_weights_go_by_the_names_of_data_sets(got10k, monkeypatch):
    (track,) = load_tracks(DatasetSpec('got', got10k), [])
    others = [training_tracks.FrameTrack('lasot', str(i), *track_of(track)) for i in range(3)]
    monkeypatch.setattr(training_tracks, 'held_out', lambda track: track.name == '2')
    pack = with_tracks(None, [track, *others], {'got': 3.0, 'lasot': 1.0})
    assert [t.name for t in pack.tracks] == ['GOT_1', '0', '1']  # one is held out
    assert pack.weights.tolist() == [0.75, 0.125, 0.125]
    assert [[r.frame for r in t] for t in validation_part(others, 5, 2)] == [[0, 1]]


def track_of(track):
    return track.paths, track.frames, track.boxes_xywh


def test_few_tracks_are_held_out_and_always_the_same(got10k):
    (track,) = load_tracks(DatasetSpec('got', got10k), [])
    many = [training_tracks.FrameTrack('a', str(i), *track_of(track)) for i in range(4000)]
    held = [t.name for t in many if held_out(t)]
    assert 40 <= len(held) <= 120
    assert held == [t.name for t in many if held_out(t)]
    assert len(validation_part(many, 10, 2)) <= 10


def test_a_fingerprint_follows_the_boxes(got10k):
    (track,) = load_tracks(DatasetSpec('got', got10k), [])
    moved = training_tracks.FrameTrack(
        'got', 'GOT_1', track.paths, track.frames, track.boxes_xywh + np.float32(1)
    )
    assert track.fingerprint() != moved.fingerprint()
