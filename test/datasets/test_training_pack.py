"""Reading the training pack: what is read, and which file and line is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from support.packs import HEADER, write_pack

from siamla_ros.datasets.training_pack import in_validation, load_pack, read_index


@pytest.fixture
def pack(tmp_path):
    return write_pack(tmp_path / 'pack', tracks=3, frames=2)


def append(pack, line: str) -> None:
    with (pack / 'index.csv').open('a') as index:
        index.write(line + '\n')


def test_rows_become_records(pack):
    records = read_index(pack)
    assert len(records) == 6
    first = records[0]
    assert (first.dataset, first.track, first.frame, first.source) == ('toy', 't0', 0, 's0')
    assert first.path == pack / 'toy/0_0.jpg'
    assert first.mask_path == pack / 'toy/0_0.png'
    assert first.path.is_file()
    assert first.mask_path.is_file()


def test_small_objects_are_left_out(pack):
    append(pack, 'toy,small,0,toy/0_0.jpg,1,1,7.9,30,0,s')
    append(pack, 'toy,enough,0,toy/0_0.jpg,1,1,8,8,0,s')
    assert {r.track for r in read_index(pack)} == {'t0', 't1', 't2', 'enough'}


def test_optional_columns_may_lack(tmp_path):
    rows = ['dataset,track_id,frame,file,x,y,w,h', 'a,b,0,c.jpg,0,0,9,9']
    (tmp_path / 'index.csv').write_text('\n'.join(rows))
    (record,) = read_index(tmp_path)
    assert record.mask_path is None
    assert record.source == 'c.jpg'


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        ('toy,t9,0,a.jpg,1,zwei,30,30,0,s', "'zwei'"),
        ('toy,t9,first,a.jpg,1,2,30,30,0,s', "'first'"),
        ('toy,t9,0,a.jpg,nan,2,30,30,0,s', 'finite'),
        ('toy,t9,0,a.jpg,1,2,inf,30,0,s', 'finite'),
        ('toy,t9,0', 'line 8'),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(pack, line, words):
    append(pack, line)
    with pytest.raises(ValueError, match=r'index\.csv, line 8') as refused:
        read_index(pack)
    assert words in str(refused.value)


def test_missing_columns_are_named(tmp_path):
    (tmp_path / 'index.csv').write_text(HEADER.replace(',w,h', '') + '\n')
    with pytest.raises(ValueError, match=r'index\.csv: columns missing: w, h'):
        read_index(tmp_path)


def test_a_missing_index_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nowhere.index\.csv'):
        read_index(tmp_path / 'nowhere')


def test_splits_share_no_object_and_lose_none(tmp_path):
    pack = write_pack(tmp_path / 'pack', tracks=40, frames=1, masks=False)
    train, val = (load_pack(pack, split, {}, val_fraction=0.3) for split in ('train', 'val'))
    names = [{r.track for track in p.tracks for r in track} for p in (train, val)]
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 40
    assert 4 <= len(names[1]) <= 20
    assert train.weights.sum() == pytest.approx(1.0)


def test_the_split_of_an_object_never_moves(pack):
    first = read_index(pack)[0]
    # sha256("toy/t0") starts with byte 0x2f = 47 of 256.
    share = 0x2F / 256
    assert in_validation(first, share + 0.001, 0.0, is_video=False)
    assert not in_validation(first, share, 1.0, is_video=False)
    assert in_validation(first, 0.0, share + 0.001, is_video=True)


def test_sampling_weights(tmp_path):
    lines = [HEADER]
    for dataset, count in (('a', 1), ('b', 3), ('c', 2)):
        lines += [f'{dataset},{dataset}{i},0,x.jpg,0,0,20,20,0,s' for i in range(count)]
    (tmp_path / 'index.csv').write_text('\n'.join(lines))
    pack = load_pack(tmp_path, 'train', {'a+b': 3.0, '*': 1.0}, val_fraction=0.0)
    share = {}
    for track, weight in zip(pack.tracks, pack.weights, strict=True):
        share[track[0].dataset] = share.get(track[0].dataset, 0.0) + weight
    # The group a+b has 3/4, shared by its four tracks; c has the rest.
    assert share == pytest.approx({'a': 0.75 / 4, 'b': 0.75 * 3 / 4, 'c': 0.25})
    rng = np.random.default_rng(0)
    drawn = [pack.choose(rng)[0].dataset for _ in range(2000)]
    assert drawn.count('c') / 2000 == pytest.approx(0.25, abs=0.04)


def test_nothing_to_train_on_is_said(pack):
    with pytest.raises(ValueError, match="no objects in split 'val'"):
        load_pack(pack, 'val', {}, val_fraction=0.0, val_track_fraction=0.0)


@pytest.mark.parametrize('weight', [0.0, -1.0, float('nan'), float('inf')])
def test_weights_by_which_nothing_can_be_drawn_are_refused(tmp_path, weight):
    """All pairs were drawn from one track."""
    folder = write_pack(tmp_path / 'pack')
    with pytest.raises(ValueError, match=r"data\.sampling: \{'toy': .*the sum must lie above 0"):
        load_pack(folder, 'train', {'toy': weight})


def test_an_index_that_is_no_text_is_named(pack):
    (pack / 'index.csv').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ValueError, match=r'index\.csv: not UTF-8 text'):
        read_index(pack)
