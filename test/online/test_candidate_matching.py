"""Which of a detector's boxes is the lost target, as a table."""

import math

import pytest

from siamla_ros.online.candidate_matching import (
    Candidate,
    LostTarget,
    MatchingRules,
    fitting,
    is_box,
    match_by_distance,
    match_by_probability,
    parse_aliases,
)

NAN = math.nan
LOST = LostTarget('person', (100.0, 100.0, 20.0, 20.0), age_s=0.5)
RULES = MatchingRules()


def choose(target, candidates, rules, aliases):
    """Index of the box that is chosen by place, None without one."""
    fits = fitting(target, candidates, rules, aliases)
    return match_by_distance(target, candidates, fits, rules).index if fits else None


def at(x, y=100.0, size=20.0, label='person', score=0.9):
    return Candidate((x, y, size, size), label, score)


def test_a_box_in_which_another_target_is_confirmed_does_not_fit():
    taken = [(300.0, 100.0, 20.0, 20.0), (91.0, 101.0, 20.0, 20.0)]
    assert fitting(LOST, [at(90), at(110), at(100)], RULES, {}, taken) == [1, 2]
    assert fitting(LOST, [at(90), at(NAN)], RULES, {}, taken) == []
    assert fitting(LOST, [at(90)], RULES, {}) == [0]


@pytest.mark.parametrize(
    'candidates, index',
    [
        ([], None),
        ([at(110)], 0),
        ([at(130), at(110)], 1),
        ([at(110, label='dog')], None),
        ([at(110, score=0.3)], None),
        ([at(110, score=float('nan'))], None),
        ([at(110, size=60)], None),
        ([at(110, size=7)], None),
        ([at(159)], 0),
        ([at(161)], None),
        ([at(110), at(90)], None),
        ([at(float('nan'))], None),
        ([at(110, size=0)], None),
    ],
    ids=[
        'nothing',
        'fits',
        'nearest',
        'class',
        'score',
        'nan score',
        'large',
        'small',
        'reach',
        'far',
        'two',
        'nan',
        'empty',
    ],
)
def test_by_class_score_size_and_place(candidates, index):
    assert choose(LOST, candidates, RULES, {}) == index


def test_the_longer_it_is_lost_the_further_it_may_be():
    later = LostTarget('person', LOST.box_xywh, age_s=5.0)
    assert choose(LOST, [at(300)], RULES, {}) is None
    assert choose(later, [at(300)], RULES, {}) == 0
    assert choose(LOST, [at(9000)], MatchingRules(reach=0.0), {}) == 0


def test_a_target_without_label_takes_any_class_and_aliases_translate():
    unnamed = LostTarget('', LOST.box_xywh, 0.5)
    assert choose(unnamed, [at(110, label='dog')], RULES, {}) == 0
    aliases = parse_aliases(['person=0', 'car=2'])
    assert choose(LOST, [at(110, label='2'), at(112, label='0')], RULES, aliases) == 1
    with pytest.raises(ValueError, match='label=class_id'):
        parse_aliases(['person'])


@pytest.mark.parametrize(
    'scores, index',
    [
        ([0.9, 0.5], 0),
        ([0.5, 0.9], 1),
        ([0.5, 0.55], None),
        ([0.9, 0.88], None),
        ([float('nan'), float('nan')], None),
    ],
)
def test_by_probability(scores, index):
    rules = MatchingRules(min_probability=0.6)
    candidates = [at(500, label='dog'), at(110), at(120)]
    fits = fitting(LOST, candidates, rules, {})
    assert fits == [1, 2]
    match = match_by_probability(fits, scores, rules)
    assert match.index == (None if index is None else index + 1) and match.why


@pytest.mark.parametrize('box', [(5.0, NAN, 3.0, 3.0), (NAN, 5.0, 3.0, 3.0), (2e6, 0.0, 3.0, 3.0)])
def test_what_is_not_finite_or_far_away_is_no_box(box):
    assert not is_box(box) and is_box((5.0, 5.0, 3.0, 3.0))
