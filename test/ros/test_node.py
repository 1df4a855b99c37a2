"""The tracker node over DDS: a box in, confirmed boxes out."""

import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from support.graph import PERIOD_NS, wait_until
from support.scenes import SIDE

from siamla_ros.msg import TrackStatus
from siamla_ros.online.init_requests import InitCode
from siamla_ros.ros.messages import box_of, stamp_ns_of
from siamla_ros.ros.outputs import image_message
from siamla_ros.srv import InitTarget

MS = 1_000_000


def test_without_a_target_each_image_gets_one_empty_array_and_an_idle_status(graph):
    stamps = []
    for _ in range(5):
        detections, status = graph.see(100)
        assert detections.detections == [] and status.state == TrackStatus.IDLE
        stamps.append(stamp_ns_of(detections.header.stamp))
    assert len(graph.mail['detections']) == len(set(stamps)) == 5
    assert graph.mail['detection'] == []


def test_init_on_the_topic_is_followed_with_header_id_and_label(graph):
    graph.start(100)
    for x in range(103, 130, 3):
        detections, status = graph.see(x)
        (detection,) = detections.detections
        assert box_of(detection.bbox) == (x, 100, SIDE, SIDE)
        assert detection.header == detections.header == status.header == graph.header()
        assert detection.id == status.id == 'red'
        assert detection.results[0].hypothesis.class_id == status.label == 'square'
        assert 0.5 < detection.results[0].hypothesis.score <= 1.0
        assert status.confirmed and status.state == TrackStatus.TRACKING
        assert -60 < status.latency.sec < 60 and status.latency.nanosec > 0
    alone = graph.answer('detection', graph.stamp_ns)
    assert alone == detection


def test_exactly_one_array_for_each_processed_image(graph):
    graph.start()
    graph.mail['detections'].clear()
    sent = [graph.see(100 + index)[0].header for index in range(20)]
    assert [array.header for array in graph.mail['detections']] == sent


def test_the_first_frame_carries_the_given_box(graph):
    future = graph.init_later((99, 98, 30, 31))
    wait_until(lambda: graph.see(100)[0].detections or future.done(), 'not started')
    response = (
        future.result()
        if future.done()
        else wait_until(lambda: future.done() and future.result(), 'no answer')
    )
    assert response.accepted and response.id == 'red'
    first = next(array for array in graph.mail['detections'] if array.detections)
    assert box_of(first.detections[0].bbox) == (99, 98, 30, 31)
    assert first.detections[0].results[0].hypothesis.score == 1.0


@pytest.mark.parametrize(
    'box, code, words',
    [
        ((float('nan'), 0, 9, 9), InitTarget.Response.BOX_NOT_FINITE, ['nan', 'finite']),
        ((0, 0, float('inf'), 9), InitTarget.Response.BOX_NOT_FINITE, ['inf']),
        ((50, 50, 0, 9), InitTarget.Response.BOX_TOO_SMALL, ['width']),
        ((50, 50, -9, 9), InitTarget.Response.BOX_TOO_SMALL, ['-9']),
        ((50, 50, 1, 1), InitTarget.Response.BOX_TOO_SMALL, ['>=']),
        ((900, 50, 40, 40), InitTarget.Response.BOX_OUTSIDE, ['320 x 240']),
    ],
)
def test_bad_boxes_are_refused_with_a_code_and_the_limit(graph, box, code, words):
    graph.start()
    future = graph.init_later(box)
    wait_until(lambda: graph.see(100) and future.done(), 'no answer')
    response = future.result()
    assert not response.accepted and response.code == code and response.id == ''
    assert all(word in response.message for word in words), response.message
    assert graph.see(100)[0].detections, 'the target before goes on'


def test_bad_ids_are_refused(graph):
    for name in ('x' * 129, 'tab\there', ' edge'):
        response = graph.init((50, 50, 20, 20), name)
        assert response.code == InitTarget.Response.BAD_ID, name


def test_an_empty_id_gets_one(graph):
    future = graph.init_later((100, 100, SIDE, SIDE), '')
    wait_until(lambda: graph.see(100) and future.done(), 'no answer')
    assert future.result().id == 'target'
    assert graph.see(100)[0].detections[0].id == 'target'


def test_two_inits_in_a_row_are_both_done_and_the_second_holds(graph):
    graph.init_out.publish(graph.box((10, 10, 40, 40)))
    graph.init_out.publish(graph.box((100, 100, SIDE, SIDE)))
    time.sleep(0.2)
    detections, _ = graph.see(100)
    assert len(detections.detections) == 1
    assert box_of(graph.see(100)[0].detections[0].bbox) == (100, 100, SIDE, SIDE)


def test_two_targets_and_clear_of_one_and_of_all(graph):
    graph.start(100, 'first')
    graph.start(100, 'second')
    assert {item.id for item in graph.see(100)[0].detections} == {'first', 'second'}
    wait_until(
        lambda: (
            {
                letter.id
                for letter in list(graph.mail['status'])
                if stamp_ns_of(letter.header.stamp) == graph.stamp_ns
            }
            == {'first', 'second'}
        ),
        'no status of both',
    )
    assert not graph.clear_target('third').success
    answer = graph.clear_target('first')
    assert answer.success and 'first' in answer.message
    assert [item.id for item in graph.see(100)[0].detections] == ['second']
    assert graph.clear().success and graph.see(100)[0].detections == []
    assert any(letter.reason == TrackStatus.REASON_CLEARED for letter in graph.mail['status'])


def test_clear_forgets_boxes_that_still_wait_for_their_image(graph):
    graph.set('init_wait_s', 10.0)
    graph.see(100)
    graph.init_out.publish(graph.box((100, 100, SIDE, SIDE), 'topic'))
    soon = graph.init_later((100, 100, SIDE, SIDE), 'soon', graph.stamp_ns + PERIOD_NS)
    wait_until(lambda: len(graph.tracker.worker._waiting) == 2, 'not received')
    answer = graph.clear()
    graph.set('init_wait_s', 1.0)
    assert answer.success and 'topic' in answer.message and 'soon' in answer.message
    response = wait_until(lambda: soon.done() and soon.result(), 'no answer')
    assert (response.accepted, response.code) == (False, InitTarget.Response.CLEARED)
    for _ in range(3):
        assert graph.see(100)[0].detections == []


def hide(graph):
    """Hide the target until it is missing; the status that says so."""
    for _ in range(60):
        detections, status = graph.see(None)
        assert detections.detections == []
        if status.state in (TrackStatus.LOST, TrackStatus.SEARCHING):
            return status
    raise AssertionError('not lost')


def assert_no_request(graph):
    """For three periods of reinit_request; what is on its way may still arrive."""
    time.sleep(0.1)
    graph.mail['reinit_request'].clear()
    time.sleep(0.6)
    assert graph.mail['reinit_request'] == []


def test_a_lost_target_is_asked_for_until_the_same_id_resumes_it(graph):
    assert graph.set('redetection.mode', 'off').successful
    assert graph.set('reinit_request_period_s', 0.2).successful
    graph.start()
    last = graph.see(106)[0].detections[0]
    status = hide(graph)
    wait_until(lambda: len(graph.mail['reinit_request']) >= 3, 'not repeated')
    first, second, third = graph.mail['reinit_request'][:3]
    assert [first.attempt, second.attempt, third.attempt] == [0, 1, 2]
    assert (first.id, first.label, first.last_bbox) == ('red', 'square', last.bbox)
    assert first.last_stamp == last.header.stamp and first.reason == status.reason
    assert first.header.frame_id == 'test_camera'
    assert stamp_ns_of(first.header.stamp) > stamp_ns_of(first.last_stamp)
    graph.start(200)
    assert graph.see(200)[1].state == TrackStatus.TRACKING
    assert_no_request(graph)
    graph.set('redetection.mode', 'local')


def test_a_cleared_target_is_not_asked_for_any_more(graph):
    graph.set('redetection.mode', 'off')
    graph.start()
    hide(graph)
    graph.clear()
    assert_no_request(graph)
    graph.set('redetection.mode', 'local')


def test_recovery_brings_the_target_back_by_itself(graph):
    graph.start()
    hide(graph)
    reasons = []
    for _ in range(40):
        detections, status = graph.see(110)
        reasons.append(status.reason)
        if detections.detections:
            break
    assert reasons[-1] == TrackStatus.REASON_REACQUIRED


def test_parameters_change_live_and_bad_ones_are_refused_with_the_limit(graph):
    graph.start()
    for name, value, word in (
        ('max_targets', 0, '64'),
        ('supervisor.low_threshold', 0.99, 'high_threshold'),
        ('device', 'cpu', 'clean up first'),
        ('redetection.mode', 'nowhere', 'global'),
    ):
        result = graph.set(name, value)
        assert not result.successful, name
        assert name.rpartition('.')[2] in result.reason and word in result.reason, result.reason
    assert graph.set('max_targets', 1).successful
    future = graph.init_later((100, 100, SIDE, SIDE), 'other')
    wait_until(lambda: graph.see(100) and future.done(), 'no answer')
    assert future.result().code == InitTarget.Response.TOO_MANY_TARGETS
    assert graph.set('max_targets', 8).successful


def test_what_yaml_makes_of_off_and_of_whole_numbers_is_understood(graph):
    for name, value in (('redetection.mode', False), ('init_wait_s', 2)):
        assert graph.set(name, value).successful, name
    settings = graph.tracker.settings
    assert settings.redetection.mode == 'off' and settings.node.init_wait_s == 2.0
    assert not graph.set('redetection.mode', True).successful
    assert not graph.set('init_wait_s', 'long').successful
    assert not graph.set('init_wait_s', 61).successful
    assert graph.set('redetection.mode', 'local').successful
    assert graph.set('init_wait_s', 1.0).successful


def test_diagnostics_report_figures_and_state(graph):
    graph.start()
    graph.mail['diagnostics'].clear()
    wait_until(lambda: graph.see(100) and len(graph.mail['diagnostics']) >= 2, 'no diagnostics')
    array = graph.mail['diagnostics'][-1]
    statuses = {item.name.rpartition(': ')[2]: item for item in array.status}
    values = {pair.key: pair.value for pair in statuses['tracker'].values}
    assert 'TRACKING' in statuses['tracker'].message
    assert int(values['processed']) <= int(values['received'])
    assert values['device'] == 'cpu' and values['device reason']
    assert float(values['latency from arrival p50 ms']) > 0.0
    assert {'dropped', 'latency from stamp p95 ms', 'latency from stamp p99 ms'} <= set(values)
    assert statuses['image source'].message.endswith('images a second')


def test_refusal_codes_are_those_of_the_service():
    constants = {
        name: getattr(InitTarget.Response, name)
        for name in dir(InitTarget.Response)
        if name.isupper() and isinstance(getattr(InitTarget.Response, name), int)
    }
    assert {code.name: int(code) for code in InitCode} == constants


def test_a_black_image_holds_nothing_to_start_on(graph):
    def show_black():
        graph.show(message=image_message(graph.header(), np.zeros((240, 320, 3), np.uint8)))
        time.sleep(0.02)
        return future.done()

    future = graph.init_later((100, 100, SIDE, SIDE))
    wait_until(show_black, 'no answer')
    response = future.result()
    assert (response.accepted, response.code) == (False, InitTarget.Response.FEATURELESS)
    assert 'contrast' in response.message and 'must be >= 3' in response.message
