"""init_box and a real tracker node: the stamps it takes, what it asks again, what it confirms."""

import threading
import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from builtin_interfaces.msg import Time
from std_msgs.msg import Header
from support.graph import PERIOD_NS, wait_until
from support.scenes import SIDE

from siamla_ros.msg import TrackStatus
from siamla_ros.ros import init_box, messages

SECOND = 1_000_000_000
BOX = f'100,100,{SIDE},{SIDE}'
OUTSIDE = '5000,100,50,50'
LIMIT_S = 10.0
REFUSED = r"did not show target 'red' begin \(refused\? the log of the tracker names.*within 1 s"


@pytest.fixture
def box(graph):
    """The node, in the namespace of the tracker."""
    node = init_box.InitBox(namespace=graph.namespace)
    yield node
    node.destroy_node()


@pytest.fixture
def film(graph):
    """The square stands still before the camera, about 30 images a second."""
    done = threading.Event()

    def roll():
        while not done.wait(0.03):
            graph.show(100)

    thread = threading.Thread(target=roll)
    thread.start()
    yield graph
    done.set()
    thread.join()


def run(box, *arguments):
    return init_box.send(box, init_box._options([*arguments, '--timeout', str(LIMIT_S)]))


def status(reason, frames):
    return TrackStatus(reason=reason, frames_in_state=frames)


@pytest.mark.parametrize(
    'before, now, begun',
    [
        (None, (TrackStatus.REASON_INIT, 3), True),
        ((TrackStatus.REASON_INIT, 3), (TrackStatus.REASON_INIT, 4), False),
        ((TrackStatus.REASON_INIT, 3), (TrackStatus.REASON_REINITIALIZED, 4), True),
        ((TrackStatus.REASON_REINITIALIZED, 3), (TrackStatus.REASON_REINITIALIZED, 4), False),
        ((TrackStatus.REASON_REINITIALIZED, 3), (TrackStatus.REASON_REINITIALIZED, 2), True),
        ((TrackStatus.REASON_TIMEOUT, 3), (TrackStatus.REASON_REINITIALIZED, 4), True),
        ((TrackStatus.REASON_TIMEOUT, 3), (TrackStatus.REASON_REACQUIRED, 1), False),
        ((TrackStatus.REASON_TIMEOUT, 3), (TrackStatus.REASON_INIT, 1), True),  # cleared between
    ],
)
def test_what_shows_that_a_target_began(before, now, begun):
    assert init_box.has_begun(before and status(*before), status(*now)) is begun


def test_the_stamp_is_of_an_image_that_the_tracker_knows(film, box):
    box.watch_status()
    stamp = box.next_stamp(LIMIT_S)
    known = film.tracker.worker.buffer.find(messages.stamp_ns_of(stamp), 0)
    assert (known.sec, known.nanosec) == (stamp.sec, stamp.nanosec)


def test_on_the_topic_the_target_is_seen_to_begin_and_to_begin_anew(film, box, capsys):
    assert run(box, BOX, '--id', 'red', '--next-image') == 0
    assert "target 'red' has begun" in capsys.readouterr().out
    time.sleep(0.5)
    assert run(box, BOX, '--id', 'red', '--next-image') == 0
    targets = film.tracker.engine.targets
    known = wait_until(lambda: targets.get('red'), 'still catching up')
    assert known.output.reason.name == 'REINITIALIZED'


@pytest.mark.parametrize('followed', [False, True])
def test_on_the_topic_a_refusal_does_not_pass_for_a_start(film, box, monkeypatch, followed):
    monkeypatch.setattr(init_box, 'CONFIRM_S', 1.0)
    if followed:
        assert film.init((100, 100, SIDE, SIDE)).accepted
        time.sleep(0.3)
    with pytest.raises(TimeoutError, match=REFUSED):
        run(box, OUTSIDE, '--id', 'red', '--next-image')
    assert ('red' in film.tracker.engine.targets) is followed


def test_a_target_that_was_spoken_of_before_is_no_start_when_it_goes_on(film, box):
    """Of several targets on an image it may not be the one whose status gives the stamp."""
    box.watch_status()
    went_on = TrackStatus(id='red', state=TrackStatus.TRACKING, reason=TrackStatus.REASON_INIT)
    went_on.frames_in_state = 7
    box._statuses.append(went_on)
    header = Header(stamp=box.next_stamp(LIMIT_S))
    detection = messages.detection_message(header, (100, 100, SIDE, SIDE), 1.0, 'red', '')
    later = messages.time_message(messages.stamp_ns_of(header.stamp) + SECOND)
    box._statuses.append(
        TrackStatus(
            id='red',
            state=went_on.state,
            reason=went_on.reason,
            frames_in_state=8,
            header=Header(stamp=later),
        )
    )
    with pytest.raises(TimeoutError, match="did not show target 'red' begin"):
        box.confirm(detection, 0.3)


@pytest.mark.parametrize(
    'offset_ns, word',
    [
        (-100 * SECOND, 'STAMP_TOO_OLD'),
        (PERIOD_NS // 2, 'STAMP_UNKNOWN'),
    ],
)
def test_the_service_is_asked_again_with_the_next_image(film, box, capsys, offset_ns, word):
    film.set('advanced.init_stamp_tolerance_s', 0.005)
    box.watch_status()
    first = messages.stamp_ns_of(box.next_stamp(LIMIT_S))
    box.next_stamp(LIMIT_S)  # the first stamp now lies between others
    missed, asked = messages.time_message(first + offset_ns), []

    def stamp() -> Time:
        asked.append(box.next_stamp(LIMIT_S) if asked else missed)
        return asked[-1]

    detection = messages.detection_message(Header(), (100, 100, SIDE, SIDE), 1.0, 'red', '')
    answer = box.call('tracker/init_target', detection, stamp, LIMIT_S)
    film.set('advanced.init_stamp_tolerance_s', 0.02)
    assert answer.accepted and len(asked) == 2, answer.message
    assert f'asking again: {word}' in capsys.readouterr().out


def test_the_service_is_not_asked_again_what_no_image_can_mend(film, box, capsys):
    assert run(box, OUTSIDE, '--service', 'tracker/init_target', '--next-image') == 1
    said = capsys.readouterr().out
    assert 'refused, BOX_OUTSIDE' in said and 'asking again' not in said


def test_a_tracker_without_images_is_reported(graph, box):
    with pytest.raises(TimeoutError, match=f'{graph.namespace}/status spoke of no image'):
        init_box.send(box, init_box._options([BOX, '--next-image', '--timeout', '0.5']))
