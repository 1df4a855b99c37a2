"""Calls wait for one piece of work, images for few starts: whatever floods the worker."""

import threading
import time

import pytest
from support.ros_doubles import ColorTracker
from support.scenes import SIDE, Film
from support.workers import TIMEOUT_S, Bench

from siamla_ros.online.init_requests import InitCode
from siamla_ros.online.worker import STARTS_PER_IMAGE


def wait_for(ready):
    end_s = time.monotonic() + TIMEOUT_S
    while not ready():
        assert time.monotonic() < end_s, 'not within the limit'
        time.sleep(0.01)


class NotedTracker(ColorTracker):
    """Notes its starts and updates in order, and calls `on` before each."""

    def __init__(self):
        super().__init__()
        self.order, self.on = [], lambda: None

    def init(self, image_bgr, box_xywh):
        self.order.append('start')
        self.on()
        return super().init(image_bgr, box_xywh)

    def update(self, image_bgr, states):
        self.order.append('update')
        self.on()
        return super().update(image_bgr, states)


def flooded(stamped, count=20):
    """Boxes that wait for their turn, and an image; the tracker does nothing before `gate`."""
    tracker, gate = NotedTracker(), threading.Event()
    bench, film = Bench(tracker, max_targets=50, buffer_frames=60), Film()
    bench.show(film.shoot(100))
    bench.worker.call(lambda: gate.wait(TIMEOUT_S))
    stamp_ns = film.stamp_ns if stamped else 0
    box = (100, 100, SIDE, SIDE)
    asked = [bench.ask(box, stamp_ns, target_id=f'red{number}') for number in range(count)]
    return bench, film, tracker, gate, asked


@pytest.mark.parametrize('stamped', [False, True])
def test_a_call_waits_for_one_piece_of_work_however_many_boxes_wait(stamped):
    bench, film, tracker, gate, asked = flooded(stamped)
    order = tracker.order
    tracker.on = lambda: bench.worker.call(lambda: order.append('call'))
    bench.worker.offer(film.shoot(100))
    gate.set()
    for _ in range(40):
        bench.show(film.shoot(100))
    seen = list(order)  # a worker that is told to stop ends its work and refuses calls
    bench.worker.stop()
    assert all(done.is_set() and answers[0].accepted for answers, done in asked)
    work = [number for number, item in enumerate(seen) if item != 'call']
    assert len(work) > 20 and {seen[number + 1] for number in work[:-1]} == {'call'}


@pytest.mark.parametrize('stamped', [False, True])
def test_an_image_waits_for_few_starts_however_many_boxes_wait(stamped):
    bench, film, tracker, gate, asked = flooded(stamped)

    def publish(frame, outputs):
        tracker.order.append('image')
        bench.said.release()

    bench.worker._publish = publish
    bench.worker.offer(film.shoot(100))
    gate.set()
    for _ in range(40):
        assert bench.said.acquire(timeout=TIMEOUT_S)
        bench.worker.offer(film.shoot(100))
    bench.worker.stop()
    starts = ''.join('s' if item == 'start' else ' ' for item in tracker.order if item != 'update')
    assert starts.count('s') == 20
    assert max(map(len, starts.split())) <= 2 * STARTS_PER_IMAGE, starts


def test_a_call_waits_for_one_step_of_one_target_that_catches_up():
    tracker = NotedTracker()
    bench, film = Bench(tracker, buffer_frames=60, max_targets=9), Film()
    bench.show(film.shoot(100))
    begun_ns = film.stamp_ns
    for _ in range(30):
        bench.show(film.shoot(100))
    tracker.on = lambda: bench.worker.call(lambda: tracker.order.append('call'))
    asked = [bench.ask((100, 100, SIDE, SIDE), begun_ns, target_id=f'red{n}') for n in range(5)]
    assert all(done.wait(TIMEOUT_S) for _, done in asked)
    wait_for(lambda: not bench.worker.engine.catching)
    bench.worker.stop()
    order = tracker.order
    work = [number for number, item in enumerate(order) if item != 'call']
    assert len(work) >= 10 and {order[number + 1] for number in work[:-1]} == {'call'}


def test_a_target_that_is_cleared_between_two_steps_of_the_others_stays_away():
    tracker = NotedTracker()
    bench, film = Bench(tracker, buffer_frames=60), Film()
    bench.show(film.shoot(100))
    begun_ns, engine = film.stamp_ns, bench.worker.engine
    for _ in range(30):
        bench.show(film.shoot(100))
    gone, first = [], threading.Event()

    def clear():
        if not first.is_set() and len(engine.catching) == 2:
            first.set()
            bench.worker.call(lambda: gone.extend(engine.clear('red1')))

    gate = threading.Event()
    bench.worker.call(lambda: gate.wait(TIMEOUT_S))
    tracker.on = clear
    for number in range(2):
        bench.ask((100, 100, SIDE, SIDE), begun_ns, target_id=f'red{number}')
    gate.set()
    wait_for(lambda: gone and 'red0' in engine.targets)
    bench.worker.stop()
    assert gone == ['red1'] and list(engine.targets) == ['red0'] and not engine.catching


def test_a_clear_forgets_the_boxes_before_it_and_not_those_behind_it():
    bench, film, tracker, gate, asked = flooded(stamped=False, count=1)
    bench.worker.call(lambda: bench.worker.drop_waiting(None))
    later, done = bench.ask((100, 100, SIDE, SIDE), target_id='red0')
    gate.set()
    bench.show(film.shoot(100))
    bench.worker.stop()
    assert asked[0][0][0].code is InitCode.CLEARED and later[0].accepted
    assert tracker.order.count('start') == 1


def test_a_newer_box_is_not_overruled_by_an_older_one_that_waited_for_its_turn():
    """Both wait behind a flood: the image of the second is the newer one."""
    bench, film, tracker, gate, _ = flooded(stamped=True)
    old_ns = film.stamp_ns
    bench.worker.offer(film.shoot(100))
    newer, newer_done = bench.ask((100, 100, SIDE, SIDE), film.stamp_ns)
    older, older_done = bench.ask((100, 100, SIDE, SIDE), old_ns)
    gate.set()
    assert newer_done.wait(TIMEOUT_S) and older_done.wait(TIMEOUT_S)
    bench.worker.stop()
    assert newer[0].accepted and older[0].code is InitCode.SUPERSEDED


def test_calls_that_make_new_calls_do_not_keep_an_image_waiting():
    bench, film, order = Bench(), Film(), []

    def again():
        order.append('call')
        if order.count('call') < 100_000:
            bench.worker.call(again)

    bench.worker.call(again)
    for _ in range(5):
        bench.show(film.shoot(100))
    assert order.count('call') < 100_000, 'the images waited for all calls'
    bench.worker.stop()


def test_a_call_waits_for_the_search_of_one_lost_target_and_may_clear_the_others():
    """An image on which eight targets are searched for is eight pieces of work."""
    tracker = NotedTracker()
    bench, film, names = Bench(tracker, max_targets=9), Film(), [f'red{n}' for n in range(8)]
    engine, first = bench.worker.engine, film.shoot(100)
    bench.worker.call(
        lambda: [engine.start(name, '', (100, 100, SIDE, SIDE), first, live=True) for name in names]
    )
    for _ in range(60):
        bench.show(film.shoot(None))
    assert {target.memory.state.name for target in engine.targets.values()} == {'SEARCHING'}
    order, search = [], engine.searcher.search

    def noted(target, *args):
        order.append(target.id)
        bench.worker.call(lambda: order.append('call'))
        if target.id == 'red1':
            bench.worker.call(lambda: engine.clear('red7'))
        return search(target, *args)

    engine.searcher.search = noted
    bench.show(film.shoot(None))
    _, outputs = bench.published[-1]
    engine.searcher.search = search
    bench.worker.stop()
    searched = [name for name in order[: order.index('red6') + 1] if name != 'call']
    assert order[: 2 * len(searched) - 1 : 2] == searched == names[:7], order
    assert [output.id for output in outputs] == names[:7]
