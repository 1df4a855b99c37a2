"""An init box belongs to the image of its stamp: the past is caught up with, the rest refused."""

import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from support.graph import PERIOD_NS, wait_until
from support.scenes import SIDE

from siamla_ros.ros.messages import box_of
from siamla_ros.srv import InitTarget

CODES = InitTarget.Response
SECOND = 1_000_000_000


def show_steadily(graph, xs):
    """Pictures at about 30 Hz; the stamps."""
    stamps = []
    for x in xs:
        stamps.append(graph.show(x))
        time.sleep(0.033)
    graph.answer('detections', stamps[-1])
    return stamps


@pytest.mark.parametrize('offset_ns', [0, 5_000_000, -5_000_000])
def test_a_box_half_a_second_old_catches_up_with_the_present(graph, offset_ns):
    stamps = show_steadily(graph, range(20, 110, 3))
    old = len(stamps) - 16
    graph.init_out.publish(
        graph.box((20 + 3 * old, 100, SIDE, SIDE), stamp_ns=stamps[old] + offset_ns)
    )
    x = 107

    def caught_up():
        nonlocal x
        x = min(x + 3, 250)  # within the image, however long a busy machine takes
        return graph.see(x)[0].detections

    detections = wait_until(caught_up, 'not caught up')
    assert box_of(detections[0].bbox) == (x, 100, SIDE, SIDE)
    assert detections[0].header == graph.header(), 'output keeps the stamp of the present image'


def test_replayed_images_are_not_published_again(graph):
    stamps = show_steadily(graph, range(20, 80, 3))
    response = graph.init((20, 100, SIDE, SIDE), stamp_ns=stamps[0])
    assert response.accepted and 'catching up' in response.message
    wait_until(lambda: graph.see(80)[0].detections, 'not caught up')
    headers = [letter.header.stamp for letter in graph.mail['detections']]
    assert len(headers) == len({(stamp.sec, stamp.nanosec) for stamp in headers})


@pytest.mark.parametrize(
    'offset_ns, code',
    [
        (-100 * SECOND, CODES.STAMP_TOO_OLD),
        (100 * SECOND, CODES.STAMP_IN_FUTURE),
        (PERIOD_NS // 2, CODES.STAMP_UNKNOWN),
    ],
)
def test_other_stamps_are_refused(graph, offset_ns, code):
    graph.set('advanced.init_stamp_tolerance_s', 0.005)
    stamps = show_steadily(graph, [100] * 4)
    response = graph.init((100, 100, SIDE, SIDE), stamp_ns=stamps[1] + offset_ns)
    graph.set('advanced.init_stamp_tolerance_s', 0.02)
    assert (response.accepted, response.code) == (False, code), response.message
    assert 'header.stamp' in response.message


def test_a_box_may_come_before_its_image(graph):
    graph.see(100)
    future = graph.init_later((103, 100, SIDE, SIDE), stamp_ns=graph.stamp_ns + PERIOD_NS)
    time.sleep(0.2)
    assert not future.done()
    graph.show(103)
    wait_until(future.done, 'no answer')
    assert future.result().accepted
    assert wait_until(lambda: graph.see(103)[0].detections, 'not followed')


def test_a_box_whose_image_never_comes_is_refused_after_a_while(graph):
    graph.set('init_wait_s', 0.3)
    graph.see(100)
    response = graph.init((100, 100, SIDE, SIDE), stamp_ns=graph.stamp_ns + 10 * PERIOD_NS)
    graph.set('init_wait_s', 1.0)
    assert response.code == CODES.STAMP_IN_FUTURE
    assert 'ahead' in response.message


def test_a_service_call_without_images_is_answered_in_time(graph):
    graph.set('init_wait_s', 0.3)
    began_s = time.monotonic()
    response = graph.init((100, 100, SIDE, SIDE))
    assert response.code == CODES.NO_IMAGE and time.monotonic() - began_s < 5.0
    graph.set('init_wait_s', 1.0)
    assert graph.see(100)[0].detections == [], 'a refused box is not used later'


def test_on_the_topic_a_box_without_a_stamp_waits_for_the_next_image(graph):
    graph.init_out.publish(graph.box((100, 100, SIDE, SIDE)))
    time.sleep(1.3)
    assert graph.see(100)[0].detections
