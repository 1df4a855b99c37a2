"""Two ids do not end on one object: which of two targets in one box is doubted, and which two."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from support.engines import settings
from support.ros_doubles import IdentityTracker
from support.scenes import Film, picture

from siamla_ros.online.doubles import note_doubles
from siamla_ros.online.engine import Engine
from siamla_ros.supervision.supervisor import Reason, State
from siamla_ros.tracker.results import TargetState

LEFT, RIGHT = (40.0, 60.0, 30.0, 40.0), (200.0, 60.0, 30.0, 40.0)
CALIBRATION = {
    'evidence': {'similarity_weight': 7.0, 'color_weight': 0.0, 'bias': -4.0},
    'acceptance': {'similarity_weight': 7.0, 'color_weight': 0.0, 'bias': -4.0},
}


class Scripted(IdentityTracker):
    """Each target is where the test says, under the name of the box that it was started in."""

    calibration = CALIBRATION

    def __init__(self):
        super().__init__()
        self.at, self.likeness = {LEFT: LEFT, RIGHT: RIGHT}, {LEFT: 0.9, RIGHT: 0.9}

    def init(self, image_bgr, box_xywh):
        return TargetState(tuple(box_xywh), template=tuple(box_xywh))

    def update(self, image_bgr, states):
        self.batches.append(len(states))
        return [self._result(self.at[s.template], self.confidence, s) for s in states]

    def similarity(self, image_bgr, state, boxes_xywh):
        return [self.likeness[state.template]] * len(boxes_xywh)


def two(first=LEFT, second=RIGHT):
    """An engine with two targets that were followed for ten images."""
    tracker, film = Scripted(), Film()
    engine = Engine(tracker, settings(redetection__mode='off'))
    start = film.shoot(40, y=60)
    engine.start('one', '', first, start, live=True)
    engine.start('two', '', second, start, live=True)
    outputs = played(engine, film, 10)
    assert all(output.confirmed for output in outputs[-1])
    return engine, film


def played(engine, film, frames):
    return [engine.process(film.shoot(40, y=60)) for _ in range(frames)]


@pytest.mark.parametrize(('wrong', 'right'), [(LEFT, RIGHT), (RIGHT, LEFT)])
def test_a_box_that_goes_over_to_another_target_is_not_confirmed_there_and_lost(wrong, right):
    engine, film = two()
    engine.tracker.likeness[wrong] = 0.7
    played(engine, film, 10)
    x, y, w, h = right
    engine.tracker.at[wrong] = (x + 2.0, y, w, h)
    outputs = played(engine, film, 15)
    names = {LEFT: 0, RIGHT: 1}
    assert all(row[names[right]].confirmed for row in outputs)
    assert not any(row[names[wrong]].confirmed for row in outputs)
    last = outputs[-1][names[wrong]]
    assert (last.state, last.reason) in [
        (State.LOST, Reason.DISTRACTOR),
        (State.LOST, Reason.IMPLAUSIBLE_MOTION),
    ]
    assert engine.targets[last.id].state.box_xywh == wrong, 'that box is not followed'


def passing(film, x):
    """The next frame, with something of the size of RIGHT at `x`."""
    shot = film.shoot(40, y=60)
    left, (_, top, w, h) = max(x, 0), (int(v) for v in RIGHT)
    image = shot.data.reshape(shot.height, shot.width, 3)
    image[top : top + h, left : x + w] = picture(width=w, height=h)[:, left - x :]
    return shot


def test_who_passes_another_is_not_confirmed_in_its_box():
    engine, film = two()
    engine.tracker.likeness[RIGHT] = 0.7
    shared = 0
    for x in range(190, 4, -5):
        engine.tracker.at[RIGHT] = (float(x), *RIGHT[1:])
        one, other = engine.process(passing(film, x))
        near = abs(x - 40) <= 5
        shared += near
        assert one.confirmed and not (near and other.confirmed)
        if near:
            assert (other.state, other.reason) == (State.UNCERTAIN, Reason.DISTRACTOR)
    assert shared == 3 and other.confirmed, 'past it, it is itself again'


def test_two_ids_that_were_started_on_one_object_both_stay_on_it():
    engine, film = two(LEFT, LEFT)
    assert all(output.confirmed for row in played(engine, film, 40) for output in row)


def test_a_new_box_on_the_object_of_another_is_the_word_of_whoever_gives_it():
    engine, film = two()
    engine.start('two', '', LEFT, film.shoot(40, y=60), live=True)
    assert all(output.confirmed for row in played(engine, film, 40) for output in row)
    assert engine.targets['one'].apart == {'two'} and not engine.targets['two'].apart


def test_ids_of_targets_that_are_gone_are_not_kept():
    engine, film = two()
    engine.start('three', '', RIGHT, film.shoot(40, y=60), live=True)
    engine.clear('two')
    played(engine, film, 1)
    assert engine.targets['one'].apart == {'three'}


def target(name, presence, apart):
    memory = SimpleNamespace(state=State.TRACKING, presence=presence)
    return SimpleNamespace(id=name, memory=memory, apart=set(apart), double=True)


@pytest.mark.parametrize(
    ('boxes', 'doubles'),
    [
        ([LEFT, LEFT, RIGHT], 'b'),
        ([LEFT, LEFT, LEFT], 'bc'),
        ([LEFT, RIGHT, LEFT], 'c'),
        ([None, LEFT, LEFT], 'c'),
        ([LEFT, None, None], ''),
        ([LEFT, (50.0, 60.0, 30.0, 40.0), RIGHT], ''),  # half of it: one beside the other
    ],
)
def test_of_those_in_one_box_all_but_the_one_for_which_most_has_spoken(boxes, doubles):
    targets = [target('a', 5.0, 'bc'), target('b', 3.0, 'ac'), target('c', 1.0, 'ab')]
    note_doubles(targets, [box and SimpleNamespace(box_xywh=box) for box in boxes])
    assert ''.join(t.id for t in targets if t.double) == doubles
