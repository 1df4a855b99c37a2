"""Synthetic frames for the tests of the node."""

from __future__ import annotations

import numpy as np

from siamla_ros.online.frame import Frame

RED_BGR = (20, 30, 230)
WIDTH, HEIGHT = 320, 240
SIDE = 24


def picture(x=None, y=100, width=WIDTH, height=HEIGHT, side=SIDE, color=RED_BGR):
    """Gray noise of 2x2 pixels, and a square at x, y unless x is None. Noise from pixel to pixel is
    refused as featureless.
    """
    rng = np.random.default_rng(3)
    noise = rng.integers(80, 120, (height // 2 + 1, width // 2 + 1, 1), dtype=np.uint8)
    image = noise.repeat(2, axis=0).repeat(2, axis=1)[:height, :width].repeat(3, axis=2)
    if x is not None:
        image[max(y, 0) : y + side, max(x, 0) : max(x + side, 0)] = color
    return image


def frame(image, stamp_ns, seq, frame_id='camera'):
    """A bgr8 frame."""
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    return Frame(
        sec=sec,
        nanosec=nanosec,
        frame_id=frame_id,
        width=image.shape[1],
        height=image.shape[0],
        encoding='bgr8',
        step=image.shape[1] * 3,
        is_bigendian=False,
        data=np.ascontiguousarray(image).reshape(-1),
        seq=seq,
    )


class Film:
    """Numbered frames at 30 Hz, beginning at 100 s."""

    def __init__(self, start_ns=100_000_000_000, period_ns=33_333_333):
        self.seq, self.stamp_ns, self.period_ns = 0, start_ns - period_ns, period_ns

    def shoot(self, x=None, **options):
        """The next frame."""
        self.seq += 1
        self.stamp_ns += self.period_ns
        return frame(picture(x, **options), self.stamp_ns, self.seq)
