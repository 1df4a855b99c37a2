"""Photometric augmentation and erasing, on uint8 BGR crops; every function draws from the
generator it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
BoxXYXY = tuple[float, float, float, float]


@dataclass(frozen=True)
class Light:
    """An illumination: shared by the crops of a pair, with a small difference between them."""

    gain: tuple[float, float, float]
    offset: float
    gamma: float
    gray: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, strength: float = 1.0, gray: float = 0.08) -> Light:
        """``strength`` 1: about a stop of exposure and a visible color cast."""
        common = np.exp(rng.normal(0, 0.18 * strength))
        gain = tuple(float(v) for v in common * np.exp(rng.normal(0, 0.06 * strength, 3)))
        return cls(
            gain,
            float(rng.normal(0, 10 * strength)),
            float(np.exp(rng.normal(0, 0.15 * strength))),
            bool(rng.random() < gray),
        )

    def varied(self, rng: np.random.Generator) -> Light:
        """The same scene some frames later."""
        other = Light.draw(rng, 0.35, 0.0)
        return Light(
            tuple(a * b for a, b in zip(self.gain, other.gain, strict=True)),
            self.offset + other.offset,
            self.gamma * other.gamma,
            self.gray,
        )

    def apply(self, image: Image) -> Image:
        """A new image under this light."""
        ramp = np.arange(256, dtype=np.float64)[:, None]
        curve = 255.0 * (ramp / 255.0) ** self.gamma * np.array(self.gain) + self.offset
        table = np.clip(curve, 0, 255).astype(np.uint8).reshape(1, 256, 3)
        image = cv2.LUT(image, table)
        if self.gray:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        return image


def degrade(image: Image, rng: np.random.Generator, amount: float) -> Image:
    """Motion blur, low resolution, noise and JPEG blocks, each with a probability in proportion to
    ``amount``.
    """
    if rng.random() < 0.20 * amount:
        image = motion_blur(image, rng)
    if rng.random() < 0.15 * amount:
        factor, size = rng.uniform(0.35, 0.8), image.shape[1::-1]
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.12 * amount:
        noise = rng.normal(0, rng.uniform(3, 12), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.20 * amount:
        _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(20, 80))])
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image


def motion_blur(image: Image, rng: np.random.Generator) -> Image:
    """A straight blur of 3 to 11 px in a random direction."""
    length = int(rng.integers(3, 12))
    kernel = np.zeros((length, length), np.float32)
    middle, angle = (length - 1) / 2, rng.uniform(0, np.pi)
    dx, dy = np.cos(angle) * middle, np.sin(angle) * middle
    cv2.line(
        kernel,
        (round(middle - dx), round(middle - dy)),
        (round(middle + dx), round(middle + dy)),
        1.0,
    )
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def paste(image: Image, patch: Image, alpha: NDArray[np.float32], left: int, top: int) -> None:
    """Blend ``patch`` (h, w, 3) into ``image`` at (left, top) in place; parts beyond the border
    are dropped.
    """
    height, width = image.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + patch.shape[1], width), min(top + patch.shape[0], height)
    if x1 <= x0 or y1 <= y0:
        return
    part = patch[y0 - top : y1 - top, x0 - left : x1 - left]
    weight = alpha[y0 - top : y1 - top, x0 - left : x1 - left, None]
    image[y0:y1, x0:x1] = (part * weight + image[y0:y1, x0:x1] * (1 - weight) + 0.5).astype(
        np.uint8
    )


def soft_shape(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A feathered rectangle or ellipse of opacity (height, width)."""
    alpha = np.zeros((height, width), np.float32)
    feather = int(rng.integers(0, 4))
    if rng.random() < 0.4:
        cv2.ellipse(
            alpha,
            (width // 2, height // 2),
            (max(width // 2 - feather, 1), max(height // 2 - feather, 1)),
            0,
            0,
            360,
            1.0,
            -1,
        )
    else:
        alpha[feather : height - feather or None, feather : width - feather or None] = 1.0
    return cv2.blur(alpha, (2 * feather + 1, 2 * feather + 1)) if feather else alpha


def cover(image: Image, box_xyxy: BoxXYXY, other: Image, rng: np.random.Generator) -> None:
    """Hide a box of the crop in place, fully: by a patch of the same scene, a smooth fill, or
    another photograph.

    Args:
        other: A picture at least as large as the crop, for the third way.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box_xyxy
    margin_x, margin_y = (x1 - x0) * rng.uniform(0.05, 0.3), (y1 - y0) * rng.uniform(0.05, 0.3)
    left, top = int(np.floor(x0 - margin_x)), int(np.floor(y0 - margin_y))
    w = min(int(np.ceil(x1 + margin_x)) - left, width)
    h = min(int(np.ceil(y1 + margin_y)) - top, height)
    way = rng.random()
    if way < 0.40:
        patch = _patch_elsewhere(image, left, top, w, h, rng)
    elif way < 0.65:
        patch = _smooth_fill(image, left, top, w, h, rng)
    else:
        px, py = (
            int(rng.integers(0, other.shape[1] - w + 1)),
            int(rng.integers(0, other.shape[0] - h + 1)),
        )
        patch = other[py : py + h, px : px + w]
    alpha = np.ones((h, w), np.float32)
    edge = max(1, int(0.08 * min(w, h)))
    alpha[0, :] = alpha[-1, :] = alpha[:, 0] = alpha[:, -1] = 0.0
    paste(image, patch, cv2.blur(alpha, (edge, edge)), left, top)


def _patch_elsewhere(
    image: Image, left: int, top: int, w: int, h: int, rng: np.random.Generator
) -> Image:
    """A patch of the same crop that overlaps the hidden box least, of eight tries."""
    height, width = image.shape[:2]
    best, best_overlap = (0, 0), np.inf
    for _ in range(8):
        px, py = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        overlap = max(0, w - abs(px - left)) * max(0, h - abs(py - top))
        if overlap < best_overlap:
            best, best_overlap = (px, py), overlap
    px, py = best
    patch = image[py : py + h, px : px + w].copy()
    return patch[:, ::-1] if rng.random() < 0.5 else patch


def _smooth_fill(
    image: Image, left: int, top: int, w: int, h: int, rng: np.random.Generator
) -> Image:
    """The colors along the box's border, blended across it, with a little noise."""
    height, width = image.shape[:2]
    x0, x1 = np.clip([left, left + w - 1], 0, width - 1)
    y0, y1 = np.clip([top, top + h - 1], 0, height - 1)
    corners = np.array([[image[y0, x0], image[y0, x1]], [image[y1, x0], image[y1, x1]]], np.float32)
    fill = cv2.resize(corners, (w, h), interpolation=cv2.INTER_LINEAR)
    return np.clip(fill + rng.normal(0, 4, fill.shape), 0, 255).astype(np.uint8)


def deform(
    image: Image,
    box_xyxy: BoxXYXY,
    rng: np.random.Generator,
    angle_deg: float = 8.0,
    bend: float = 0.03,
) -> tuple[Image, BoxXYXY]:
    """Turn a crop about the box's center and bend it smoothly; returns it and the object's new box.

    The object is taken as the ellipse inside its box, so that the new box is tight for round things
    and a little small for the corners of a rectangle, as annotators draw turned objects.

    Args:
        bend: Standard deviation of the displacement, in shares of the box's shorter side.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box_xyxy
    center = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    turn = np.deg2rad(rng.normal(0, angle_deg))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    amplitude = bend * min(x1 - x0, y1 - y0)
    field = cv2.resize(
        rng.normal(0, amplitude, (5, 5, 2)), (width, height), interpolation=cv2.INTER_CUBIC
    )
    grid = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1) + field
    source = ((grid - center) @ rotation + center - 0.5).astype(np.float32)  # inverse rotation
    warped = cv2.remap(image, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    half = np.array([(x1 - x0) / 2, (y1 - y0) / 2])
    rim = center + (np.stack([np.cos(angles), np.sin(angles)], -1) * half) @ rotation.T
    columns = np.clip(rim[:, 0], 0, width - 1).astype(int)
    rows = np.clip(rim[:, 1], 0, height - 1).astype(int)
    rim = rim - field[rows, columns]
    (left, top), (right, bottom) = rim.min(0), rim.max(0)
    return warped, (float(left), float(top), float(right), float(bottom))
