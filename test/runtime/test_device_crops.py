"""Crops that are cut on the device are those of the CPU."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from support.networks import textured_image  # noqa: E402

from siamla_ros.geometry.crops import Window, crop  # noqa: E402
from siamla_ros.runtime.device_crops import crop_batch, seen_part  # noqa: E402

BORDER = (10.0, 120.0, 30.0)


def both(image: np.ndarray, window: Window, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The crop of OpenCV and that of torch, (size, size, 3) RGB."""
    expected = crop(image, window, size, BORDER)[..., ::-1].astype(np.float64)
    cpu = torch.device('cpu')
    found = crop_batch(image, [window], [BORDER], size, cpu, torch.float32)
    assert found.shape == (1, 3, size, size)
    return expected, found[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    ('window', 'size'),
    [
        (Window(100.3, 80.6, 60.0, 60.0), 128),
        (Window(90.1, 85.7, 97.3, 60.2), 192),
        (Window(10.0, 12.0, 90.0, 50.0), 128),  # beyond two borders
        (Window(1000.0, 1000.0, 90.0, 90.0), 64),  # sees nothing
    ],
)
def test_within_a_gray_level(window, size):
    expected, found = both(textured_image(), window, size)
    assert np.abs(expected - found).max() <= 1.0


@pytest.mark.parametrize(
    ('window', 'size'),
    [(Window(120.0, 90.0, 200.0, 150.0), 64), (Window(118.7, 91.2, 220.0, 170.0), 50)],
)
def test_shrunk_crops_agree(window, size):
    """Averages of other samples: equal but for the finest detail."""
    expected, found = both(textured_image(), window, size)
    difference = np.abs(expected - found)
    assert np.percentile(difference, 95) <= 3.0
    assert difference.mean() <= 1.0


def test_members_of_a_batch_do_not_mix():
    image = textured_image()
    windows = [Window(60.0, 60.0, 40.0, 40.0), Window(120.0, 90.0, 80.0, 60.0)]
    borders = [(0.0, 0.0, 0.0), BORDER]
    cpu = torch.device('cpu')
    together = crop_batch(image, windows, borders, 64, cpu, torch.float32)
    for i in range(2):
        alone = crop_batch(image, windows[i : i + 1], borders[i : i + 1], 64, cpu, torch.float32)
        # Another part of the frame goes up, so coordinates are rounded otherwise.
        assert torch.allclose(alone[0], together[i], atol=0.05)


@pytest.mark.parametrize(
    ('windows', 'part'),
    [
        ([Window(100.3, 80.6, 60.0, 40.0)], (69, 59, 132, 102)),
        ([Window(10.0, 12.0, 90.0, 50.0)], (0, 0, 56, 38)),  # beyond two borders
        ([Window(1000.0, 1000.0, 90.0, 90.0)], (239, 179, 240, 180)),  # sees nothing
        ([Window(-500.0, 90.0, 90.0, 20.0)], (0, 79, 1, 101)),
        ([Window(50.0, 50.0, 20.0, 20.0), Window(150.0, 90.0, 20.0, 20.0)], (39, 39, 161, 101)),
    ],
)
def test_what_goes_up_is_what_the_windows_see(windows, part):
    image = textured_image()
    assert seen_part(windows, image.shape) == part
    left, top, right, bottom = part
    hidden = image.copy()
    hidden[:] = 255 - hidden
    hidden[top:bottom, left:right] = image[top:bottom, left:right]
    cuts = [
        crop_batch(each, windows, [BORDER] * len(windows), 64, torch.device('cpu'), torch.float32)
        for each in (image, hidden)
    ]
    assert torch.equal(*cuts)
    assert np.allclose(
        cuts[0][0].permute(1, 2, 0).numpy(), crop(image, windows[0], 64, BORDER)[..., ::-1], atol=1
    )


def test_frames_that_are_views_are_taken():
    image = textured_image()
    window = Window(100.0, 80.0, 60.0, 60.0)
    frozen = image.copy()
    frozen.setflags(write=False)
    for view, same in ((image[:, ::-1], np.ascontiguousarray(image[:, ::-1])), (frozen, image)):
        cuts = [
            crop_batch(v, [window], [BORDER], 32, torch.device('cpu'), torch.float32)
            for v in (view, same)
        ]
        assert torch.equal(*cuts)
