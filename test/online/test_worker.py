"""The worker's thread: nothing piles up, nothing kills it, nobody waits for an answer in vain."""

import dataclasses
import gc
import resource
import threading
import time
from pathlib import Path

import pytest
from support.ros_doubles import ColorTracker, IdentityTracker
from support.scenes import SIDE, Film, picture

from siamla_ros.online.engine import Engine
from siamla_ros.online.init_requests import InitCode, InitRequest
from siamla_ros.online.parameters import build, defaults
from siamla_ros.online.stats import Stats
from siamla_ros.online.worker import Worker

TIMEOUT_S = 10.0


class Bench:
    """A worker, and what it publishes."""

    def __init__(self, tracker=None, **changes):
        self.published, self.said = [], threading.Semaphore(0)
        self.stats = Stats()
        engine = Engine(tracker or ColorTracker(), build({**defaults(), **changes}))
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
    bench.worker.stop()
    assert grown < 8e6, f'{grown / 1e6:.1f} MB in 3000 images'
    assert len(bench.worker.buffer) == 20


def test_an_unexpected_error_does_not_end_the_thread():
    bench, film = Bench(), Film()
    bench.worker.call(lambda: 1 / 0)
    bench.show(film.shoot(100))
    bench.worker.stop()
    assert bench.stats.snapshot().counts['error'] == 1


def test_a_box_waits_for_an_image_that_can_be_used():
    bench, film = Bench(), Film()
    answers, done = bench.ask((100, 100, SIDE, SIDE))
    damaged = dataclasses.replace(film.shoot(100), encoding='compressed', data=picture()[0, 0])
    bench.worker.offer(damaged)
    assert not done.wait(0.3)
    bench.show(film.shoot(100))
    bench.worker.stop()
    assert answers[0].accepted and bench.published[-1][1][0].believed


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
            assert answers[0].message == 'LookupError: no such layer'
    while bench.worker.engine.catching:
        time.sleep(0.01)
    bench.show(film.shoot(100))
    bench.worker.stop()
    assert bench.published[-1][1][0].believed
    assert bench.stats.snapshot().counts['error'] == 1


def test_nonsense_is_refused_before_any_image():
    bench = Bench()
    answers, done = bench.ask((float('nan'), 0, 5, 5))
    assert done.wait(TIMEOUT_S) and answers[0].code is InitCode.BOX_NOT_FINITE
    bench.worker.stop()
