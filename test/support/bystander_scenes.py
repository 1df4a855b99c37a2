"""A target with another thing beside it, on textured ground."""

from dataclasses import replace

import cv2
import numpy as np

from siamla_ros.tracker.bystander import BystanderMemory, surroundings

SIZE = (320, 240)
SIDE = 40
TARGET, OTHER = (120, 100), (172, 104)  # left, top
STEP_S = 1 / 30


def texture(seed, width, height):
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3))
    noise = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return np.clip(120 + 50 * noise / noise.std(), 0, 255).astype(np.uint8)


GROUND, THING, SECOND = texture(0, *SIZE), texture(1, SIDE, SIDE), texture(2, SIDE, SIDE)


def scene(target=TARGET, other=OTHER, shift=(0, 0), light=1.0):
    """The ground with both things on it; None leaves one out. The camera moves by `shift`."""
    image = GROUND.copy()
    for place, thing in ((other, SECOND), (target, THING)):
        if place is not None:
            x, y = place
            image[y : y + SIDE, x : x + SIDE] = thing
    moved = np.roll(image, shift, axis=(1, 0))
    return np.clip(moved * light, 0, 255).astype(np.uint8)


def larger(image):
    """An image of another size that shows the same at the same pixels."""
    return cv2.copyMakeBorder(image, 0, 8, 0, 8, cv2.BORDER_REFLECT)


def box_at(place):
    return (*place, SIDE, SIDE)


class Judging:
    """Makes a double weigh bystanders as `Tracker` does; `noted` are the memories after updates."""

    def __init__(self, *args):
        super().__init__(*args)
        self.noted = []

    def init(self, image_bgr, box_xywh):
        known = BystanderMemory(surroundings(image_bgr, box_xywh))
        return replace(super().init(image_bgr, box_xywh), bystanders=known)

    def update(self, image_bgr, states):
        results = super().update(image_bgr, states)
        after = [
            state.bystanders.after(image_bgr, result.box_xywh, result.confidence)
            for state, result in zip(states, results, strict=True)
        ]
        self.noted += after
        return [result.beside_bystanders(-3.0, [memory]) for result, memory in zip(results, after)]
