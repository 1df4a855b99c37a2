"""The hand-made CDR parser agrees with rclpy's deserializer, and knows when it does not
understand.
"""

import struct

import numpy as np
import pytest

from siamla_ros.ros.raw_image import LayoutError, parse_image

serialization = pytest.importorskip('rclpy.serialization', reason='needs ROS 2')
Image = pytest.importorskip('sensor_msgs.msg', reason='needs ROS 2').Image


def message(frame_id='camera', encoding='bgr8', width=5, height=3, channels=3, **fields):
    image = Image(
        height=height,
        width=width,
        encoding=encoding,
        step=width * channels,
        data=np.arange(width * height * channels, dtype=np.uint8).tobytes(),
        **fields,
    )
    image.header.frame_id = frame_id
    image.header.stamp.sec, image.header.stamp.nanosec = 1700000001, 123456789
    return image


def big_endian(image):
    """The same message in CDR of the other byte order, written by hand."""
    out = bytearray(b'\0\0\0\0')

    def put(code, value, size):
        out.extend(b'\0' * ((4 - len(out)) % size))
        out.extend(struct.pack('>' + code, value))

    def text(value):
        raw = value.encode() + b'\0'
        put('I', len(raw), 4)
        out.extend(raw)

    put('i', image.header.stamp.sec, 4)
    put('I', image.header.stamp.nanosec, 4)
    text(image.header.frame_id)
    put('I', image.height, 4)
    put('I', image.width, 4)
    text(image.encoding)
    put('B', image.is_bigendian, 1)
    put('I', image.step, 4)
    put('I', len(image.data), 4)
    out.extend(bytes(image.data))
    return bytes(out)


def assert_same(frame, image):
    assert (frame.sec, frame.nanosec) == (image.header.stamp.sec, image.header.stamp.nanosec)
    assert frame.frame_id == image.header.frame_id
    assert (frame.height, frame.width, frame.step) == (image.height, image.width, image.step)
    assert (frame.encoding, frame.is_bigendian) == (image.encoding, bool(image.is_bigendian))
    assert frame.data.tobytes() == bytes(image.data)


# lengths of the strings around the alignment of 4
@pytest.mark.parametrize('frame_id', ['', 'a', 'ab', 'abc', 'abcd', 'kamera_außen'])
@pytest.mark.parametrize('encoding', ['bgr8', 'mono8', 'rgba8', 'bayer_rggb8'])
def test_agrees_with_rclpy(frame_id, encoding):
    image = message(frame_id, encoding)
    data = serialization.serialize_message(image)
    assert_same(parse_image(data), serialization.deserialize_message(data, Image))


def test_big_endian_cdr_and_big_endian_pixels():
    image = message('abc', 'mono16', channels=2, is_bigendian=1)
    assert_same(parse_image(big_endian(image)), image)


def test_pixels_are_a_view_of_the_message():
    data = serialization.serialize_message(message())
    frame = parse_image(data)
    assert np.shares_memory(frame.data, np.frombuffer(data, dtype=np.uint8))


def test_an_image_without_pixels():
    image = message(width=0, height=0)
    assert parse_image(serialization.serialize_message(image)).data.size == 0


def test_every_truncation_is_noticed():
    data = serialization.serialize_message(message())
    end = data.rindex(bytes(range(45))) + 45
    for length in range(end):
        with pytest.raises(LayoutError):
            parse_image(data[:length])


@pytest.mark.parametrize('start', [b'', b'\0', b'\x00\x03\0\0', b'\x00\x07\0\0', b'\x01\x01\0\0'])
def test_another_encapsulation_is_not_guessed_at(start):
    data = serialization.serialize_message(message())
    with pytest.raises(LayoutError):
        parse_image(start + data[4:] if len(start) == 4 else start)


def test_a_string_that_is_no_text():
    data = bytearray(serialization.serialize_message(message('abc')))
    at = data.index(b'abc')
    data[at] = 0xFF
    with pytest.raises(LayoutError, match='UTF-8'):
        parse_image(bytes(data))
