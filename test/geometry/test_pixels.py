"""16-bit samples to 8 bits."""

import numpy as np
import pytest

from siamla_ros.geometry.pixels import stretch_16_bit


def ramp(low: int, high: int) -> np.ndarray:
    return np.linspace(low, high, 400 * 400).reshape(400, 400).round().astype(np.uint16)


@pytest.mark.parametrize('low, high', [(0, 4095), (0, 16383), (7000, 8600), (0, 65535)])
def test_the_range_in_use_becomes_the_whole_range(low: int, high: int) -> None:
    image = stretch_16_bit(ramp(low, high))
    assert image.dtype == np.uint8 and (image.min(), image.max()) == (0, 255)
    assert abs(float(image.mean()) - 127.5) < 1.0
    middle = stretch_16_bit(ramp(low, high))[200]
    assert (np.diff(middle.astype(int)) >= 0).all(), 'order is kept'


def test_the_percentiles_are_the_ends() -> None:
    values = ramp(1000, 3000)
    values[0, 0] = 65535  # a hot pixel: one in 10,000 samples does not set the range
    image = stretch_16_bit(values)
    expected = np.clip((values.astype(float) - 1010) / (2990 - 1010) * 255, 0, 255)
    assert np.abs(image - expected).max() <= 2.0


def test_a_flat_image_does_not_become_noise() -> None:
    values = np.full((40, 40), 5000, np.uint16)
    values[::2] += 3
    image = stretch_16_bit(values)
    assert int(image.max()) - int(image.min()) == 3


def test_channels_share_one_range() -> None:
    values = np.zeros((40, 40, 3), np.uint16)
    values[..., 2] = ramp(0, 4000)[::10, ::10]
    image = stretch_16_bit(values)
    assert not image[..., 0].any() and image[..., 2].max() == 255
