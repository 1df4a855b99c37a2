"""Which of a detector's boxes is the lost target, as a table; and the look of a target."""

import pytest
from support.ros_doubles import ColorTracker
from support.scenes import SIDE, Film

from siamla_ros.online.candidate_matching import (
    AnswerRules,
    Candidate,
    LostTarget,
    choose,
    parse_aliases,
)
from siamla_ros.online.target_appearance import REFRESH_S, Looks

LOST = LostTarget('person', (100.0, 100.0, 20.0, 20.0), age_s=0.5)
RULES = AnswerRules()


def at(x, y=100.0, size=20.0, label='person', score=0.9):
    return Candidate((x, y, size, size), label, score)


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
    answer = choose(LOST, candidates, RULES, {})
    assert answer.index == index and answer.why


def test_the_longer_it_is_lost_the_further_it_may_be():
    later = LostTarget('person', LOST.box_xywh, age_s=5.0)
    assert choose(LOST, [at(300)], RULES, {}).index is None
    assert choose(later, [at(300)], RULES, {}).index == 0
    assert choose(LOST, [at(9000)], AnswerRules(reach=0.0), {}).index == 0


def test_a_target_without_label_takes_any_class_and_aliases_translate():
    unnamed = LostTarget('', LOST.box_xywh, 0.5)
    assert choose(unnamed, [at(110, label='dog')], RULES, {}).index == 0
    aliases = parse_aliases(['person=0', 'car=2'])
    assert choose(LOST, [at(110, label='2'), at(112, label='0')], RULES, aliases).index == 1
    with pytest.raises(ValueError, match='label=class_id'):
        parse_aliases(['person'])


@pytest.mark.parametrize(
    'scores, index',
    [
        ([0.9, 0.5], 0),
        ([0.5, 0.9], 1),
        ([0.5, 0.55], None),
        ([0.9, 0.88], None),
    ],
)
def test_by_appearance(scores, index):
    rules = AnswerRules(min_similarity=0.6)
    candidates = [at(500, label='dog'), at(110), at(120)]
    asked = []

    def similarity(boxes):
        asked.extend(boxes)
        return scores

    answer = choose(LOST, candidates, rules, {}, similarity)
    assert asked == [candidates[1].box_xywh, candidates[2].box_xywh]
    assert answer.index == (None if index is None else index + 1)


def test_looks_are_learnt_refreshed_and_compared():
    looks, film = Looks(ColorTracker()), Film()
    first = film.shoot(100)
    assert looks.wants('red', first.stamp_s)
    assert looks.similarity('red', first, [(100, 100, SIDE, SIDE)]) == [0.0]
    looks.learn('red', first, (100, 100, SIDE, SIDE))
    assert not looks.wants('red', first.stamp_s + 0.1)
    assert looks.wants('red', first.stamp_s + REFRESH_S)
    same, other = looks.similarity(
        'red', film.shoot(140), [(140, 100, SIDE, SIDE), (10, 10, SIDE, SIDE)]
    )
    assert same > 0.95 and other < 0.05
    looks.learn('red', film.shoot(140), (5000, 5000, 10, 10))  # no template there: forgotten
    assert looks.similarity('red', first, [(100, 100, SIDE, SIDE)])[0] > 0.95
