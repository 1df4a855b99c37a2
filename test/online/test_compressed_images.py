"""JPEG and PNG: the size is known, and limited, before anything is decoded."""

import struct
import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.scenes import Film, picture

from siamla_ros.geometry.pixels import stretch_16_bit
from siamla_ros.online.compressed_images import check_compressed, compressed_size, decode_compressed
from siamla_ros.online.frame import COMPRESSED, MAX_FRAME_ID_LENGTH
from siamla_ros.online.image_formats import ImageError

BGR = np.random.default_rng(7).integers(0, 256, (6, 8, 3), dtype=np.uint8)
JPEG_OPTIONS = {
    'baseline': [],
    'progressive': [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    'restart markers': [cv2.IMWRITE_JPEG_RST_INTERVAL, 1],
}


def encoded(suffix, image, options=()):
    return cv2.imencode(suffix, image, list(options))[1].reshape(-1)


def bomb(width, height):
    """A PNG that claims many pixels and is small."""

    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', crc)

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000))
    png = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', pixels)
    return np.frombuffer(png + chunk(b'IEND', b''), np.uint8)


@pytest.fixture
def undecoded(monkeypatch):
    """Decoding fails the test."""
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('it was decoded'))


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_compressed(suffix):
    smooth = cv2.resize(BGR, (64, 48), interpolation=cv2.INTER_CUBIC)
    data = cv2.imencode(suffix, smooth)[1].reshape(-1)
    image = decode_compressed(data)
    assert image.shape == smooth.shape
    assert np.abs(image.astype(int) - smooth).mean() < (0.01 if suffix == '.png' else 8.0)


@pytest.mark.parametrize('data', [b'', b'nonsense', b'\x89PNG\r\n\x1a\n' + b'\0' * 20])
def test_damaged_compressed_data_is_refused(data):
    with pytest.raises(ImageError, match='compressed image.data'):
        decode_compressed(np.frombuffer(data, dtype=np.uint8))


def test_16_bit_png_is_stretched():
    values = (np.arange(48 * 64, dtype=np.uint16) % 4096).reshape(48, 64)
    image = decode_compressed(cv2.imencode('.png', values)[1].reshape(-1))
    assert np.abs(image.astype(int) - stretch_16_bit(values)[..., None]).max() <= 1


@pytest.mark.parametrize('options', JPEG_OPTIONS.values(), ids=JPEG_OPTIONS)
def test_size_of_a_jpeg(options):
    assert compressed_size(encoded('.jpg', picture(100), options)) == (320, 240)


def test_size_of_a_jpeg_behind_other_segments():
    plain = encoded('.jpg', picture(100)).tobytes()
    thumbnail = encoded('.jpg', BGR).tobytes()
    extra = b'\xff\xe1' + struct.pack('>H', len(thumbnail) + 2) + thumbnail
    data = np.frombuffer(plain[:2] + extra + b'\xff' + plain[2:], np.uint8)
    assert compressed_size(data) == (320, 240)


def test_size_of_a_png():
    assert compressed_size(encoded('.png', picture(100))) == (320, 240)


@pytest.mark.parametrize('size', [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (8192, 4097)])
def test_more_pixels_than_8k_are_refused_undecoded(undecoded, size):
    with pytest.raises(ImageError, match=f'{size[0]} x {size[1]} = .* at most 33554432'):
        decode_compressed(bomb(*size))


def test_8k_is_accepted():
    check_compressed(bomb(7680, 4320))


@pytest.mark.parametrize('suffix', ['.bmp', '.webp', '.tiff', '.jp2', '.ppm'])
def test_other_formats_are_refused_undecoded(undecoded, suffix):
    data = encoded(suffix, picture(100))
    with pytest.raises(ImageError, match='not a JPEG or PNG'):
        decode_compressed(data)


def test_every_truncation_of_a_header_is_refused_or_gives_the_size():
    for suffix in ('.jpg', '.png'):
        data = encoded(suffix, BGR)
        for length in range(min(data.size, 700)):
            try:
                assert compressed_size(data[:length]) == (8, 6)
            except ImageError as error:
                assert 'compressed image.data' in str(error)


def test_any_bytes_behind_the_jpeg_magic_are_refused_or_give_a_size():
    rng = np.random.default_rng(11)
    for _ in range(20_000):
        tail = rng.integers(0, 256, rng.integers(0, 60), dtype=np.uint8)
        tail[rng.random(tail.size) < 0.3] = 0xFF
        try:
            width, height = compressed_size(np.append(np.uint8([0xFF, 0xD8, 0xFF]), tail))
            assert 0 <= width < 2**16 and 0 <= height < 2**16
        except ImageError as error:
            assert 'damaged' in str(error)


def frame(**fields):
    return replace(Film().shoot(100), **fields)


def test_a_frame_is_checked_before_it_is_kept(undecoded):
    with pytest.raises(ImageError, match='pixels'):
        frame(encoding=COMPRESSED, data=bomb(30_000, 30_000)).check()


def test_a_long_frame_id_is_refused_and_not_repeated():
    frame(frame_id='x' * MAX_FRAME_ID_LENGTH).check()
    with pytest.raises(ImageError, match='frame_id has 8000000 characters, .* 256') as refusal:
        frame(frame_id='x' * 8_000_000).check()
    assert len(str(refusal.value)) < 250


def test_a_long_encoding_is_not_repeated():
    with pytest.raises(ImageError, match='image.encoding is') as refusal:
        frame(encoding='x' * 8_000_000).check()
    assert len(str(refusal.value)) < 600
