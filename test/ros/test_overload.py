"""More images and calls than the tracker has time for: dropped, not queued; answered in order."""

import threading
import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from support.graph import wait_until
from support.scenes import SIDE

from siamla_ros.ros.messages import stamp_ns_of


def test_under_overload_images_are_dropped_not_queued_and_services_are_answered(graphs):
    """The tracker holds one image while others come: what follows is the newest, none between."""
    slow = graphs('color')
    slow.start(100)
    double = slow.tracker.engine.tracker
    update, reached, gate = double.update, threading.Event(), threading.Event()

    def held(image_bgr, states):
        reached.set()
        gate.wait(60.0)
        return update(image_bgr, states)

    double.update = held
    before = slow.tracker.stats.snapshot().counts
    first_ns = slow.show(100)
    wait_until(reached.is_set, 'no image processed')
    slow.mail['detections'].clear()
    sent = []

    def arrived():
        """At least twenty were sent, and the last of them came."""
        sent.append(slow.show(100))
        time.sleep(0.03)
        return len(sent) >= 20 and slow.tracker.worker.buffer.newest().stamp_ns == sent[-1]

    wait_until(arrived, 'images do not arrive')
    assert slow.set('max_targets', 8).successful, 'answered while the tracker is at work'
    assert slow.mail['detections'] == []
    gate.set()
    slow.answer('detections', sent[-1])
    stamps = [stamp_ns_of(array.header.stamp) for array in slow.mail['detections']]
    assert stamps == [first_ns, sent[-1]]
    counts = slow.tracker.stats.snapshot().counts
    new = {name: counts.get(name, 0) - before.get(name, 0) for name in counts}
    assert new['processed'] == 2 and new['received'] == new['processed'] + new['dropped']


def test_a_call_is_answered_before_a_second_piece_of_work_is_done(graphs):
    """Eight boxes and an image wait, the tracker may do one thing: the call waits for no more."""
    slow = graphs('color', max_targets=20)
    slow.start(100)
    double, permits, begun = (
        slow.tracker.engine.tracker,
        threading.Semaphore(0),
        threading.Semaphore(0),
    )

    def one(work):
        def step(*arguments):
            begun.release()
            permits.acquire(timeout=60.0)
            return work(*arguments)

        return step

    double.init, double.update = one(double.init), one(double.update)
    try:
        slow.show(100)
        assert begun.acquire(timeout=60.0), 'no image processed'
        for number in range(8):
            slow.init_out.publish(slow.box((100, 100, SIDE, SIDE), f'red{number}'))
        waiting = slow.tracker.worker._calls
        wait_until(lambda: len(waiting) == 8, 'the boxes do not arrive')
        slow.show(100)
        answer = slow.clear_later('nobody')
        wait_until(lambda: len(waiting) == 9, 'the call does not arrive')
        permits.release()
        assert wait_until(answer.done, 'no answer') and not answer.result().success
    finally:
        permits.release(1000)


def test_the_rate_can_be_limited(graph):
    """An upper limit holds at any speed of the machine."""
    graph.set('max_rate_hz', 5.0)
    graph.mail['detections'].clear()
    began_s = time.monotonic()
    for _ in range(30):
        graph.show(100)
        time.sleep(1 / 30)
    wait_until(lambda: graph.mail['detections'], 'no image processed')
    spent_s = time.monotonic() - began_s
    assert len(graph.mail['detections']) <= 5.0 * spent_s + 1
    graph.set('max_rate_hz', 0.0)
