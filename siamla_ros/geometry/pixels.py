"""Values of pixels: 16-bit samples to 8 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOW_PERCENTILE, HIGH_PERCENTILE = 0.5, 99.5
MIN_RANGE = 255  # samples; a flat image is not stretched beyond one gray level a sample
SAMPLE_STEP = 4  # percentiles from one pixel in 16


def stretch_16_bit(image: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """A 16-bit image as 8 bits, with the range that the image uses.

    Cameras put 10, 12 or 14 bits, and thermal ones a narrow band, into 16-bit samples; a division
    by 257 would leave such an image nearly black. The rule, for each image: the 0.5th percentile of
    its samples becomes 0, the 99.5th becomes 255, what lies between is linear and rounded, what
    lies beyond is cut. The range is at least 255 samples wide, so that noise is not amplified.
    Channels share one range, which keeps colors.

    Args:
        image: (H, W) or (H, W, C), uint16, with at least one pixel.

    Returns:
        The same shape, uint8.
    """
    part = image[::SAMPLE_STEP, ::SAMPLE_STEP]
    low, high = np.percentile(part, (LOW_PERCENTILE, HIGH_PERCENTILE))
    missing = max(MIN_RANGE - (high - low), 0.0)
    low = max(np.floor(low - missing / 2.0), 0.0)
    scale = 255.0 / max(high - low, MIN_RANGE)
    levels = np.rint(np.clip((np.arange(65536) - low) * scale, 0.0, 255.0)).astype(np.uint8)
    return levels[image]
