"""Nothing kills the worker's thread: errors of the tracker, hangs, a source that dies."""

import dataclasses
import threading
import time

import pytest
from support.ros_doubles import ColorTracker
from support.scenes import SIDE, Film
from support.workers import TIMEOUT_S, Bench

from siamla_ros.online.init_requests import InitCode
from siamla_ros.supervision.supervisor import Reason, State


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


def test_an_unexpected_error_does_not_end_the_thread():
    bench, film = Bench(), Film()
    bench.worker.call(lambda: 1 / 0)
    bench.show(film.shoot(100))
    bench.worker.stop()
    assert bench.worker.engine.errors == 1
    assert bench.worker.engine.last_error == 'worker: ZeroDivisionError: division by zero'


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
