"""The supervised tracker without ROS."""

import numpy as np
import pytest
from support.ros_doubles import ColorTracker
from support.scenes import SIDE, picture

import siamla_ros
from siamla_ros.online.init_requests import InitError
from siamla_ros.online.session import TrackingSession
from siamla_ros.supervision.supervisor import State

BOX = (100, 100, SIDE, SIDE)


def test_it_follows_and_declares_lost_and_finds_again():
    session = siamla_ros.TrackingSession(ColorTracker())
    started = session.start('red', BOX, picture(100), 0.0, label='square')
    assert (started.id, started.label, started.state) == ('red', 'square', State.TRACKING)
    states = []
    for number in range(1, 120):
        shown = 100 if number < 20 or number > 60 else None
        (output,) = session.step(picture(shown), number / 30)
        states.append(output.state)
    assert states[18] is State.TRACKING and State.LOST in states[20:60]
    assert states[-1] is State.TRACKING and session.last_error == ''


def test_two_targets_keep_their_order_and_one_is_forgotten():
    session = TrackingSession(ColorTracker())
    for name in ('b', 'a'):
        session.start(name, BOX, picture(100), 0.0)
    assert [output.id for output in session.step(picture(100), 0.1)] == ['b', 'a']
    assert session.clear('b') == ['b']
    assert [output.id for output in session.step(picture(100), 0.2)] == ['a']


def test_a_refused_box_leaves_the_old_target_as_it_was():
    session = TrackingSession(ColorTracker())
    session.start('red', BOX, picture(100), 0.0)
    with pytest.raises(InitError, match='inside the image of 320 x 240'):
        session.start('red', (900, 900, 20, 20), picture(100), 0.1)
    assert session.step(picture(100), 0.2)[0].state is State.TRACKING


@pytest.mark.parametrize(
    'image', [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 4), 'B')]
)
def test_what_is_no_image_is_named(image):
    with pytest.raises(ValueError, match='must be HxWx3 uint8'):
        TrackingSession(ColorTracker()).step(image, 0.0)


def test_a_stamp_that_is_no_number_is_named():
    with pytest.raises(ValueError, match='stamp_s is nan'):
        TrackingSession(ColorTracker()).step(picture(100), float('nan'))


def test_search_windows_are_those_of_the_network():
    class Wide(ColorTracker):
        search_context = 5.5

    assert TrackingSession(ColorTracker()).engine.searcher.redetector.window == 3.75
    assert TrackingSession(Wide()).engine.searcher.redetector.window == 5.5


@pytest.mark.parametrize('image', [None, [[1, 2, 3]], 'a.png'])
def test_what_is_no_array_is_named(image):
    """cv2.imread gives None for a file that is not there."""
    session = TrackingSession(ColorTracker())
    with pytest.raises(ValueError, match=r'image_bgr is \w+, must be an array'):
        session.start('red', BOX, image, 0.0)
    session.start('red', BOX, picture(100), 0.0)
    with pytest.raises(ValueError, match=r'image_bgr is \w+, must be an array'):
        session.step(image, 0.1)
    assert session.step(picture(100), 0.2)[0].state is State.TRACKING


@pytest.mark.parametrize('stamp_s', [float('nan'), float('inf'), -1e300, 1e300])
def test_stamps_without_sense_are_named(stamp_s):
    with pytest.raises(ValueError, match=r'stamp_s is .*, must lie within \+-1e\+11 s'):
        TrackingSession(ColorTracker()).start('red', BOX, picture(100), stamp_s)
