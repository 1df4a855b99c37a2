"""Whoever spins waits while its threads are at work: it would take Python's lock from them."""

import threading
import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import Image
from support.graph import wait_until

from siamla_ros.ros.executor import ThreadedExecutor
from siamla_ros.ros.running import spin_once

THREADS = 2


class Spun:
    """A node whose callbacks run on two threads; whoever spins counts the processor time it
    takes.
    """

    def __init__(self):
        self.node, self.executor = Node('spun'), ThreadedExecutor(THREADS)
        self.executor.add_node(self.node)
        self.busy_s, self._closing = 0.0, False
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self):
        while not self._closing:
            spin_once(self.executor)
            self.busy_s = time.thread_time()

    def timer(self, callback):
        """Called as soon as possible and again and again, independently of all others."""
        return self.node.create_timer(
            0.001, callback, callback_group=MutuallyExclusiveCallbackGroup()
        )

    def close(self):
        self._closing = True
        self._thread.join(timeout=5.0)
        self.executor.shutdown(timeout_sec=5.0)
        self.node.destroy_node()


@pytest.fixture
def spun(ros):
    made = Spun()
    yield made
    made.close()


def test_it_rests_while_every_thread_is_at_work_and_a_message_waits(spun):
    images, release, blocked = [], threading.Event(), threading.Semaphore(0)

    def work():
        blocked.release()
        release.wait(20.0)

    spun.node.create_subscription(
        Image, 'spun_image', images.append, 1, callback_group=MutuallyExclusiveCallbackGroup()
    )
    publisher = spun.node.create_publisher(Image, 'spun_image', 1)
    wait_until(publisher.get_subscription_count, 'not matched')
    timers = [spun.timer(work) for _ in range(THREADS)]
    for _ in timers:
        assert blocked.acquire(timeout=15.0), 'not every thread at work'
    for timer in timers:
        timer.cancel()
    publisher.publish(Image())
    time.sleep(0.3)  # it is found, and handed to threads that have no time
    before_s, began_s = spun.busy_s, time.monotonic()
    time.sleep(1.0)
    share = (spun.busy_s - before_s) / (time.monotonic() - began_s)
    assert not images
    release.set()
    wait_until(lambda: images, 'the message was not lost')
    assert share < 0.2, f'{share:.0%} of a processor for waiting'


def test_a_coroutine_that_waits_is_gone_on_with(spun):
    answer, seen = Future(), []

    async def work():
        timer.cancel()
        seen.append('began')
        seen.append(await answer)

    timer = spun.timer(work)
    wait_until(lambda: seen, 'not called')
    answer.set_result('answered')
    wait_until(lambda: len(seen) == 2, 'the coroutine was left behind')
    assert seen == ['began', 'answered']
