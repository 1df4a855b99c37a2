"""What the node must survive: each bad input gets a clear message, and the node lives on."""

import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

import cv2
from lifecycle_msgs.msg import Transition
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from sensor_msgs.msg import CompressedImage, Image
from support.graph import wait_until
from support.scenes import SIDE, picture

from siamla_ros.msg import TrackStatus
from siamla_ros.ros import qos
from siamla_ros.ros.messages import box_of
from siamla_ros.srv import InitTarget


def message(image, encoding, step=None, data=None, **fields):
    """An Image of whatever is claimed."""
    raw = np.ascontiguousarray(image)
    return Image(
        height=raw.shape[0],
        width=raw.shape[1],
        encoding=encoding,
        step=raw.strides[0] if step is None else step,
        data=raw.tobytes() if data is None else data,
        **fields,
    )


def variants(x):
    """The same picture in several encodings, padded and not."""
    bgr = picture(x)
    alpha = np.full(bgr.shape[:2], 255, np.uint8)
    padded = np.pad(bgr.reshape(bgr.shape[0], -1), ((0, 0), (0, 64)))
    return [
        message(bgr, 'bgr8'),
        message(bgr[..., ::-1], 'rgb8'),
        message(np.dstack([bgr, alpha]), 'bgra8'),
        message(np.dstack([bgr[..., ::-1], alpha]), 'rgba8'),
        message(bgr, 'bgr8', step=padded.shape[1], data=padded.tobytes()),
    ]


def test_the_encoding_may_change_from_image_to_image(graph):
    graph.start(100)
    for x in (103, 106):
        for image in variants(x):
            detections, _ = graph.see(message=image)
            assert box_of(detections.detections[0].bbox) == (x, 100, SIDE, SIDE), image.encoding


@pytest.mark.parametrize(
    'image',
    [
        message(picture(100), 'bgr8', data=b''),
        message(picture(100), 'bgr8', data=bytes(1000)),
        message(picture(100), 'bgr8', step=5),
        message(picture(100), 'theora'),
        Image(encoding='bgr8'),
        Image(height=4, width=2**31, encoding='mono8', step=2**31, data=b'1234'),
    ],
    ids=['empty', 'truncated', 'step', 'encoding', 'nothing', 'huge'],
)
def test_a_bad_image_is_reported_and_the_next_good_one_processed(graph, image):
    graph.start(100)
    before = graph.tracker.stats.snapshot().counts.get('bad_image', 0)
    shown = 0

    def counted():
        nonlocal shown
        shown += 1  # any one may get lost on the way
        graph.show(message=image)
        return graph.tracker.stats.snapshot().counts.get('bad_image', 0) > before

    wait_until(counted, 'not counted')
    assert graph.see(103)[0].detections
    assert graph.tracker.stats.snapshot().counts['bad_image'] <= before + shown


def test_resolution_may_change_in_mid_stream(graph):
    graph.start(100)
    big = {'y': 200, 'width': 640, 'height': 480, 'side': 2 * SIDE}
    wait_until(lambda: graph.see(200, **big)[0].detections, 'not confirmed again', 5.0)
    assert box_of(graph.see(200, **big)[0].detections[0].bbox) == (200, 200, 48, 48)


def test_time_may_go_back_as_in_a_looped_bag(graph):
    graph.start(100)
    later = graph.stamp_ns
    graph.stamp_ns -= 30_000_000_000
    wait_until(lambda: graph.see(100)[0].detections, 'not confirmed again', 5.0)
    response = graph.init((100, 100, SIDE, SIDE), stamp_ns=later)
    assert response.code == InitTarget.Response.STAMP_IN_FUTURE, 'the old pass is forgotten'
    graph.stamp_ns = later


def test_the_source_may_die_and_return(graph):
    graph.set('advanced.source_timeout_s', 0.3)
    graph.start(100)
    graph.mail['diagnostics'].clear()
    wait_until(
        lambda: any(
            'no image on' in status.message
            for array in list(graph.mail['diagnostics'])
            for status in array.status
        ),
        'silence not reported',
        5.0,
    )
    graph.stamp_ns += 3_000_000_000
    wait_until(lambda: graph.see(100)[0].detections, 'not confirmed again', 5.0)
    graph.set('advanced.source_timeout_s', 2.0)


def test_a_tracker_out_of_memory_is_reported_and_the_target_survives(graphs):
    failing = graphs('failing')
    failing.start(100)
    wait_until(lambda: failing.see(100) and failing.tracker.engine.errors >= 8, 'never failed')
    wait_until(
        lambda: any(
            'CUDA out of memory' in status.message
            for array in list(failing.mail['diagnostics'])
            for status in array.status
        ),
        'not in diagnostics',
        5.0,
    )
    failing.start(100)
    assert failing.see(100)[0].detections


def test_compressed_images(graphs):
    compressed = graphs('color', autostart=False, image_transport='compressed')
    out = compressed.node.create_publisher(CompressedImage, 'image/compressed', qos.image_out())
    assert compressed.transition(Transition.TRANSITION_CONFIGURE)
    assert compressed.transition(Transition.TRANSITION_ACTIVATE)
    wait_until(out.get_subscription_count, 'not matched')

    def send(data):
        compressed.stamp_ns += 33_000_000
        out.publish(CompressedImage(header=compressed.header(), format='png', data=data))
        time.sleep(0.03)

    png = cv2.imencode('.png', picture(100))[1].tobytes()
    compressed.init_out.publish(compressed.box((100, 100, SIDE, SIDE)))

    def confirmed():
        send(b'damaged')
        send(png)
        return any(array.detections for array in list(compressed.mail['detections']))

    wait_until(confirmed, 'not confirmed')
    assert compressed.tracker.stats.snapshot().counts['bad_image'] >= 1


@pytest.mark.parametrize(
    'parameters, words',
    [
        ({'model': 'missing'}, ['missing', 'checkpoint']),
        ({'device': 'cuda'}, ['cuda', 'not available']),
    ],
)
def test_what_cannot_be_loaded_fails_the_transition_with_a_reason(graphs, parameters, words):
    broken = graphs('color', autostart=False, **parameters)
    assert not broken.transition(Transition.TRANSITION_CONFIGURE)
    assert broken.tracker.state_label == 'unconfigured'
    assert all(word in broken.tracker.failure for word in words)
    response = broken.init((10, 10, 20, 20))
    assert response.code == InitTarget.Response.NOT_ACTIVE and 'unconfigured' in response.message
    assert not broken.clear().success
    wait_until(
        lambda: any(
            words[0] in status.message
            for array in list(broken.mail['diagnostics'])
            for status in array.status
        ),
        'not in diagnostics',
        5.0,
    )
    (name,) = parameters
    assert broken.set(name, 'auto' if name == 'device' else 'default').successful
    assert broken.transition(Transition.TRANSITION_CONFIGURE), 'it can be put right'


def test_an_incompatible_subscriber_is_named_in_plain_words(graph):
    wanting = qos.request()  # transient local; detections are volatile
    from vision_msgs.msg import Detection2DArray

    subscription = graph.node.create_subscription(
        Detection2DArray,
        'detections',
        lambda _: None,
        wanting,
        callback_group=MutuallyExclusiveCallbackGroup(),
    )
    wait_until(
        lambda: any(
            'TRANSIENT_LOCAL' in text for text in graph.tracker.health.collect().qos_problems
        ),
        'not reported',
        5.0,
    )
    graph.node.destroy_subscription(subscription)


def test_debug_image_is_drawn_only_while_somebody_looks(graph):
    graph.start(100)
    seen = []
    assert graph.tracker.outputs._debug_due_s == 0.0, 'drawn though nobody looks'
    subscription = graph.node.create_subscription(
        Image,
        'tracker/debug_image',
        seen.append,
        qos.image_in(),
        callback_group=MutuallyExclusiveCallbackGroup(),
    )
    wait_until(lambda: graph.see(100) and seen, 'no debug image')
    assert (seen[0].width, seen[0].height, seen[0].encoding) == (320, 240, 'bgr8')
    assert seen[0].header.frame_id == 'test_camera'
    graph.node.destroy_subscription(subscription)


def test_status_of_a_hidden_target_carries_a_marked_prediction(graph):
    graph.start(100)
    for x in range(103, 133, 3):
        graph.see(x)
    detections, status = graph.see(None)
    assert detections.detections == [] and not status.confirmed
    assert status.has_predicted and 125 < box_of(status.predicted_bbox)[0] < 145
    assert status.state in (TrackStatus.TRACKING, TrackStatus.UNCERTAIN)
