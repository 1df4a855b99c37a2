"""Images that are published: the same with and without cv_bridge."""

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from siamla_ros.online.image_formats import bridge, to_bgr
from siamla_ros.ros import outputs

HEADER = Header(stamp=Time(sec=3, nanosec=4), frame_id='optical')
IMAGE = np.random.default_rng(5).integers(0, 256, (6, 8, 3), np.uint8)


class Bridge:
    """Stands for cv_bridge."""

    def cv2_to_imgmsg(self, image, encoding):
        return Image(height=image.shape[0], width=image.shape[1], encoding=encoding, step=1)


def test_the_own_message_gives_the_pixels_back(monkeypatch):
    monkeypatch.setattr(outputs, 'bridge', lambda: None)
    message = outputs.image_message(HEADER, IMAGE)
    data = np.frombuffer(message.data, np.uint8)
    size = {'width': message.width, 'height': message.height, 'step': message.step}
    assert np.array_equal(to_bgr(data, encoding=message.encoding, **size), IMAGE)
    assert message.header == HEADER


def test_cv_bridge_makes_the_message_where_there_is_one(monkeypatch):
    monkeypatch.setattr(outputs, 'bridge', Bridge)
    message = outputs.image_message(HEADER, IMAGE)
    assert message.step == 1 and message.header == HEADER and message.width == 8


def test_both_messages_are_equal(monkeypatch):
    if bridge() is None:
        pytest.skip('cv_bridge is not installed')
    made = outputs.image_message(HEADER, IMAGE)
    monkeypatch.setattr(outputs, 'bridge', lambda: None)
    assert made == outputs.image_message(HEADER, IMAGE)
