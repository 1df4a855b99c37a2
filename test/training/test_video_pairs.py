"""Pairs from video: boxes lie on their pixels, negatives do not show the target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('torch')

from support.networks import tiny_config
from support.packs import COLORS, write_pack
from support.videos import write_scene

from siamla_ros.datasets.scenes import load_scenes
from siamla_ros.datasets.training_pack import load_pack, without_tracks
from siamla_ros.geometry.crops import Window
from siamla_ros.training.config import DataConfig
from siamla_ros.training.pairs import Kind
from siamla_ros.training.tracked_windows import TrackedWindows
from siamla_ros.training.video_pairs import VideoPairs
from siamla_ros.training.video_tracks import share_inside, tracks_of

CLEAN = DataConfig(
    video=1.0,
    tracked=0.0,
    elsewhere=0.0,
    careless=0.0,
    tiny=0.0,
    inverted=0.0,
    erased=0.0,
    occlude=0.0,
    distractor=0.0,
    deform=0.0,
    box_jitter=0.0,
    degrade=0.0,
    border_photo=0.0,
)


@pytest.fixture(scope='module')
def pack(tmp_path_factory):
    folder = write_pack(tmp_path_factory.mktemp('data') / 'pack')
    return load_pack(folder, 'train', {}, val_fraction=0.0)


@pytest.fixture(scope='module')
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp('video')
    write_scene(folder / 'video/one', hidden=4)
    write_scene(folder / 'video/two', targets=2)
    return load_scenes(folder / 'video', folder / 'cache')


def source(pack, scenes, windows=None, **changes) -> VideoPairs:
    return VideoPairs(pack, tiny_config(), replace(CLEAN, **changes), 3, scenes, windows)


def stands_out(search: np.ndarray) -> np.ndarray:
    """Mask (S, S) of saturated pixels: the targets are colored, the background is dull."""
    return search.max(0).astype(int) - search.min(0) > 110


def test_boxes_lie_on_the_target(pack, scenes):
    drawn = source(pack, scenes[:1])
    compared = 0
    for index in range(30):
        pair = drawn.pair(index)
        assert pair.kind is Kind.POSITIVE
        x0, y0, x1, y1 = np.clip(pair.box_xyxy, 0, 96)
        mask = stands_out(pair.search)
        if mask.sum() < 40:  # the light of this pair leaves too little color
            continue
        rows, columns = np.nonzero(mask)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert found == pytest.approx((x0, y0, x1, y1), abs=4.0)
        compared += 1
    assert compared > 12


def test_a_pair_is_a_function_of_seed_and_index(pack, scenes):
    first, again = source(pack, scenes, video=0.5), source(pack, scenes, video=0.5)
    backwards = [again.pair(index) for index in reversed(range(8))][::-1]
    for index in range(8):
        assert np.array_equal(first.pair(index).search, backwards[index].search)
        assert np.array_equal(first.pair(index).box_xyxy, backwards[index].box_xyxy, True)


def test_elsewhere_the_target_is_out_of_view(pack, scenes):
    drawn = source(pack, scenes[:1], elsewhere=1.0)
    pairs = [drawn.pair(index) for index in range(20)]
    others = [pair for pair in pairs if pair.kind is Kind.OTHER]
    assert len(others) > 10
    assert all(np.isnan(pair.box_xyxy).all() for pair in others)
    assert max(stands_out(pair.search).mean() for pair in others) < 0.01


def test_another_target_of_the_scene_is_a_negative(pack, scenes):
    """Windows elsewhere in a scene of two show the other one in most cases."""
    drawn = source(pack, scenes[1:], elsewhere=1.0)
    shown = [stands_out(drawn.pair(index).search).sum() > 60 for index in range(24)]
    assert sum(shown) > 8


def test_the_place_where_a_tracker_looked_is_searched(pack, scenes):
    """After the target has gone its windows are negatives; before, they are where it was seen."""
    frames = np.array([5, 22])
    places = np.array([[40.0, 12.0, 16.0, 16.0], [60.0, 60.0, 16.0, 16.0]])
    table = TrackedWindows(frames, places, np.array([1.0, np.nan]), np.array([0.5, 1.0]))
    drawn = source(pack, scenes[:1], {('one', 'target'): table}, tracked=1.0)
    pairs = [drawn.pair(index) for index in range(40)]
    kinds = [pair.kind for pair in pairs]
    assert set(kinds) == {Kind.POSITIVE, Kind.OTHER}
    centers = [
        (pair.box_xyxy[:2] + pair.box_xyxy[2:]) / 2 for pair in pairs if pair.kind is Kind.POSITIVE
    ]
    # Frame 5 has its target at (40, 12), where the window is centered but for a small error.
    assert np.abs(np.array(centers) - 48).max() < 14


def test_hidden_or_short_targets_are_not_trained_on(scenes):
    (target,) = scenes[0].targets
    (track,) = tracks_of(scenes[0], {})
    assert track.usable.tolist() == list(range(20)), 'the last four frames hold no box'
    faint = replace(scenes[0], targets=(replace(target, visibility=target.visibility * 0.3),))
    assert tracks_of(faint, {}) == []


def test_share_inside_a_window():
    window = Window(50.0, 50.0, 40.0, 40.0)
    assert share_inside((40.0, 40.0, 20.0, 20.0), window) == 1.0
    assert share_inside((20.0, 40.0, 20.0, 20.0), window) == 0.5
    assert share_inside((0.0, 0.0, 10.0, 10.0), window) == 0.0


def test_a_pack_without_the_tracks_of_held_out_scenes(pack):
    less = without_tracks(pack, ('toy_t1', 'elsewhere_t2'))
    assert [t[0].track for t in less.tracks] == ['t0', 't2', 't3']
    assert less.weights.sum() == pytest.approx(1.0)
    assert {r.track for r in less.cutouts} == {'t0', 't2', 't3'}
    assert len(COLORS) >= 4
