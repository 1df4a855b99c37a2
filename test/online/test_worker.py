"""The worker's thread: nothing piles up, nothing kills it, nobody waits for an answer in vain."""

import dataclasses
import gc
import resource
import threading
import time
from pathlib import Path

import pytest
from support.engines import settings
from support.ros_doubles import ColorTracker, IdentityTracker
from support.scenes import SIDE, Film, picture

from siamla_ros.online.engine import Engine
from siamla_ros.online.init_requests import InitCode, InitRequest
from siamla_ros.online.stats import Stats
from siamla_ros.online.worker import CALLS_PER_TURN, Worker
from siamla_ros.supervision.supervisor import Reason, State

TIMEOUT_S = 10.0


class Bench:
    """A worker, and what it publishes."""

    def __init__(self, tracker=None, **changes):
        self.published, self.said = [], threading.Semaphore(0)
        self.stats = Stats()
        engine = Engine(tracker or ColorTracker(), settings(**changes))
        self.worker = Worker(engine, self.stats, self._publish)
        self.worker.start()
        self.keep = True

    def _publish(self, frame, outputs):
        if self.keep:
            self.published.append((frame, list(outputs)))
        self.said.release()

    def show(self, frame):
        self.worker.offer(frame)
        assert self.said.acquire(timeout=TIMEOUT_S), 'not processed'

    def ask(self, box_xywh, stamp_ns=0, patient=True):
        answers, done = [], threading.Event()

        def answer(outcome):
            answers.append(outcome)
            done.set()

        self.worker.submit(InitRequest('red', '', box_xywh, stamp_ns, answer, patient))
        return answers, done


def memory():
    gc.collect()
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize()


def test_thousands_of_images_do_not_grow_the_process():
    bench, film = Bench(IdentityTracker(), buffer_frames=20), Film()
    bench.keep = False
    bench.ask((100, 100, SIDE, SIDE))
    data = film.shoot(100).data

    def run(count):
        for _ in range(count):
            film.seq += 1
            film.stamp_ns += film.period_ns
            bench.show(
                dataclasses.replace(
                    shape,
                    sec=film.stamp_ns // 10**9,
                    nanosec=film.stamp_ns % 10**9,
                    seq=film.seq,
                    data=data.copy(),
                )
            )

    shape = film.shoot(100)
    run(500)
    before = memory()
    run(3000)
    grown = memory() - before
    assert grown < 8e6, f'{grown / 1e6:.1f} MB in 3000 images'
    assert len(bench.worker.buffer) == 20
    bench.worker.stop()
    assert (len(bench.worker.buffer), bench.worker.buffer.nbytes) == (0, 0)


def test_an_unexpected_error_does_not_end_the_thread():
    bench, film = Bench(), Film()
    bench.worker.call(lambda: 1 / 0)
    bench.show(film.shoot(100))
    bench.worker.stop()
    assert bench.worker.engine.errors == 1
    assert bench.worker.engine.last_error == 'worker: ZeroDivisionError: division by zero'


def test_a_box_waits_for_an_image_that_can_be_used():
    bench, film = Bench(), Film()
    answers, done = bench.ask((100, 100, SIDE, SIDE))
    damaged = dataclasses.replace(film.shoot(100), encoding='compressed', data=picture()[0, 0])
    bench.worker.offer(damaged)
    assert not done.wait(0.3)
    bench.show(film.shoot(100))
    bench.worker.stop()
    assert answers[0].accepted and bench.published[-1][1][0].confirmed


def test_what_waits_is_answered_when_it_stops():
    bench = Bench()
    answers, _ = bench.ask((100, 100, SIDE, SIDE))
    bench.worker.call(lambda: None)
    bench.worker.stop()
    assert answers and answers[0].code is InitCode.NOT_ACTIVE


def test_what_waits_is_dropped_by_id_and_answered():
    bench, film = Bench(init_wait_s=30.0), Film()
    bench.show(film.shoot(100))
    soon, waits = bench.ask((100, 100, SIDE, SIDE), stamp_ns=film.stamp_ns + film.period_ns)
    next_one, _ = bench.ask((100, 100, SIDE, SIDE))
    dropped, done = [], threading.Event()

    def drop():
        dropped.append(bench.worker.drop_waiting('blue'))
        assert not waits.is_set()
        dropped.append(bench.worker.drop_waiting('red'))
        done.set()

    bench.worker.call(drop)
    assert done.wait(TIMEOUT_S) and dropped == [[], ['red']]
    assert [item.code for item in soon + next_one] == [InitCode.CLEARED] * 2
    bench.show(film.shoot(100))
    bench.show(film.shoot(100))
    bench.worker.stop()
    assert bench.published[-1][1] == [], 'a box that was dropped is not used later'


class OddTracker(ColorTracker):
    """Its first init fails as no tracker should."""

    def init(self, image_bgr, box_xywh):
        self.init = super().init
        raise LookupError('no such layer')


@pytest.mark.parametrize('stamped', [False, True])
def test_an_unexpected_error_in_a_start_is_answered_and_the_next_box_is_followed(stamped):
    bench, film = Bench(OddTracker()), Film()
    bench.show(film.shoot(100))
    stamp_ns = film.stamp_ns if stamped else 0
    for expected in (InitCode.INTERNAL, InitCode.ACCEPTED):
        answers, done = bench.ask((100, 100, SIDE, SIDE), stamp_ns)
        bench.show(film.shoot(100))
        assert done.wait(TIMEOUT_S) and answers[0].code is expected
        if expected is InitCode.INTERNAL:
            assert answers[0].message == 'the tracker failed: LookupError: no such layer'
    while bench.worker.engine.catching:
        time.sleep(0.01)
    bench.show(film.shoot(100))
    bench.worker.stop()
    assert bench.published[-1][1][0].confirmed
    assert bench.worker.engine.errors == 1


def test_nonsense_is_refused_before_any_image():
    bench = Bench()
    answers, done = bench.ask((float('nan'), 0, 5, 5))
    assert done.wait(TIMEOUT_S) and answers[0].code is InitCode.BOX_NOT_FINITE
    bench.worker.stop()


def test_calls_and_boxes_after_stop_are_answered_at_once():
    bench, film = Bench(), Film()
    bench.show(film.shoot(100))
    bench.worker.stop()
    called = []
    assert not bench.worker.call(lambda: called.append(True))
    answers, done = bench.ask((100, 100, SIDE, SIDE))
    assert done.is_set() and answers[0].code is InitCode.NOT_ACTIVE
    bench.worker.offer(film.shoot(100))
    assert called == [] and len(bench.worker.buffer) == 0


def test_a_flood_of_calls_does_not_keep_an_image_waiting():
    bench, film, order = Bench(), Film(), []
    gate = threading.Event()
    bench.worker.call(gate.wait)
    for number in range(100):
        bench.worker.call(lambda number=number: order.append(number))
    bench.worker._publish = lambda frame, outputs: (order.append('image'), bench.said.release())
    bench.worker.offer(film.shoot(100))
    gate.set()
    assert bench.said.acquire(timeout=TIMEOUT_S)
    bench.worker.stop()
    assert order.index('image') <= 2 * CALLS_PER_TURN
    assert [item for item in order if item != 'image'] == list(range(100))


class RuntimeFault(Exception):
    """As ONNX Runtime's own errors: derived from Exception alone."""


@pytest.mark.parametrize('error', [RuntimeFault('node 7'), KeyError('x'), MemoryError()])
def test_whatever_the_tracker_raises_costs_the_image_and_is_named(error):
    tracker = ColorTracker()
    bench, film = Bench(tracker), Film()
    bench.ask((100, 100, SIDE, SIDE))
    bench.show(film.shoot(100))
    bench.show(film.shoot(100))
    update = tracker.update
    tracker.update = lambda image, states: (_ for _ in ()).throw(error)
    bench.show(film.shoot(100))
    (failed,) = bench.published[-1][1]
    assert (failed.state, failed.reason) == (State.UNCERTAIN, Reason.TRACKER_FAILED)
    assert not failed.confirmed
    assert bench.worker.engine.last_error.startswith(f'update: {type(error).__name__}')
    tracker.update = update
    for _ in range(3):
        bench.show(film.shoot(100))
    bench.worker.stop()
    assert bench.published[-1][1][0].state is State.TRACKING
    assert len(bench.published) == 6, 'one publication for each image'


def test_an_error_beside_the_tracker_costs_the_image_too(monkeypatch):
    bench, film = Bench(), Film()
    bench.ask((100, 100, SIDE, SIDE))
    bench.show(film.shoot(100))
    bench.show(film.shoot(100))
    engine = bench.worker.engine
    monkeypatch.setattr(engine, '_supervise', lambda *arguments: 1 / 0)
    bench.show(film.shoot(100))
    bench.worker.stop()
    (failed,) = bench.published[-1][1]
    assert (failed.state, failed.confirmed) == (State.UNCERTAIN, False)
    assert engine.last_error == 'image: ZeroDivisionError: division by zero'


def test_a_tracker_that_hangs_is_given_up_and_publishes_nothing_later():
    release = threading.Event()
    tracker = ColorTracker()
    bench, film = Bench(tracker), Film()
    bench.ask((100, 100, SIDE, SIDE))
    bench.show(film.shoot(100))
    tracker.update = lambda image, states: release.wait() and []
    bench.worker.offer(film.shoot(100))
    while bench.worker.busy_s < 0.05:
        time.sleep(0.01)
    refused = []
    bench.worker.call(lambda: None, lambda: refused.append(True))
    answers, done = bench.ask((100, 100, SIDE, SIDE))
    assert not bench.worker.stop(timeout_s=0.2)
    assert refused == [True] and answers[0].code is InitCode.NOT_ACTIVE
    count = len(bench.published)
    release.set()
    bench.worker._thread.join(TIMEOUT_S)
    assert not bench.worker._thread.is_alive() and len(bench.published) == count


def starving(bench, told):
    """A worker whose source dies, with one target."""
    bench.worker._starved = lambda frame, outputs: told.append((frame, outputs))
    film = Film()
    answers, done = bench.ask((100, 100, SIDE, SIDE))
    bench.show(film.shoot(100))
    assert done.wait(TIMEOUT_S) and answers[0].accepted
    return film


def wait_for(ready):
    end_s = time.monotonic() + TIMEOUT_S
    while not ready():
        assert time.monotonic() < end_s, 'not within the limit'
        time.sleep(0.01)


def test_when_images_stay_away_targets_are_told_once_as_uncertain_under_the_last_header():
    bench, told = Bench(source_timeout_s=0.2), []
    film = starving(bench, told)
    wait_for(lambda: told)
    time.sleep(0.5)
    ((frame, (output,)),) = told
    assert frame.stamp_ns == film.stamp_ns and frame.frame_id == 'camera' and frame.nbytes == 0
    assert (output.state, output.reason) == (State.UNCERTAIN, Reason.STALE)
    assert not output.confirmed and bench.worker.starved
    bench.show(film.shoot(100))
    assert not bench.worker.starved
    bench.worker.stop()


def test_a_low_rate_that_was_asked_for_is_no_silence():
    bench, told = Bench(source_timeout_s=0.1, max_rate_hz=1.0), []
    starving(bench, told)
    time.sleep(0.6)
    assert told == [] and not bench.worker.starved
    bench.worker.stop()


def test_the_reason_of_the_last_bad_image_is_kept():
    bench, film = Bench(), Film()
    bench.worker.offer(dataclasses.replace(film.shoot(100), encoding='nv99'))
    bench.worker.stop()
    counts = bench.stats.snapshot().counts
    assert counts == {'received': 1, 'bad_image': 1}
    assert "image.encoding is 'nv99'" in bench.stats.last_bad
    assert bench.stats.received_s <= time.monotonic()
