"""Edits of frames that make a target vanish or double: pure functions over images and boxes.

Boxes are x, y, w, h in pixels; images H x W x 3 uint8 BGR, never changed in place.
"""

from __future__ import annotations

import cv2
import numpy as np

from siamla_ros.geometry.boxes import Box

Rect = tuple[int, int, int, int]  # left, top, right, bottom, whole pixels

FILL_SIDE_PX = 96  # inpainting runs at this size: it is slow, and only its smooth part is used
LIKENESS_HUE = 12  # OpenCV hue steps of 2 degrees
LIKENESS_GAIN = 0.88


def grown_rect(box_xywh: Box | np.ndarray, margin: float, image_shape: tuple[int, ...]) -> Rect:
    """The box grown by a share of its sides (and at least 2 px), cut at the border."""
    x, y, w, h = (float(v) for v in box_xywh)
    dx, dy = max(2.0, w * margin), max(2.0, h * margin)
    height, width = image_shape[:2]
    left, top = max(0, int(np.floor(x - dx))), max(0, int(np.floor(y - dy)))
    right, bottom = min(width, int(np.ceil(x + w + dx))), min(height, int(np.ceil(y + h + dy)))
    return left, top, max(left, right), max(top, bottom)


def feathered_mask(image_shape: tuple[int, ...], solid: Rect, soft_px: float) -> np.ndarray:
    """H x W float32: 1 in a rectangle, falling to 0 within about twice soft_px outside it."""
    left, top, right, bottom = solid
    mask = np.zeros(image_shape[:2], np.float32)
    mask[top:bottom, left:right] = 1.0
    if soft_px > 0:
        mask = np.maximum(mask, np.minimum(1.0, 2.0 * cv2.GaussianBlur(mask, (0, 0), soft_px)))
    return mask


def blend(image: np.ndarray, other: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`other` where mask is 1, `image` where it is 0."""
    alpha = mask[:, :, None]
    return np.rint(image * (1.0 - alpha) + other * alpha).astype(np.uint8)


def paint_out(image: np.ndarray, box_xywh: Box | np.ndarray) -> np.ndarray:
    """The scene without what is in the box: a smooth fill from its rim plus texture from beside it.

    The box is covered entirely; its margin fades into the scene.
    """
    hole = grown_rect(box_xywh, 0.06, image.shape)
    left, top, right, bottom = grown_rect(box_xywh, 0.6, image.shape)
    if hole[2] <= hole[0] or hole[3] <= hole[1]:
        return image.copy()
    part = image[top:bottom, left:right]
    local = (hole[0] - left, hole[1] - top, hole[2] - left, hole[3] - top)
    fill = _smooth_fill(part, local) + _texture_beside(image, hole, part.shape, local)
    soft = 0.05 * min(hole[2] - hole[0], hole[3] - hole[1])
    result = image.copy()
    mask = feathered_mask(part.shape, local, min(soft, 6.0))
    result[top:bottom, left:right] = blend(part, np.clip(fill, 0, 255), mask)
    return result


def _smooth_fill(part: np.ndarray, hole: Rect) -> np.ndarray:
    height, width = part.shape[:2]
    scale = min(1.0, FILL_SIDE_PX / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    mask = np.zeros((height, width), np.uint8)
    mask[hole[1] : hole[3], hole[0] : hole[2]] = 255
    small_mask = (cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    filled = cv2.inpaint(small, cv2.dilate(small_mask, np.ones((3, 3))), 3, cv2.INPAINT_TELEA)
    return cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)


def _texture_beside(
    image: np.ndarray, hole: Rect, part_shape: tuple[int, ...], local: Rect
) -> np.ndarray:
    """The fine structure of the largest strip beside the hole, mirrored until it fills it."""
    left, top, right, bottom = hole
    width, height = right - left, bottom - top
    strips = (
        image[top:bottom, max(0, left - width) : left],
        image[top:bottom, right : right + width],
        image[max(0, top - height) : top, left:right],
        image[bottom : bottom + height, left:right],
    )
    texture = np.zeros(part_shape, np.float32)
    strip = max(strips, key=lambda item: item.shape[0] * item.shape[1]).astype(np.float32)
    if min(strip.shape[:2]) > 0:
        fine = strip - cv2.GaussianBlur(strip, (0, 0), max(2.0, min(strip.shape[:2]) / 12))
        missing = (0, height - strip.shape[0]), (0, width - strip.shape[1]), (0, 0)
        texture[local[1] : local[3], local[0] : local[2]] = np.pad(fine, missing, 'symmetric')
    return texture


def cover(image: np.ndarray, box_xywh: Box | np.ndarray, patch: np.ndarray) -> np.ndarray:
    """The box and a sixth more on each side hidden behind a patch of other texture."""
    left, top, right, bottom = grown_rect(box_xywh, 1 / 6, image.shape)
    result = image.copy()
    if right > left and bottom > top:
        size = (right - left, bottom - top)
        result[top:bottom, left:right] = cv2.resize(patch, size, interpolation=cv2.INTER_AREA)
    return result


def mirrored_copy(image: np.ndarray, box_xywh: Box | np.ndarray) -> np.ndarray:
    """What is in the box as another individual: mirrored, another tint, a little darker."""
    left, top, right, bottom = grown_rect(box_xywh, 0.0, image.shape)
    hsv = cv2.cvtColor(image[top:bottom, left:right][:, ::-1], cv2.COLOR_BGR2HSV).astype(np.int32)
    hsv[:, :, 0] = (hsv[:, :, 0] + LIKENESS_HUE) % 180
    hsv[:, :, 2] = hsv[:, :, 2] * LIKENESS_GAIN
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR)


def paste(image: np.ndarray, patch: np.ndarray, box_xywh: Box | np.ndarray) -> np.ndarray:
    """A patch scaled into a box that may leave the image, with soft, rounded borders."""
    x, y = (int(round(float(v))) for v in box_xywh[:2])
    w, h = (max(2, int(round(float(v)))) for v in box_xywh[2:])
    left, top = max(0, x), max(0, y)
    right, bottom = min(image.shape[1], x + w), min(image.shape[0], y + h)
    if right <= left or bottom <= top:
        return image.copy()
    window = np.s_[top - y : bottom - y, left - x : right - x]
    scaled = cv2.resize(patch, (w, h), interpolation=cv2.INTER_AREA)[window]
    xs, ys = np.meshgrid(np.linspace(-1, 1, w), np.linspace(-1, 1, h))
    alpha = np.clip((1.0 - (xs**4 + ys**4)) * 4.0, 0.0, 1.0).astype(np.float32)[window]
    result = image.copy()
    result[top:bottom, left:right] = blend(result[top:bottom, left:right], scaled, alpha)
    return result


def fit(image: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """Scaled and cut in the middle so that it fills size_wh without distortion."""
    width, height = size_wh
    scale = max(width / image.shape[1], height / image.shape[0])
    scaled = cv2.resize(
        image,
        (max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale))),
        interpolation=cv2.INTER_AREA,
    )
    left, top = (scaled.shape[1] - width) // 2, (scaled.shape[0] - height) // 2
    return scaled[top : top + height, left : left + width].copy()
