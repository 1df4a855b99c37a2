"""Transitions, with targets and without, many times."""

import gc
import resource
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from lifecycle_msgs.msg import Transition
from support.graph import wait_until
from support.ros_doubles import ColorTracker
from support.scenes import SIDE

from siamla_ros.ros.messages import box_of
from siamla_ros.srv import InitTarget

CONFIGURE, ACTIVATE = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE
DEACTIVATE, CLEANUP = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP
CYCLES = 100


def test_without_autostart_it_waits_and_says_not_active(graphs):
    waiting = graphs('color', autostart=False)
    assert waiting.tracker.state_label == 'unconfigured'
    response = waiting.init((10, 10, 20, 20))
    assert (response.accepted, response.code) == (False, InitTarget.Response.NOT_ACTIVE)
    assert waiting.transition(CONFIGURE) and waiting.tracker.state_label == 'inactive'
    assert waiting.init((10, 10, 20, 20)).code == InitTarget.Response.NOT_ACTIVE
    assert waiting.transition(ACTIVATE)
    waiting.wait_ready()


def test_deactivate_pauses_and_keeps_targets_cleanup_forgets_them(graph):
    graph.start()
    assert graph.transition(DEACTIVATE)
    graph.mail['detections'].clear()
    graph.show(100)
    assert graph.transition(ACTIVATE)
    wait_until(graph.image_out.get_subscription_count, 'not matched')

    def confirmed():
        graph.show(100)
        time.sleep(0.05)
        return any(array.detections for array in list(graph.mail['detections']))

    wait_until(confirmed, 'target not kept')
    assert graph.transition(DEACTIVATE) and graph.transition(CLEANUP)
    assert graph.transition(CONFIGURE) and graph.transition(ACTIVATE)
    graph.wait_ready()
    assert graph.see(100)[0].detections == []


def test_nothing_is_confirmed_after_a_pause_in_which_the_target_left(graph):
    """Images were numbered anew after a pause: 300 of them carried the old box."""
    graph.start()
    for _ in range(10):
        graph.see(100)
    assert graph.transition(DEACTIVATE) and graph.transition(ACTIVATE)
    wait_until(graph.image_out.get_subscription_count, 'not matched')
    graph.mail['detections'].clear()
    for _ in range(30):
        graph.show(None)
        time.sleep(0.02)
    wait_until(lambda: len(graph.mail['detections']) >= 10, 'no images processed')
    assert [array.detections for array in graph.mail['detections'] if array.detections] == []
    assert all(not status.confirmed for status in graph.mail['status'][-10:])


def test_calls_during_and_after_deactivation_are_answered(graph):
    graph.start()
    assert graph.transition(DEACTIVATE)
    assert graph.init((100, 100, SIDE, SIDE)).code == InitTarget.Response.NOT_ACTIVE
    answer = graph.clear()
    assert (answer.success, answer.message) == (True, 'forgotten: red')
    assert graph.transition(ACTIVATE)
    graph.wait_ready()


def test_callers_without_a_camera_wait_side_by_side(graph):
    futures = [graph.init_later((100, 100, SIDE, SIDE), f'box{number}') for number in range(8)]
    wait_until(lambda: len(graph.tracker.worker._waiting) == 8, 'they wait one after another')
    for future in futures:
        wait_until(future.done, 'no answer')
        assert future.result().code == InitTarget.Response.NO_IMAGE


def test_a_box_that_waits_is_refused_on_deactivation(graph):
    future = graph.init_later((100, 100, SIDE, SIDE))
    wait_until(lambda: graph.tracker.worker._waiting, 'not waiting')
    assert graph.transition(DEACTIVATE)
    wait_until(future.done, 'no answer')
    assert future.result().code == InitTarget.Response.NOT_ACTIVE
    assert graph.transition(ACTIVATE)
    graph.wait_ready()


def test_many_cycles_leave_nothing_behind(graph):
    def cycle():
        for transition in (DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE):
            assert graph.transition(transition)

    def held():
        gc.collect()
        pages = int(Path('/proc/self/statm').read_text().split()[1])
        files = len(list(Path('/proc/self/fd').iterdir()))
        return threading.active_count(), files, pages * resource.getpagesize()

    for _ in range(5):
        cycle()
    threads, files, memory = held()
    for _ in range(CYCLES):
        cycle()
    threads_after, files_after, memory_after = held()
    # the executor's own pool may still grow by a few
    assert threads_after <= threads + 8 and files_after <= files + 8
    assert memory_after - memory < 25e6, f'{(memory_after - memory) / 1e6:.1f} MB in {CYCLES}'
    graph.wait_ready()
    graph.start()


def test_targets_go_on_on_another_device_when_theirs_is_lost(graphs):
    losing = graphs('losing')
    losing.start(100)
    first = losing.tracker.engine.tracker
    wait_until(lambda: losing.see(100) and losing.tracker.engine.tracker is not first, 'not lost')
    assert (losing.tracker.engine.tracker.device, first.closed) == ('cpu', True)
    detections, _ = losing.see(103)
    assert box_of(detections.detections[0].bbox)[0] == 103
    # Errors of one frame, not of every later one, and the loop for single targets was left out.
    assert losing.tracker.engine.errors == 1
    assert losing.tracker.state_label == 'active'


def test_a_node_whose_device_is_lost_for_good_says_so_and_is_unconfigured(graphs):
    losing = graphs('losing', model='cuda only')
    losing.start(100)
    lifecycle = losing.tracker
    wait_until(lambda: losing.show(100) and lifecycle.state_label == 'unconfigured', 'still active')
    assert lifecycle.engine is None
    assert 'an illegal memory access' in lifecycle.failure
    assert 'restart the process' in lifecycle.failure
    wait_until(
        lambda: any(
            'not configured' in status.message and 'illegal memory access' in status.message
            for array in list(losing.mail['diagnostics'])
            for status in array.status
        ),
        'not in diagnostics',
        5.0,
    )


def test_a_calibration_that_cannot_be_fails_the_transition_with_the_reason(graphs):
    class Miscalibrated(ColorTracker):
        calibration = {'evidence': {'nonsense': 1.0}}

    waiting = graphs('color', autostart=False)
    load, waiting.tracker._load = waiting.tracker._load, lambda **_: Miscalibrated()
    assert not waiting.transition(CONFIGURE)
    assert waiting.tracker.state_label == 'unconfigured' and waiting.tracker.engine is None
    assert 'calibration of the weights' in waiting.tracker.failure
    assert 'nonsense' in waiting.tracker.failure
    waiting.tracker._load = load
    assert waiting.transition(CONFIGURE), 'it can be put right'


def test_cycles_with_the_network_leave_no_thread_behind(graphs):
    """Also while no garbage is collected: a lifecycle node is part of a cycle."""
    real = graphs('real', device='cpu', redetection__mode='off', threads=2, autostart=False)

    def threads():
        """Those of libraries: a pool of Python's answers the calls and grows to its limit."""
        return len(list(Path('/proc/self/task').iterdir())) - threading.active_count()

    def cycle():
        for number in (CONFIGURE, ACTIVATE, DEACTIVATE, CLEANUP):
            assert real.transition(number)

    for _ in range(3):
        cycle()
    gc.disable()
    try:
        before = threads()
        for _ in range(4):
            cycle()
        after = threads()
    finally:
        gc.enable()
    assert after == before, f'{before} threads, after four cycles {after}'
