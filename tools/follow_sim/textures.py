"""Textures of the simulation, all drawn from a seed: people, ground, surroundings."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Texture = NDArray[np.uint8]
SPRITE_WIDTH, SPRITE_HEIGHT = 80, 200
PHASES = 8


def noise(rng: np.random.Generator, height: int, width: int, scales: tuple[int, ...]) -> Texture:
    """Color noise of several scales, H x W x 3; it joins at its left and right border."""
    total = np.zeros((height, width, 3), np.float32)
    for scale in scales:
        small = rng.uniform(0, 255, (max(height // scale, 2), max(width // scale, 2), 3))
        small[:, -1] = small[:, 0]
        total += cv2.resize(small.astype(np.float32), (width, height)) / len(scales)
    return total.astype(np.uint8)


def panorama(rng: np.random.Generator, height: int, width: int = 2400) -> Texture:
    """Surroundings over a turn: facades with windows below a sky."""
    image = noise(rng, height, width, (120, 40))
    image = (image * 0.4 + 110).astype(np.uint8)
    for left in range(0, width, 100):
        top = int(rng.integers(height // 4, height - 20))
        color = rng.integers(60, 190, 3)
        cv2.rectangle(image, (left, top), (left + 92, height), color.tolist(), -1)
        for x in range(left + 8, left + 84, 22):
            for y in range(top + 8, height - 10, 24):
                shade = (color * rng.uniform(0.4, 1.3)).clip(0, 255)
                cv2.rectangle(image, (x, y), (x + 12, y + 14), shade.tolist(), -1)
    return image


def ground(rng: np.random.Generator, size: int = 512) -> Texture:
    """A tile of pavement."""
    image = (noise(rng, size, size, (64, 16, 4)) * 0.35 + 85).astype(np.uint8)
    for line in range(0, size, 64):
        image[line : line + 2] = image[:, line : line + 2] = 80
    return image


def person(rng: np.random.Generator, hue: int) -> list[Texture]:
    """Sprites of a person over the phases of a step, each H x W x 4, BGRA.

    Args:
        rng: pattern of the clothes.
        hue: of the jacket, 0 to 179 as OpenCV counts.
    """
    jacket = _cloth(rng, hue, 190)
    trousers = _cloth(rng, int(rng.integers(100, 125)), 90)
    hair = rng.integers(20, 90, 3)
    return [_sprite(phase, jacket, trousers, hair) for phase in range(PHASES)]


def box(rng: np.random.Generator) -> list[Texture]:
    """Sprites of a pushed crate, which hides what is behind it."""
    image = np.zeros((SPRITE_HEIGHT, SPRITE_WIDTH, 4), np.uint8)
    image[..., :3] = (noise(rng, SPRITE_HEIGHT, SPRITE_WIDTH, (20, 5)) * 0.4 + 60).astype(np.uint8)
    image[..., 3] = 255
    cv2.rectangle(image, (3, 3), (SPRITE_WIDTH - 4, SPRITE_HEIGHT - 4), (40, 60, 90, 255), 4)
    return [image] * PHASES


def _cloth(rng: np.random.Generator, hue: int, value: int) -> Texture:
    pattern = noise(rng, SPRITE_HEIGHT, SPRITE_WIDTH, (24, 8)).astype(np.float32)[..., 0]
    hsv = np.zeros((SPRITE_HEIGHT, SPRITE_WIDTH, 3), np.uint8)
    hsv[..., 0], hsv[..., 1] = hue, 170
    hsv[..., 2] = np.clip(value + (pattern - 128.0) * 0.9, 0, 255)
    stripe = int(rng.integers(60, 85))
    hsv[stripe : stripe + 8, :, 1] = 30
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def _sprite(phase: int, jacket: Texture, trousers: Texture, hair: NDArray[np.int64]) -> Texture:
    image = np.zeros((SPRITE_HEIGHT, SPRITE_WIDTH, 4), np.uint8)
    swing = 12.0 * math.sin(2.0 * math.pi * phase / PHASES)
    middle = SPRITE_WIDTH // 2
    for sign in (-1, 1):
        legs, arms = np.zeros(image.shape[:2], np.uint8), np.zeros(image.shape[:2], np.uint8)
        foot, hand = int(middle + sign * swing), int(middle + sign * 26 - sign * swing / 2)
        cv2.line(legs, (middle + sign * 8, 112), (foot, 196), 255, 17)
        cv2.line(arms, (middle + sign * 20, 48), (hand, 112), 255, 11)
        for mask, cloth in ((legs, trousers), (arms, jacket)):
            image[mask > 0, :3], image[mask > 0, 3] = cloth[mask > 0], 255
    body = np.zeros(image.shape[:2], np.uint8)
    cv2.ellipse(body, (middle, 78), (24, 44), 0, 0, 360, 255, -1)
    image[body > 0, :3], image[body > 0, 3] = jacket[body > 0], 255
    cv2.circle(image, (middle, 18), 15, (150, 170, 205, 255), -1)
    cv2.ellipse(image, (middle, 12), (15, 10), 0, 180, 360, (*hair.tolist(), 255), -1)
    return image
