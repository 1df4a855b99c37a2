"""Every encoding gives the right pixels; what cannot be used is refused by name."""

import cv2
import numpy as np
import pytest

from siamla_ros.geometry.pixels import stretch_16_bit
from siamla_ros.online import image_formats
from siamla_ros.online.image_formats import (
    ENCODINGS,
    STRETCHED,
    ImageError,
    to_bgr,
)

RNG = np.random.default_rng(7)
BGR = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
BAYER = {'rggb': 'RGGB', 'bggr': 'BGGR', 'gbrg': 'GBRG', 'grbg': 'GRBG'}


def convert(rows, width, height, encoding, padding=0, **options):
    """Pack rows of bytes, with padding of 0xEE at the end of each, and convert."""
    rows = np.ascontiguousarray(rows).view(np.uint8).reshape(height, -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xEE)
    return to_bgr(
        padded.reshape(-1),
        width=width,
        height=height,
        encoding=encoding,
        step=padded.shape[1],
        **options,
    )


def packed(encoding):
    """BGR as the camera would send it."""
    return {
        'bgr8': BGR,
        '8UC3': BGR,
        'rgb8': BGR[..., ::-1],
        'bgra8': np.dstack([BGR, np.full((6, 8), 9, np.uint8)]),
        '8UC4': np.dstack([BGR, np.full((6, 8), 9, np.uint8)]),
        'rgba8': np.dstack([BGR[..., ::-1], np.full((6, 8), 9, np.uint8)]),
    }[encoding]


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('encoding', ['bgr8', '8UC3', 'rgb8', 'bgra8', '8UC4', 'rgba8'])
def test_color(encoding, padding):
    assert np.array_equal(convert(packed(encoding), 8, 6, encoding, padding), BGR)


@pytest.mark.parametrize('padding', [0, 3])
@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_mono8(encoding, padding):
    image = convert(BGR[..., 0], 8, 6, encoding, padding)
    assert np.array_equal(image, np.dstack([BGR[..., 0]] * 3))


@pytest.mark.parametrize('order', ['<u2', '>u2'])
@pytest.mark.parametrize('padding', [0, 2, 3])
@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
def test_gray16_is_stretched_and_knows_both_byte_orders(order, padding, encoding):
    values = (np.arange(48 * 64, dtype=np.uint16) % 1024 + 7000).reshape(48, 64)  # 14-bit thermal
    image = convert(values.astype(order), 64, 48, encoding, padding, is_bigendian=order == '>u2')
    assert np.array_equal(image[..., 0], stretch_16_bit(values))
    assert np.array_equal(image[..., 0], image[..., 2])
    assert (image.min(), image.max()) == (0, 255), 'the whole range of gray levels is used'


@pytest.mark.parametrize('encoding, order', [('nv12', (0, 1)), ('nv21', (1, 0))])
@pytest.mark.parametrize('padding', [0, 4])
def test_nv12_and_nv21_have_half_as_many_rows_of_color(encoding, order, padding):
    luma, chroma = np.full((4, 6), 120, np.uint8), np.empty((2, 6), np.uint8)
    chroma[:, order[0] :: 2], chroma[:, order[1] :: 2] = 90, 200  # U, V
    rows = np.pad(np.vstack([luma, chroma]), ((0, 0), (0, padding)))
    image = to_bgr(rows.reshape(-1), width=6, height=4, encoding=encoding, step=6 + padding)
    # BT.601, studio range
    red = 1.164 * (120 - 16) + 1.596 * (200 - 128)
    blue = 1.164 * (120 - 16) + 2.018 * (90 - 128)
    assert image.shape == (4, 6, 3)
    assert np.abs(image[..., 2] - red).max() <= 2 and np.abs(image[..., 0] - blue).max() <= 2


@pytest.mark.parametrize(
    'height, size, words', [(5, 300, 'image.height is 5, must be even'), (4, 24, 'truncated')]
)
def test_nv12_that_cannot_be_used_is_refused(height, size, words):
    with pytest.raises(ImageError, match=words):
        to_bgr(np.zeros(size, np.uint8), width=6, height=height, encoding='nv12', step=6)


@pytest.mark.parametrize('order', ['<u2', '>u2'])
@pytest.mark.parametrize('encoding', ['bgr16', 'rgb16'])
def test_color16(encoding, order):
    wide = BGR.astype(np.uint16) * 257
    sent = wide if encoding == 'bgr16' else wide[..., ::-1]
    image = convert(sent.astype(order), 8, 6, encoding, is_bigendian=order == '>u2')
    assert np.array_equal(image, BGR)


@pytest.mark.parametrize(
    'encoding, luma_at', [('yuv422', 1), ('uyvy', 1), ('yuv422_yuy2', 0), ('yuyv', 0)]
)
def test_yuv422(encoding, luma_at):
    rows = np.full((4, 6, 2), 128, dtype=np.uint8)  # chroma 128: gray
    rows[..., luma_at] = np.arange(60, 84).reshape(4, 6) * 2
    image = convert(rows, 6, 4, encoding)
    gray = np.clip((rows[..., luma_at].astype(float) - 16) * 255 / 219, 0, 255)
    assert np.abs(image.astype(float) - gray[..., None]).max() <= 1.5


@pytest.mark.parametrize('encoding', ['yuv422', 'yuyv'])
def test_yuv422_wants_an_even_width(encoding):
    with pytest.raises(ImageError, match='image.width is 5, must be even'):
        convert(np.zeros((4, 5, 2), np.uint8), 5, 4, encoding)


@pytest.mark.parametrize('pattern', BAYER)
@pytest.mark.parametrize('depth', [8, 16])
def test_bayer_patterns_give_the_colors_that_were_filtered(pattern, depth):
    color = {'R': 200, 'G': 120, 'B': 40}
    mosaic = np.empty((16, 16), dtype=np.uint8)
    for index, letter in enumerate(BAYER[pattern]):
        mosaic[index // 2 :: 2, index % 2 :: 2] = color[letter]
    sent = mosaic if depth == 8 else mosaic.astype(np.uint16) * 257
    image = convert(sent, 16, 16, f'bayer_{pattern}{depth}')
    assert np.array_equal(image[8, 8], [40, 120, 200])


def test_bgr8_is_a_view_with_and_without_padding():
    for padding in (0, 4):
        rows = np.pad(BGR.reshape(6, 24), ((0, 0), (0, padding))).reshape(-1)
        image = to_bgr(rows, width=8, height=6, encoding='bgr8', step=24 + padding)
        assert np.shares_memory(image, rows)
        assert np.array_equal(image, BGR)


def test_views_are_accepted_by_opencv_though_they_are_read_only():
    data = np.frombuffer(BGR.tobytes(), dtype=np.uint8)
    image = to_bgr(data, width=8, height=6, encoding='bgr8', step=24)
    assert not image.flags.writeable
    assert cv2.resize(image, (4, 3)).shape == (3, 4, 3)


@pytest.mark.parametrize(
    'changes, words',
    [
        ({'encoding': 'jxl'}, ["image.encoding is 'jxl'", 'bgr8']),
        ({'width': 0}, ['image.width is 0', '[1, ']),
        ({'height': 0}, ['image.height is 0']),
        ({'width': 10**9}, ['image.width is 1000000000']),
        ({'step': 23}, ['image.step is 23', 'at least 24']),
        ({'height': 7}, ['image.data has 144 bytes', 'at least 168', 'truncated']),
        ({'step': 0}, ['image.step is 0']),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_and_limit(changes, words):
    good = {'width': 8, 'height': 6, 'encoding': 'bgr8', 'step': 24}
    with pytest.raises(ImageError) as refusal:
        to_bgr(BGR.reshape(-1), **{**good, **changes})
    assert all(word in str(refusal.value) for word in words), str(refusal.value)


class Bridge:
    """Stands for cv_bridge: paints what it converts, knows no yuyv, and notes what it was asked."""

    def __init__(self):
        self.asked = []

    def imgmsg_to_cv2(self, message, desired):
        self.asked.append((message.encoding, message.step, message.is_bigendian, desired))
        if message.encoding == 'yuyv':
            raise TypeError('Unrecognized image encoding [yuyv]')
        return np.full((message.height, message.width, 3), 77, np.uint8)


def test_cv_bridge_converts_what_is_not_a_view_where_it_can(monkeypatch):
    found = Bridge()
    monkeypatch.setattr(image_formats, 'bridge', lambda: found)
    assert (convert(packed('rgb8'), 8, 6, 'rgb8') == 77).all()
    assert found.asked == [('rgb8', 24, 0, 'bgr8')]
    assert np.array_equal(convert(BGR, 8, 6, 'bgr8'), BGR), 'a view needs no conversion'
    gray = convert(np.full((4, 6, 2), 128, np.uint8), 6, 4, 'yuyv')
    assert gray.shape == (4, 6, 3) and not (gray == 77).any(), 'own conversion as the fallback'
    convert(np.arange(48, dtype='<u2').reshape(6, 8), 8, 6, 'mono16')
    assert [encoding for encoding, *_ in found.asked] == ['rgb8', 'yuyv']


def test_same_pixels_as_cv_bridge():
    cv_bridge = pytest.importorskip('cv_bridge', reason='cv_bridge is not installed')
    from sensor_msgs.msg import Image

    compared = 0
    for encoding in (name for name in ENCODINGS if name[-2:] not in ('C1', 'C3', 'C4')):
        if encoding in STRETCHED or encoding in ('nv12', 'nv21'):
            continue
        channels, depth, _ = image_formats._LAYOUT[encoding]
        data = RNG.integers(0, 256, 16 * 16 * channels * depth, dtype=np.uint8)
        step = 16 * channels * depth
        message = Image(height=16, width=16, encoding=encoding, step=step, data=data.tobytes())
        try:
            expected = cv_bridge.CvBridge().imgmsg_to_cv2(message, 'bgr8')
        except (cv_bridge.CvBridgeError, RuntimeError):
            continue  # this cv_bridge does not know the encoding
        ours = image_formats.convert(data, 16, 16, encoding, step, False)
        assert np.array_equal(ours, expected), encoding
        compared += 1
    assert compared >= 10
