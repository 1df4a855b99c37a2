"""The index of a data set gives the same tracks, without looking for them again."""

import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from siamla_ros.datasets import track_index, training_tracks
from siamla_ros.datasets.sequence import DatasetError
from siamla_ros.datasets.track_index import indexed_tracks
from siamla_ros.datasets.training_tracks import DatasetSpec, FrameTrack, load_tracks


def add_sequence(root: Path, name: str, write_images, rows: str = '4,5,20,16\n' * 5) -> None:
    write_images(root / name, 5)
    (root / name / 'groundtruth.txt').write_text(rows)


@pytest.fixture
def spec(tmp_path: Path, write_images) -> DatasetSpec:
    for number in range(3):
        add_sequence(tmp_path / 'got10k', f'GOT_{number}', write_images)
    return DatasetSpec('got', tmp_path / 'got10k', 'got10k')


def content(tracks: list[FrameTrack]) -> list[tuple]:
    return [
        (track.dataset, track.name, list(track.paths), track.fingerprint(), track[1])
        for track in tracks
    ]


def refuse(*_: object, **__: object) -> None:
    raise AssertionError('the data set was read again')


def test_an_index_holds_the_same_tracks_and_is_read_instead_of_them(spec, tmp_path, monkeypatch):
    direct = load_tracks(spec, [])
    made = indexed_tracks(spec, tmp_path / 'index', [])
    monkeypatch.setattr(track_index, 'load_tracks', refuse)
    again = indexed_tracks(spec, tmp_path / 'index', [])
    assert content(direct) == content(made) == content(again) and len(again) == 3
    assert [record.path.name for record in again[1][1:3]] == [
        record.path.name for record in direct[1][1:3]
    ]
    assert list(again[1].paths[1:3]) == list(direct[1].paths[1:3])


def test_a_sequence_that_was_added_is_noticed(spec, tmp_path, write_images):
    assert len(indexed_tracks(spec, tmp_path / 'index', [])) == 3
    add_sequence(spec.folder, 'GOT_9', write_images)
    assert len(indexed_tracks(spec, tmp_path / 'index', [])) == 4


def test_a_sequence_that_was_added_to_a_part_is_noticed(tmp_path, write_images):
    """Of TrackingNet, whose parts are unpacked while others are trained on."""
    part = tmp_path / 'TrackingNet/TRAIN_0'
    for name in ('first', 'second'):
        write_images(part / 'frames' / name, 5, '{}.jpg')
        (part / 'anno').mkdir(exist_ok=True)
        (part / f'anno/{name}.txt').write_text('4,5,20,16\n' * 5)
        found = indexed_tracks(DatasetSpec('net', part.parent), tmp_path / 'index', [])
        assert found[-1].name == name


def index_again_and_again(spec, folder, turns, gate, said):
    gate.wait()
    try:
        for _ in range(turns):
            os.utime(spec.folder)  # out of date
            assert len(indexed_tracks(spec, folder, [])) == 3
    except Exception as error:  # noqa: BLE001 - it is what is asked for
        said.put(f'{type(error).__name__}: {error}')
    else:
        said.put('')


def test_runs_that_begin_at_once_share_an_index(spec, tmp_path):
    context = multiprocessing.get_context('fork')
    said, gate = context.Queue(), context.Barrier(3)
    words = (spec, tmp_path / 'index', 12, gate, said)
    runs = [context.Process(target=index_again_and_again, args=words) for _ in range(3)]
    for run in runs:
        run.start()
    assert [said.get(timeout=60) for _ in runs] == [''] * 3
    for run in runs:
        run.join()


def test_an_index_that_another_run_is_just_exchanging_is_waited_for(spec, tmp_path, monkeypatch):
    indexed_tracks(spec, tmp_path / 'index', [])
    look = os.listdir

    def gone(place='.'):
        if str(place).startswith(str(tmp_path / 'index')):
            raise FileNotFoundError(str(place))  # between a look at the folder and one into it
        return look(place)

    monkeypatch.setattr(os, 'listdir', gone)
    assert len(indexed_tracks(spec, tmp_path / 'index', [])) == 3


def test_a_link_to_nothing_in_a_data_set_is_no_error(spec, tmp_path):
    (spec.folder / 'GOT_9').symlink_to(tmp_path / 'gone')
    assert len(indexed_tracks(spec, tmp_path / 'index', [])) == 3


def test_another_folder_of_the_same_name_is_another_data_set(spec, tmp_path, write_images):
    indexed_tracks(spec, tmp_path / 'index', [])
    add_sequence(tmp_path / 'other', 'one', write_images)
    other = spec._replace(folder=tmp_path / 'other')
    assert [t.name for t in indexed_tracks(other, tmp_path / 'index', [])] == ['one']


def test_what_was_left_out_is_named_each_time(spec, tmp_path, write_images):
    add_sequence(spec.folder, 'GOT_bad', write_images, rows='1,2,x,4\n')
    first, second = [], []
    indexed_tracks(spec, tmp_path / 'index', first)
    indexed_tracks(spec, tmp_path / 'index', second)
    assert len(first) == 1 and first == second and 'GOT_bad' in first[0]


@pytest.mark.parametrize('file', ['tracks.json', 'boxes.npy', 'files.npy'])
def test_a_damaged_index_is_made_anew(spec, tmp_path, file):
    before = content(indexed_tracks(spec, tmp_path / 'index', []))
    path = tmp_path / 'index/got' / file
    path.write_bytes(path.read_bytes()[:40])
    assert content(indexed_tracks(spec, tmp_path / 'index', [])) == before
    assert path.stat().st_size > 40


def test_nothing_is_written_where_it_must_not_be(spec, tmp_path):
    assert len(indexed_tracks(spec, tmp_path / 'index', [], write=False)) == 3
    assert not (tmp_path / 'index').exists()
    with pytest.raises(DatasetError):
        indexed_tracks(spec._replace(folder=tmp_path / 'none'), tmp_path / 'index', [])


def test_objects_of_pictures_in_one_folder_share_it(tmp_path):
    training = training_tracks.FrameTrack
    box, frame = np.ones((1, 4), np.float32), np.zeros(1, np.int32)
    paths = [Path(f'/data/coco/train2017/{n:012d}.jpg') for n in range(4)]
    tracks = [training('coco', str(n), (path,), frame, box) for n, path in enumerate(paths)]
    apart = (Path('/data/a/x/1.jpg'), Path('/data/a/y/2.jpg'))
    tracks.append(
        training('coco', 'two', apart, np.arange(2, dtype=np.int32), np.ones((2, 4), 'f4'))
    )
    track_index._write(tmp_path / 'coco', tracks, {})
    read = track_index._read(tmp_path / 'coco', DatasetSpec('coco', tmp_path), {}, [])
    assert [path for track in read for path in track.paths] == [*paths, *apart]


@pytest.mark.parametrize('name', ['../got10k', 'got10k', '{folder}', '..', '.'])
def test_nothing_but_an_index_is_ever_removed(spec, tmp_path, name):
    """Its own data set was, where `--index` is the folder that holds it."""
    name = name.format(folder=spec.folder)
    before = sorted(spec.folder.rglob('*'))
    with pytest.raises(DatasetError, match='without /|is no index; name another --index'):
        indexed_tracks(spec._replace(name=name), tmp_path, [])
    assert sorted(spec.folder.rglob('*')) == before


DAMAGES = ['[]', 'null', '{"names": []}', '{"counts": []}', '{"counts": ["a"]}']
DAMAGES += ['{"folders": null}', '{"places": [9, 9, 9]}', '{"left_out": 3}']


@pytest.mark.parametrize('text', DAMAGES)
def test_an_index_of_other_content_is_made_anew(spec, tmp_path, text):
    expected = content(indexed_tracks(spec, tmp_path / 'index', []))
    file = tmp_path / 'index/got/tracks.json'
    change = json.loads(text)
    kept = {**json.loads(file.read_text()), **change} if isinstance(change, dict) else change
    file.write_text(json.dumps(kept))
    assert content(indexed_tracks(spec, tmp_path / 'index', [])) == expected


def test_an_array_that_is_empty_is_made_anew(spec, tmp_path):
    expected = content(indexed_tracks(spec, tmp_path / 'index', []))
    (tmp_path / 'index/got/boxes.npy').write_bytes(b'')
    assert content(indexed_tracks(spec, tmp_path / 'index', [])) == expected
