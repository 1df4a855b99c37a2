"""The target is really gone where a spliced sequence says so, and nowhere else."""

import numpy as np
import pytest
from support.evaluation_doubles import SIDE, colored, square_scene

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation import edits, splice
from siamla_ros.evaluation.scenarios import AFTER, AWAY, BEFORE, SCENARIOS, episodes

SCENE = square_scene()
DONOR = square_scene('donor', seed=5, start=(60, 50), step=(0, 1))
for _image in DONOR.images:  # another video shows none of the target's color
    _image[:] = _image[::-1, ::-1] // 3


@pytest.mark.parametrize('kind', ['cut', 'painted_out', 'occluded'])
def test_absent_frames_do_not_show_the_target(kind):
    sequence = splice.KINDS[kind](SCENE, DONOR, seed=0)
    images = list(sequence.frames())
    gone = splice.VISIBLE_FRAMES
    assert sequence.absent.tolist() == [False] * gone + [True] * splice.ABSENT_FRAMES
    assert [colored(image) for image in images[:gone]] == [SIDE * SIDE] * gone
    assert max(colored(image) for image in images[gone:]) == 0


def test_a_distractor_is_beside_the_target_and_stays():
    sequence = splice.distractor(SCENE, DONOR, seed=0)
    images, gone = list(sequence.frames()), splice.VISIBLE_FRAMES
    offset = splice.beside(SCENE, 80)
    for time in (0, gone):
        box = SCENE.frame(time)[1]
        twin = splice.displaced(box, offset)
        x, y, w, h = (int(v) for v in twin)
        changed = np.abs(images[time].astype(int) - SCENE.frame(time)[0])[y : y + h, x : x + w]
        assert changed.mean() > 40
        expected = 0 if time == gone else SIDE * SIDE
        assert colored(images[time], box) == expected


def test_frames_and_boxes_go_forth_and_back():
    times = [SCENE.frame(time)[1][0] for time in (0, 29, 30, 57, 58, 59)]
    assert times == [20, 49, 48, 21, 20, 21]


def test_the_same_seed_gives_the_same_frames():
    first, second, other = (
        np.array(list(splice.occluded(SCENE, DONOR, seed).frames())) for seed in (3, 3, 4)
    )
    assert (first == second).all()
    assert (first != other).any()


def test_donor_is_never_of_the_same_footage():
    twin = splice.Scene('twin', SCENE.images, SCENE.boxes_xywh + 1)
    for seed in range(5):
        assert splice.donor_of(SCENE, [SCENE, twin, DONOR], seed) is DONOR
    with pytest.raises(ValueError, match='square: splicing needs a second video'):
        splice.donor_of(SCENE, [SCENE, twin], 0)


def test_scene_ends_where_truth_is_missing_or_the_target_fills_the_image():
    boxes = SCENE.boxes_xywh.copy()
    boxes[7] = np.nan
    sequence = Sequence('s', splice.FrameList(SCENE.images), boxes)
    assert len(splice.load_scene(sequence, 20).images) == 7
    boxes[4] = (0, 0, 128, 96)
    sequence = Sequence('s', splice.FrameList(SCENE.images), boxes)
    assert len(splice.load_scene(sequence, 20).images) == 4
    boxes[0] = (0, 0, 128, 96)
    with pytest.raises(ValueError, match='fills more than 50%'):
        splice.load_scene(Sequence('s', splice.FrameList(SCENE.images), boxes), 20)


@pytest.mark.parametrize('box', [(0, 0, 16, 16), (110, 80, 40, 40), (-20, 10, 30, 30)])
def test_edits_keep_shape_and_input(box):
    image = SCENE.images[0].copy()
    patch = DONOR.images[0][:10, :10]
    for edited in (
        edits.paint_out(image, box),
        edits.cover(image, box, patch),
        edits.paste(image, patch, box),
    ):
        assert edited.shape == image.shape
        assert edited.dtype == np.uint8
    assert (image == SCENE.images[0]).all()


def test_painting_leaves_the_rest_of_the_scene_alone():
    image, box = SCENE.frame(0)
    changed = (edits.paint_out(image, box) != image).any(-1)
    ys, xs = np.nonzero(changed)
    assert xs.min() >= box[0] - 8 and xs.max() < box[0] + SIDE + 8
    assert ys.min() >= box[1] - 8 and ys.max() < box[1] + SIDE + 8


@pytest.mark.parametrize('name', [name for name in SCENARIOS if name != 'crossing'])
def test_episode_hides_and_shows_the_target(name):
    episode = next(episodes(SCENE, DONOR, 0, (name,)))
    away = int(name.split('_')[1]) if name.startswith('occlusion') else AWAY
    assert (episode.gone, episode.back) == (BEFORE, BEFORE + away)
    images = list(episode.sequence.frames())
    assert len(images) == BEFORE + away + AFTER
    assert episode.sequence.absent.sum() == away
    assert max(colored(image) for image in images[episode.gone : episode.back]) == 0
    for time in (0, episode.gone - 1, episode.back, len(images) - 1):
        box = episode.sequence.boxes_xywh[time]
        assert colored(images[time], box) >= 0.9 * np.floor(box[2]) * np.floor(box[3])


def test_return_elsewhere_and_scaled_are_what_they_say():
    elsewhere = next(episodes(SCENE, DONOR, 0, ('leave_elsewhere',)))
    own = SCENE.frame(elsewhere.back)[1]
    moved = elsewhere.sequence.boxes_xywh[elsewhere.back]
    assert np.hypot(*(moved[:2] - own[:2])) > 1.5 * SIDE
    scaled = next(episodes(SCENE, DONOR, 0, ('leave_scaled',)))
    assert scaled.sequence.boxes_xywh[scaled.back][2] == pytest.approx(1.6 * SIDE)


def test_no_episode_elsewhere_without_room():
    boxes = np.tile([2.0, 2.0, 110.0, 85.0], (10, 1))
    cramped = splice.Scene('cramped', SCENE.images[:10], boxes)
    assert list(episodes(cramped, DONOR, 0, ('leave_elsewhere',))) == []


def test_crossing_frames_under_the_likeness_are_not_judged():
    episode = next(episodes(SCENE, DONOR, 0, ('crossing',)))
    unknown = np.isnan(episode.sequence.boxes_xywh).any(1)
    assert 0 < unknown.sum() < 15
    assert not episode.sequence.absent.any()
    assert np.isnan(episode.distractor_xywh[:BEFORE]).all()
    assert np.isfinite(episode.distractor_xywh[BEFORE:]).all()
