"""Training pairs: deterministic, and boxes that lie on the pixels they speak of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('torch')

from support.networks import textured_image, tiny_config
from support.packs import HEADER, write_pack

from siamla_ros.datasets.training_pack import load_pack, read_image
from siamla_ros.datasets.training_tracks import FrameTrack
from siamla_ros.geometry.crops import Window
from siamla_ros.training.config import DataConfig
from siamla_ros.training.pairs import Kind, PairSource, to_crop, within_gap

CLEAN = DataConfig(
    other=0,
    erased=0,
    synthetic=0,
    occlude=0,
    distractor=0,
    deform=0,
    box_jitter=0,
    degrade=0,
    border_photo=0,
)


@pytest.fixture(scope='module')
def pack(tmp_path_factory):
    folder = write_pack(tmp_path_factory.mktemp('data') / 'pack')
    return load_pack(folder, 'train', {}, val_fraction=0.0)


def source(pack, data: DataConfig, seed: int = 0, **model) -> PairSource:
    return PairSource(pack, tiny_config(**model), data, seed)


def bright_box(crop: np.ndarray) -> tuple[float, ...] | None:
    """The xyxy box of what stands out of an RGB crop (3, S, S)."""
    image = crop.astype(np.float64)
    rim = np.concatenate([image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], axis=1)
    far = np.abs(image - np.median(rim, axis=1)[:, None, None]).max(0)
    mask = far > 0.5 * far.max()
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if far.max() < 25:
        return None
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def band(low: float, high: float, inset: float = 0.0) -> slice:
    """Whole pixels of a side of a box within the crop, without ``inset`` of it at both ends."""
    margin = inset * (high - low)
    return slice(*(int(v) for v in np.clip(np.rint([low + margin, high - margin]), 0, 96)))


def test_a_pair_is_a_function_of_seed_and_index(pack):
    data = DataConfig()
    first, again = source(pack, data, 3), source(pack, data, 3)
    backwards = [again.pair(i) for i in reversed(range(12))][::-1]
    for index in range(12):
        a, b = first.pair(index), backwards[index]
        assert np.array_equal(a.template, b.template)
        assert np.array_equal(a.search, b.search)
        assert np.array_equal(a.box_xyxy, b.box_xyxy, equal_nan=True)
        assert a.kind == b.kind
    assert not np.array_equal(first.pair(0).search, first.pair(1).search)
    assert not np.array_equal(first.pair(0).search, source(pack, data, 4).pair(0).search)


def test_shapes_and_types(pack):
    pair = source(pack, DataConfig()).pair(0)
    assert pair.template.shape == (3, 64, 64)
    assert pair.search.shape == (3, 96, 96)
    assert pair.template.dtype == pair.search.dtype == np.uint8
    assert pair.box_xyxy.dtype == np.float32


@pytest.mark.parametrize('isotropic', [0.0, 1.0])
@pytest.mark.parametrize('far', [0.0, 1.0])
def test_boxes_lie_on_their_pixels(pack, far, isotropic):
    pairs = source(pack, replace(CLEAN, far=far), 1, isotropic=isotropic)
    compared = 0
    for index in range(24):
        pair = pairs.pair(index)
        found, box = bright_box(pair.search), np.clip(pair.box_xyxy, 0, 96)
        assert pair.kind is Kind.POSITIVE
        if found is None or min(box[2:] - box[:2]) < 6:
            continue
        assert found == pytest.approx(tuple(box), abs=1.6)
        compared += 1
    assert compared > 12


def test_boxes_of_synthetic_pairs_lie_on_their_object(pack):
    """Distractors stand out as well, so that what is told is what the box holds."""
    pairs = source(pack, replace(CLEAN, synthetic=1.0, far=0.0), 1)
    for index in range(16):
        pair = pairs.pair(index)
        color = np.median(pair.template[:, 24:40, 24:40], axis=(1, 2))
        far = np.abs(pair.search.astype(float) - color[:, None, None]).max(0)
        x0, y0, x1, y1 = pair.box_xyxy
        assert (far[band(y0, y1, 0.25), band(x0, x1, 0.25)] < 60).mean() > 0.9, index
        # Its sides touch the object: what is turned, with a corner.
        for side in (np.s_[:, band(x0, x0 + 4)], np.s_[:, band(x1 - 4, x1)]):
            assert (far[side][band(y0, y1)] < 60).any(), index


def test_the_template_shows_the_target_in_its_middle(pack):
    pairs = source(pack, CLEAN, 2)
    side = 64 / 1.4
    for index in range(6):
        found = bright_box(pairs.pair(index).template)
        expected = (32 - side / 2, 32 - side / 2, 32 + side / 2, 32 + side / 2)
        assert found == pytest.approx(expected, abs=5.0)  # jittered by some percent


def test_pairs_are_mirrored_in_half_of_the_cases(pack, monkeypatch):
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, :80] = 255  # bright on the left; mirrored, on the right
    monkeypatch.setattr('siamla_ros.training.pairs.read_image', lambda path, *_: image)
    pairs = [source(pack, replace(CLEAN, far=0.0), 5).pair(i) for i in range(40)]
    bright_left = [p.search[:, :, :8].mean() > p.search[:, :, -8:].mean() for p in pairs]
    assert 10 < sum(bright_left) < 30


def test_kinds_come_in_their_shares_and_negatives_have_no_box(pack):
    data = replace(CLEAN, other=0.3, erased=0.3)
    pairs = [source(pack, data).pair(i) for i in range(120)]
    share = {kind: np.mean([p.kind is kind for p in pairs]) for kind in Kind}
    assert share[Kind.OTHER] == pytest.approx(0.3, abs=0.12)
    assert share[Kind.ERASED] == pytest.approx(0.3, abs=0.12)
    for pair in pairs:
        assert np.isnan(pair.box_xyxy).all() == (pair.kind is not Kind.POSITIVE)


def test_a_pack_without_photographs_and_masks_trains(tmp_path):
    folder = write_pack(tmp_path / 'bare', tracks=2, frames=2, photos=0, masks=False)
    bare = load_pack(folder, 'train', {}, val_fraction=0.0)
    kinds = {source(bare, DataConfig(other=0.3, erased=0.3)).pair(i).kind for i in range(40)}
    assert kinds == set(Kind)


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    folder = write_pack(tmp_path / 'pack', tracks=1, frames=1)
    (folder / 'toy/0_0.jpg').write_bytes(b'no picture')
    broken = load_pack(folder, 'train', {}, val_fraction=0.0)
    with pytest.raises(OSError, match=r'0_0\.jpg'):
        source(broken, CLEAN).pair(0)


def test_boxes_in_crop_pixels():
    window = Window(cx=50.0, cy=40.0, width=40.0, height=20.0)
    assert to_crop((30.0, 30.0, 40.0, 20.0), window, 80) == (0.0, 0.0, 80.0, 80.0)
    assert to_crop((50.0, 40.0, 10.0, 5.0), window, 80) == (40.0, 40.0, 60.0, 60.0)


def test_both_pictures_of_a_pair_lie_within_the_gap():
    frames = np.array([0, 1, 2, 50, 51, 90], np.int32)
    boxes = np.ones((6, 4), np.float32) * 20
    track = FrameTrack('d', 't', tuple(Path(str(f)) for f in frames), frames, boxes)
    rng = np.random.default_rng(0)
    found = {frames[within_gap(track, 50, 10, rng)] for _ in range(50)}
    assert found == {50, 51}
    assert {frames[within_gap(list(track), 2, 2, rng)] for _ in range(50)} == {0, 1, 2}
    assert {frames[within_gap(track, 90, 0, rng)] for _ in range(200)} == set(frames)


def large_pack(folder: Path, suffix: str):
    """An object of some 400 px in pictures of odd sides, so that blocks do not divide them."""
    rows = [HEADER]
    for frame, (x, y, w, h) in enumerate([(90, 60, 420, 380), (161, 75, 400, 410)]):
        image = textured_image(601, 803, seed=frame) // 2
        image[y : y + h, x : x + w] = textured_image(h, w, seed=9) // 2 + 127
        cv2.imwrite(str(folder / f'{frame}{suffix}'), image, [cv2.IMWRITE_JPEG_QUALITY, 98])
        rows.append(f'd,t,{frame},{frame}{suffix},{x},{y},{w},{h},0,s')
    (folder / 'index.csv').write_text('\n'.join(rows) + '\n')
    return load_pack(folder, 'train', {}, val_fraction=0.0)


@pytest.fixture
def read(monkeypatch):
    """The reductions at which pictures are read."""
    seen = []

    def reading(path, reduction=1):
        seen.append(reduction)
        return read_image(path, reduction)

    monkeypatch.setattr('siamla_ros.training.pairs.read_image', reading)
    return seen


def test_a_reduced_picture_gives_the_same_pair(tmp_path, read):
    pack = large_pack(tmp_path, '.jpg')
    config = tiny_config()
    reduced, whole = (PairSource(pack, config, CLEAN, 3, reduce=r) for r in (True, False))
    for index in range(12):
        a, b = reduced.pair(index), whole.pair(index)
        assert a.box_xyxy.tolist() == b.box_xyxy.tolist() and a.kind == b.kind
        for one, other in ((a.template, b.template), (a.search, b.search)):
            apart = np.abs(one.astype(int) - other)
            assert apart.mean() < 3.5 and np.percentile(apart, 95) < 12 < one.std()
    assert set(read) == {1, 8}, 'templates are of 64 px of some 560, searches 96 of 1200'


def test_other_files_than_jpeg_are_read_whole(tmp_path, read):
    pairs = PairSource(large_pack(tmp_path, '.png'), tiny_config(), CLEAN, 3)
    for index in range(4):
        pairs.pair(index)
    assert set(read) == {1}


def test_a_picture_is_never_reduced_below_its_crop(tmp_path):
    pairs = PairSource(large_pack(tmp_path, '.jpg'), tiny_config(), CLEAN, 3)
    found = {
        side: pairs._reduction(Path('a.jpg'), Window(0, 0, side, 2 * side), 100)
        for side in (50, 199, 200, 399, 400, 799, 800, 5000)
    }
    assert found == {50: 1, 199: 1, 200: 2, 399: 2, 400: 4, 799: 4, 800: 8, 5000: 8}
