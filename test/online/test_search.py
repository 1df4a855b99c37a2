"""One image of a search, and boxes of a detector: only one of several places can be the target."""

import math
from types import SimpleNamespace

import pytest
from support.engines import lose, started
from support.scenes import RED_BGR, SIDE

from siamla_ros.identity.state import IdentityConfig
from siamla_ros.online.search import MOST_OFFERS, Searcher
from siamla_ros.redetection.redetector import Redetector
from siamla_ros.supervision.acceptance import AcceptanceModel
from siamla_ros.supervision.supervisor import State, Supervisor
from siamla_ros.tracker.logistic import sigmoid


def test_the_answers_of_a_search_speak_against_each_other():
    """Else two that look alike would each be judged as if it were alone."""
    engine, film = started()
    lose(engine, film)
    calls, judge = [], engine.searcher.appearance.probabilities

    def probabilities(known, image, state, answers, **how):
        calls.append(how)
        return judge(known, image, state, answers, **how)

    engine.searcher.appearance.probabilities = probabilities
    states = [engine.process(film.shoot(100))[0].state for _ in range(30)]
    assert State.TRACKING in states
    assert len(calls) > 1 and all(how == {'one_of_them': True} for how in calls)


GONE = (200.0, 60.0, 40.0, 80.0)
HERE, NEAR, THERE = (100.0, 60.0, 40.0, 80.0), (104.0, 62.0, 40.0, 78.0), (300.0, 60.0, 40.0, 80.0)


class Stub:
    """Finds the target in every box; its log odds are 2 everywhere, but for what cannot be it."""

    config, acceptance = IdentityConfig(), AcceptanceModel()

    def probe(self, image, state, boxes_xywh):
        return [SimpleNamespace(box_xywh=box) for box in boxes_xywh]

    def odds_of(self, known, image, state, answers):
        return [-math.inf if answer.box_xywh == GONE else 2.0 for answer in answers]


def scores(*calls, hz=10):
    """Of the last of several calls of `score_boxes` for one target, on images at a rate."""
    searcher = Searcher(Stub(), Redetector(), Stub(), Supervisor())
    target = SimpleNamespace(state=None, identity=None, offered=())
    stamps_ns = (int(number * 1e9 / hz) for number in range(len(calls)))
    return [
        searcher.score_boxes(target, None, boxes, stamp_ns)
        for boxes, stamp_ns in zip(calls, stamps_ns)
    ][-1]


def test_boxes_of_a_detector_speak_against_each_other_but_not_against_the_same_place():
    alone = scores([HERE])
    assert alone == [sigmoid(2.0)]
    assert scores([HERE, NEAR]) == alone * 2
    assert scores([HERE, THERE]) == [sigmoid(2.0 + Stub.acceptance.other_weight * sigmoid(2.0))] * 2


def test_a_box_alone_in_an_image_has_those_of_the_last_images_against_it():
    """A detector misses some of what it saw in the image before: two people stood there."""
    both = scores([HERE, THERE])
    assert scores([HERE, THERE], [HERE]) == both[:1]
    assert scores([HERE, THERE], [HERE], hz=0.1) == both[:1], 'however slow it is'


@pytest.mark.parametrize('step_ns', [0, 1, -1])
def test_offers_are_bounded_however_often_a_detector_asks(step_ns):
    searcher = Searcher(Stub(), Redetector(), Stub(), Supervisor())
    target = SimpleNamespace(state=None, identity=None, offered=())
    for number in range(MOST_OFFERS + 5):
        searcher.score_boxes(target, None, [HERE], number * step_ns)
    assert len(target.offered) == MOST_OFFERS


@pytest.mark.parametrize('hz', [2, 10, 50])
def test_what_a_detector_saw_speaks_for_a_second_at_any_rate(hz):
    both = scores([HERE, THERE])
    assert scores([HERE, THERE], *[[HERE]] * hz, hz=hz) == both[:1]
    assert scores([HERE, THERE], *[[HERE]] * (hz + 1), hz=hz) == scores([HERE])


def test_what_cannot_be_the_target_has_no_chance_and_speaks_against_none():
    assert scores([HERE, GONE]) == [pytest.approx(sigmoid(2.0)), 0.0]


@pytest.mark.parametrize('known', [True, False])
@pytest.mark.parametrize(('late', 'enabled'), [(0, True), (20, True), (0, False)])
def test_a_box_in_which_another_target_is_confirmed_is_not_this_one(late, enabled, known):
    """A detector sees the twin of a lost target, also some images ago, and it sees nothing else."""
    engine, film = started(redetection__mode='off', identity__enabled=enabled)
    both = film.shoot(100)
    both.to_bgr()[100 : 100 + SIDE, 190 : 190 + SIDE] = RED_BGR
    if known:
        engine.start('twin', 'square', (190, 100, SIDE, SIDE), both, live=True)
    engine.process(both)
    for _ in range(40):
        engine.process(film.shoot(None))
    if known:
        engine.start('twin', 'square', (190, 100, SIDE, SIDE), film.shoot(190), live=True)
    seen = film.shoot(190)
    engine.process(seen)
    for _ in range(late):
        engine.process(film.shoot(30))
    (probability,) = engine.score_boxes('red', seen, [(190.0, 100.0, SIDE, SIDE)])
    assert (probability == 0.0) is known
    assert probability == 0.0 or probability > 0.3


def test_boxes_of_a_detector_do_not_speak_against_the_target_in_images_of_another_size():
    """What was offered before stands in pixels that are no longer these pixels."""
    engine, film = started(redetection__mode='off')
    lose(engine, film)
    for _ in range(3):
        seen = film.shoot(100)
        engine.process(seen)
        engine.score_boxes('red', seen, [(100.0, 100.0, SIDE, SIDE)])
    large = film.shoot(400, y=400, width=1280, height=960, side=4 * SIDE)
    engine.process(large)
    box = (400.0, 400.0, 4.0 * SIDE, 4.0 * SIDE)
    (beside,) = engine.score_boxes('red', large, [box])
    engine.targets['red'].offered = ()
    assert [beside] == engine.score_boxes('red', large, [box])
