"""Crops that a device cuts are those of the CPU."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from support.networks import textured_image  # noqa: E402

from siamla_ros.geometry.crops import Window, crop  # noqa: E402
from siamla_ros.runtime import step_layout as layout  # noqa: E402
from siamla_ros.runtime.step_crops import cut  # noqa: E402
from siamla_ros.runtime.step_layout import Batch, Part  # noqa: E402

BORDER = (10.0, 120.0, 30.0)
IMAGE = textured_image()  # 180 x 240


def cut_on_device(image: np.ndarray, windows: list[Window], size: int, borders=None) -> np.ndarray:
    """Crops (B, size, size, 3) BGR, by way of a packed block."""
    batch = Batch(windows, borders or [BORDER] * len(windows), [(1.0, 1.0)] * len(windows))
    parts = layout.seen_parts(windows, size, image.shape)
    block = np.full(layout.needed_bytes(parts), 77, np.uint8)
    layout.pack_rows(block, image.shape, parts, batch, size, np.zeros(8, np.float32))
    layout.pack_pixels(block, image, parts)
    tensor = torch.from_numpy(block)
    floats = tensor[: layout.PIXEL_OFFSET].view(torch.float32)
    rows = floats[layout.SETTINGS_FLOATS :].view(layout.MAX_ROWS, layout.ROW_FLOATS)
    pixels = tensor[layout.PIXEL_OFFSET :].view(-1, 3)
    crops = cut(pixels, rows[: batch.bucket], size, batch.taps(size))
    assert crops.shape == (batch.bucket, 3, size, size)
    assert crops.is_contiguous(memory_format=torch.channels_last)
    return crops[: len(windows)].permute(0, 2, 3, 1).flip(3).numpy()


@pytest.mark.parametrize(
    ('window', 'size'),
    [
        (Window(100.3, 80.6, 60.0, 60.0), 128),
        (Window(90.1, 85.7, 97.3, 60.2), 192),
        (Window(10.0, 12.0, 90.0, 50.0), 128),  # beyond two borders
        (Window(235.0, 175.0, 90.0, 50.0), 128),  # beyond the other two
        (Window(1000.0, 1000.0, 90.0, 90.0), 64),  # sees nothing
        (Window(120.0, 90.0, 200.0, 150.0), 64),  # averaged: blocks of 3 and of 2
        (Window(118.7, 91.2, 220.0, 170.0), 50),
        (Window(120.0, 90.0, 500.0, 60.0), 64),  # of 7, beyond two borders, and of 1
        (Window(900.0, 90.0, 300.0, 300.0), 64),  # averages nothing
    ],
)
def test_within_a_gray_level(window, size):
    expected = crop(IMAGE, window, size, BORDER).astype(float)
    found = cut_on_device(IMAGE, [window], size)[0]
    assert np.abs(expected - found).max() <= 1.0
    assert (expected != found).mean() < 0.2
    assert np.array_equal(found, np.rint(found))  # float16 holds whole levels exactly


def test_huge_windows_are_averaged_over_as_many_pixels_as_there_are_taps():
    """Beyond blocks of 8 x 8 pixels plain sampling goes on from there: coarser, still alike."""
    image = textured_image(900, 1200)
    window = Window(600.0, 450.0, 1100.0, 800.0)  # blocks of 11 and of 8
    assert layout.shrink(window, 100) == (8, 8)
    difference = np.abs(crop(image, window, 100, BORDER) - cut_on_device(image, [window], 100)[0])
    assert difference.mean() < 3.0


def test_members_of_a_batch_do_not_mix():
    windows = [
        Window(60.0, 60.0, 40.0, 40.0),
        Window(120.0, 90.0, 200.0, 150.0),
        Window(10.0, 12.0, 90.0, 50.0),
    ]
    borders = [(0.0, 0.0, 0.0), BORDER, (200.0, 0.0, 0.0)]
    together = cut_on_device(IMAGE, windows, 64, borders)
    for i, window in enumerate(windows):
        alone = cut_on_device(IMAGE, [window], 64, borders[i : i + 1])[0]
        assert np.array_equal(alone, together[i])


@pytest.mark.parametrize(
    ('windows', 'parts'),
    [
        ([Window(100.3, 80.6, 60.0, 40.0)], [(69, 59, 132, 102)]),
        ([Window(10.0, 12.0, 90.0, 50.0)], [(0, 0, 56, 38)]),  # beyond two borders
        ([Window(1000.0, 1000.0, 90.0, 90.0)], [(239, 179, 240, 180)]),  # sees nothing
        ([Window(-500.0, 90.0, 90.0, 20.0)], [(0, 79, 1, 101)]),
        # Overlapping ones share a part, distant ones do not.
        ([Window(60.0, 60.0, 40.0, 40.0), Window(70.0, 60.0, 40.0, 40.0)], [(39, 39, 91, 81)] * 2),
        (
            [Window(50.0, 50.0, 20.0, 20.0), Window(150.0, 90.0, 20.0, 20.0)],
            [(39, 39, 61, 61), (139, 79, 161, 101)],
        ),
    ],
)
def test_what_goes_up_is_what_the_windows_see(windows, parts):
    assert layout.seen_parts(windows, 64, IMAGE.shape) == [Part(*part) for part in parts]
    hidden = 255 - IMAGE
    for left, top, right, bottom in parts:
        hidden[top:bottom, left:right] = IMAGE[top:bottom, left:right]
    seen, masked = (cut_on_device(image, windows, 64) for image in (IMAGE, hidden))
    assert np.array_equal(seen, masked)
    for window, found in zip(windows, masked):
        assert np.abs(crop(IMAGE, window, 64, BORDER).astype(float) - found).max() <= 1.0


def test_frames_that_are_views_are_taken():
    window = Window(100.0, 80.0, 60.0, 60.0)
    frozen = IMAGE.copy()
    frozen.setflags(write=False)
    for view, same in ((IMAGE[:, ::-1], np.ascontiguousarray(IMAGE[:, ::-1])), (frozen, IMAGE)):
        assert np.array_equal(cut_on_device(view, [window], 32), cut_on_device(same, [window], 32))


@pytest.mark.parametrize(
    ('count', 'width', 'buckets'),
    [(1, 60, [1]), (3, 60, [4]), (32, 60, [32]), (33, 60, [32, 1]), (20, 500, [8, 8, 4])],
)
def test_large_batches_are_split_so_that_memory_is_bounded(count, width, buckets):
    windows = [Window(100.0, 80.0, float(width), 60.0)] * count
    batch = Batch(windows, [BORDER] * count, [(1.0, 1.0)] * count)
    parts = [batch.part(part) for part in batch.split(64)]
    assert [part.bucket for part in parts] == buckets
    assert sum(len(part.windows) for part in parts) == count
    assert all(part.bucket * part.taps(64) <= layout.MAX_SAMPLES for part in parts)
