"""The worker's thread: nothing piles up, nobody waits for an answer in vain."""

import dataclasses
import gc
import resource
import threading
from pathlib import Path

from support.ros_doubles import IdentityTracker
from support.scenes import SIDE, Film, picture
from support.workers import TIMEOUT_S, Bench

from siamla_ros.online.init_requests import InitCode


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
