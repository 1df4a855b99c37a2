"""Look-alikes: who counts as one, and that training is shown them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('torch')

from support.networks import tiny_config, tiny_model
from support.packs import write_pack

from siamla_ros.datasets.training_pack import Pack, load_pack
from siamla_ros.training import similar_objects
from siamla_ros.training.box_jitter import BoxJitter
from siamla_ros.training.config import DataConfig
from siamla_ros.training.hard_negatives import HardNegatives
from siamla_ros.training.pairs import PairSource

COLORS = 5  # of write_pack: objects i and i + 5 look alike


@pytest.fixture(scope='module')
def pack(tmp_path_factory) -> Pack:
    folder = write_pack(tmp_path_factory.mktemp('data') / 'pack', tracks=2 * COLORS, frames=1)
    return load_pack(folder, 'train', {}, val_fraction=0.0)


def changed(pack: Pack, index: int, **fields) -> Pack:
    """The pack with one object's record replaced."""
    tracks = [list(track) for track in pack.tracks]
    tracks[index] = [replace(tracks[index][0], **fields)]
    return Pack(tracks, pack.photos, pack.weights, pack.cutouts)


def test_the_object_of_the_same_color_comes_first(pack, monkeypatch):
    monkeypatch.setattr(similar_objects, 'SAME', 2.0)
    found = similar_objects.similar_objects(tiny_model(), pack, count=3)
    assert [like[0] for like in found] == [(i + COLORS) % (2 * COLORS) for i in range(10)]
    assert all(len(like) <= 3 and i not in like for i, like in enumerate(found))


@pytest.mark.parametrize('fields', [{'dataset': 'other'}, {'source': 's5'}])
def test_what_may_be_the_same_object_is_none(pack, monkeypatch, fields):
    monkeypatch.setattr(similar_objects, 'SAME', 2.0)
    assert 0 not in similar_objects.similar_objects(tiny_model(), changed(pack, 0, **fields))[5]
    assert 5 not in similar_objects.similar_objects(tiny_model(), changed(pack, 0, **fields))[0]


def test_copies_and_things_that_were_filmed_are_none(pack, monkeypatch):
    monkeypatch.setattr(similar_objects, 'SAME', -1.0)  # all are too like
    assert similar_objects.similar_objects(tiny_model(), pack) == [[]] * 10
    monkeypatch.setattr(similar_objects, 'SAME', 2.0)
    filmed = Pack([[r, r] for (r,) in pack.tracks], pack.photos, pack.weights)
    assert similar_objects.similar_objects(tiny_model(), filmed) == [[]] * 10


def test_a_run_that_goes_on_reads_its_table_and_refuses_that_of_others(pack, tmp_path):
    path = tmp_path / 'run/similar_objects.json'
    first = similar_objects.table(tiny_model(), pack, path)
    saved = json.loads(path.read_text())
    path.write_text(json.dumps({**saved, 'similar_objects': [[1]] + first[1:]}))
    assert similar_objects.table(tiny_model(), pack, path)[0] == [1], 'read, not computed'
    with pytest.raises(ValueError, match='of another pack'):
        similar_objects.table(tiny_model(), changed(pack, 3, track='another'), path)


def test_negatives_are_drawn_among_the_look_alikes(pack):
    table = [[(i + COLORS) % 10] for i in range(10)]
    first = pack.tracks[2][0]
    for share, allowed in ((1.0, {'t7'}), (0.5, {f't{i}' for i in range(10)} - {'t2'})):
        data = DataConfig(similar=share)
        source = PairSource(pack, tiny_config(), data, 0, table)
        rng = np.random.default_rng(0)
        drawn = [source._another(first, rng).track for _ in range(60)]
        assert set(drawn) <= allowed
        assert len(set(drawn)) > 1 or share == 1.0
    assert 25 < drawn.count('t7') < 55


def test_synthetic_pairs_show_them_beside_the_target(pack):
    """Every cut-out's only distractor is the red one: with a share of 1 nothing else is beside."""
    data = DataConfig(
        similar=1.0, other=1.0, erased=0, synthetic=1.0, deform=0, box_jitter=0, degrade=0
    )
    source = PairSource(pack, tiny_config(), data, 0, [[0]] * 10)
    seen = 0
    for index in range(12):
        search = source._synthetic.draw(np.random.default_rng(index), False, BoxJitter())[1]
        strong = search.astype(int).max(2) - search.astype(int).min(2) > 120
        red = search[strong].astype(int)
        assert (red[:, 2] > red[:, :2].max(1)).all()
        seen += strong.any()
    assert seen > 6, 'pictures without any cut-out say nothing'


def test_a_share_needs_a_table_of_this_pack(pack):
    with pytest.raises(ValueError, match='data.similar = 0.5: needs a table'):
        HardNegatives(pack, None, 0.5)
    with pytest.raises(ValueError, match='of 2 objects, the pack has 10'):
        HardNegatives(pack, [[], []], 0.5)
    assert HardNegatives(pack, None, 0.0).of(pack.tracks[0][0], np.random.default_rng(0)) == []
