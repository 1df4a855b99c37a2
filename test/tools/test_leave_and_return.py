"""What the scene of a target that leaves and returns is judged by; no ROS needed."""

import importlib.util
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / 'tools' / 'demo'


def load(name):
    spec = importlib.util.spec_from_file_location(name, DEMO / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def scene():
    film, verdict = load('film'), load('verdict')
    yield film, verdict
    for name in ('film', 'verdict'):
        del sys.modules[name]


def test_keys_are_joined_by_lines_and_gaps_are_absences(scene):
    film, _ = scene
    keys = {10: (0, 0, 10, 10), 20: (10, 20, 10, 20), 100: (5, 5, 5, 5)}
    assert film.between(keys, 15) == (5.0, 10.0, 10.0, 15.0)
    assert film.between(keys, 60) is None and film.between(keys, 9) is None
    assert film.overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)


def test_the_generated_target_leaves_and_comes_back_elsewhere(scene):
    film, _ = scene
    made = film.generated()
    assert made.truth_xywh[made.left_index - 1] and not made.truth_xywh[made.left_index]
    before, after = made.truth_xywh[made.left_index - 1], made.truth_xywh[made.back_index]
    assert film.overlap(before, after) == 0.0
    assert all(
        film.overlap(box, decoy) == 0.0 for box in made.truth_xywh if box for decoy in film.decoys()
    )


def records(film, verdict, **changes):
    """A record in which all goes well, but for the changes."""
    left, back = film.left_index, film.back_index
    box = film.truth_xywh[back + 4]
    values = {
        'states': [
            (left - 1, 'TRACKING', 'CONFIDENT'),
            (left + 6, 'LOST', 'LOW_CONFIDENCE'),
            (back + 4, 'TRACKING', 'REINITIALIZED'),
        ],
        'confirmed': [(left - 1, 'target', film.truth_xywh[left - 1]), (back + 4, 'target', box)],
        'requests': [(left + 6, left + 7, 0)],
        'answers': [(5, 5, 'target', film.truth_xywh[5]), (back + 2, back + 3, 'target', box)],
        'offered': [(left + 8, [(0.0, 0.0, 5.0, 5.0)]), (back + 2, [box])],
    }
    return verdict.verdict_of(film, verdict.Record(**{**values, **changes}), 'target')


def test_all_went_well(scene):
    film, verdict = scene[0].generated(), scene[1]
    told = records(film, verdict)
    assert (
        told.success
        and told.failures() == []
        and told.how == 'REINITIALIZED'
        and told.followed == 1.0
    )
    assert told.before_lost == 0
    assert (told.lost_after, told.requested_after, told.answered_after) == (6, 7, 3)
    assert (told.found_after, told.offered_wrong, told.taken_wrong) == (4, 1, 0)
    assert told.processed == 3 / (len(film.images) - film.init_index)
    untold = records(
        film,
        verdict,
        states=[
            (film.left_index + 6, 'LOST', 'TIMEOUT'),
            (film.back_index + 5, 'UNCERTAIN', 'DISTRACTOR'),
        ],
    )
    assert untold.how == 'ANSWER'


def test_what_counts_as_failure(scene):
    film, verdict = scene[0].generated(), scene[1]
    left, back = film.left_index, film.back_index
    wrong = (0.0, 0.0, 24.0, 24.0)
    assert records(film, verdict, answers=[(back, back, 'target', wrong)]).taken_wrong == 1
    late = records(film, verdict, confirmed=[(left + n, 'target', wrong) for n in (0, 5, 6, 9)])
    assert late.before_lost == 2, 'LOST comes 6 images after the target has left'
    mistaken = records(film, verdict, confirmed=[(left + 9, 'target', wrong)])
    assert (
        mistaken.false_confirmations == 1 and mistaken.found_after is None and not mistaken.success
    )
    other = records(film, verdict, confirmed=[(back + 4, 'other', film.truth_xywh[back + 4])])
    assert other.found_after == 4 and not other.same_id and not other.success
    assert records(film, verdict, states=[]).lost_after is None
    assert records(film, verdict, states=[]).failures() == [
        'the target left and was not declared LOST'
    ]
    assert mistaken.failures() == [
        'the target came back and was not found again',
        '1 detections after LOST are not on the target',
    ]
    assert other.failures()[0] == 'the target was found again under another id'
