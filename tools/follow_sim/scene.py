"""Renders what a level camera on the robot sees: ground, surroundings, and upright figures.

World: x, y in m on the ground, yaw in rad counterclockwise. The image is that of a pinhole without
distortion; a depth image of the same camera comes with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from follow_sim import textures
from siamla_ros.geometry.boxes import Box
from siamla_ros.navigation.camera_model import CameraModel, camera_model

WIDTH, HEIGHT, FOCAL = 480, 360, 300.0
CAMERA_HEIGHT_M = 0.8
TILE_M, FAR_M, NEAR_M = 6.0, 25.0, 0.25
MOIRE_M = 9.0
"""Beyond it the pavement fades to its mean."""
STEP_M = 0.18
"""Way of a figure from one phase of its step to the next."""


@dataclass
class Figure:
    """An upright figure.

    Attributes:
        name: target, distractor or occluder.
        x: on the ground in m.
        y: on the ground in m.
        height_m: of the figure.
        width_m: of the figure.
        sprites: one for each phase of a step.
        way_m: walked so far.
        present: whether it is in the world.
    """

    name: str
    x: float
    y: float
    height_m: float
    width_m: float
    sprites: list[textures.Texture]
    way_m: float = 0.0
    present: bool = True

    @property
    def sprite(self) -> textures.Texture:
        """The sprite of the current phase."""
        return self.sprites[int(self.way_m / STEP_M) % len(self.sprites)]


@dataclass(frozen=True)
class View:
    """What the camera sees.

    Attributes:
        image_bgr: H x W x 3.
        depth_m: H x W, infinite where there is nothing.
        boxes_xywh: whole box of each figure before the camera, also where the border cuts it.
        visible: share of each figure that is in the image and not hidden.
    """

    image_bgr: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    boxes_xywh: dict[str, Box]
    visible: dict[str, float]


def calibration() -> CameraModel:
    """The camera of the simulation."""
    k = [FOCAL, 0.0, (WIDTH - 1) / 2, 0.0, FOCAL, (HEIGHT - 1) / 2, 0.0, 0.0, 1.0]
    return camera_model(WIDTH, HEIGHT, 'plumb_bob', [], k, [])


class Scene:
    """Textures of one world; `render` draws it.

    Args:
        seed: of the world.
        grain: largest noise of a pixel, in gray levels.
    """

    def __init__(self, seed: int, grain: int = 4) -> None:
        rng = np.random.default_rng(seed)
        self._horizon = HEIGHT // 2
        self._panorama = textures.panorama(rng, self._horizon)
        self._ground = textures.ground(rng)
        self._noise, self._grain = np.random.default_rng(seed + 1), grain
        columns = np.arange(WIDTH) + 0.5 - WIDTH / 2
        self._angles = np.arctan(columns / FOCAL)
        rows = np.arange(self._horizon, HEIGHT) + 0.5 - HEIGHT / 2
        self._ahead = np.minimum(FOCAL * CAMERA_HEIGHT_M / rows, 200.0)[:, None]
        self._right = columns[None, :] / FOCAL * self._ahead
        fade = np.clip(1.0 - self._ahead / MOIRE_M, 0.0, 1.0)
        self._fade = np.repeat(fade, WIDTH, axis=1)[..., None].astype(np.float32)
        self._mean = self._ground.reshape(-1, 3).mean(axis=0).astype(np.float32)

    def render(self, x: float, y: float, yaw: float, figures: list[Figure]) -> View:
        """The view from a pose of the camera."""
        image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        turns = (yaw - self._angles) / (2.0 * math.pi) % 1.0
        image[: self._horizon] = self._panorama[:, (turns * self._panorama.shape[1]).astype(int)]
        image[self._horizon :] = self._floor(x, y, yaw)
        depth = np.full((HEIGHT, WIDTH), np.inf, np.float32)
        depth[self._horizon :] = self._ahead
        owner = np.zeros((HEIGHT, WIDTH), np.uint8)
        placed = [(*self._place(x, y, yaw, figure), figure) for figure in figures if figure.present]
        placed = sorted((item for item in placed if item[0] > NEAR_M), key=lambda item: -item[0])
        sizes = {}
        for number, (ahead, box, figure) in enumerate(placed, start=1):
            sizes[figure.name] = (
                number,
                self._paste(image, depth, owner, ahead, box, figure, number),
            )
        grain = self._noise.integers(-self._grain, self._grain + 1, (HEIGHT, WIDTH, 1), np.int16)
        return View(
            np.clip(image + grain, 0, 255).astype(np.uint8),
            depth,
            {figure.name: box for _, box, figure in placed},
            {
                name: float(np.count_nonzero(owner == number) / max(size, 1.0))
                for name, (number, size) in sizes.items()
            },
        )

    def _floor(self, x: float, y: float, yaw: float) -> NDArray[np.uint8]:
        cosine, sine = math.cos(yaw), math.sin(yaw)
        world_x = x + self._ahead * cosine + self._right * sine
        world_y = y + self._ahead * sine - self._right * cosine
        scale = self._ground.shape[0] / TILE_M
        columns = (world_x * scale).astype(int) % self._ground.shape[1]
        rows = (world_y * scale).astype(int) % self._ground.shape[0]
        tile = self._ground[rows, columns].astype(np.float32)
        return (self._mean + (tile - self._mean) * self._fade).astype(np.uint8)

    @staticmethod
    def _place(x: float, y: float, yaw: float, figure: Figure) -> tuple[float, Box]:
        """Depth and whole box of a figure."""
        east, north = figure.x - x, figure.y - y
        ahead = east * math.cos(yaw) + north * math.sin(yaw)
        right = east * math.sin(yaw) - north * math.cos(yaw)
        if ahead <= NEAR_M:
            return ahead, (0.0, 0.0, 0.0, 0.0)
        scale = FOCAL / ahead
        width, height = figure.width_m * scale, figure.height_m * scale
        foot = HEIGHT / 2 + CAMERA_HEIGHT_M * scale
        return ahead, (WIDTH / 2 + right * scale - width / 2, foot - height, width, height)

    @staticmethod
    def _paste(
        image: NDArray[np.uint8],
        depth: NDArray[np.float32],
        owner: NDArray[np.uint8],
        ahead: float,
        box: Box,
        figure: Figure,
        number: int,
    ) -> float:
        """Draw a figure; returns its whole area in px, also of what the border cuts."""
        left, top, width, height = (round(value) for value in box)
        width, height = max(width, 1), max(height, 1)
        sprite = cv2.resize(figure.sprite, (width, height), interpolation=cv2.INTER_AREA)
        area = float(np.count_nonzero(sprite[..., 3] > 127))
        x0, x1 = max(left, 0), min(left + width, WIDTH)
        y0, y1 = max(top, 0), min(top + height, HEIGHT)
        if x0 >= x1 or y0 >= y1:
            return area
        part = sprite[y0 - top : y1 - top, x0 - left : x1 - left]
        solid = part[..., 3] > 127
        image[y0:y1, x0:x1][solid] = part[..., :3][solid]
        depth[y0:y1, x0:x1][solid] = ahead
        owner[y0:y1, x0:x1][solid] = number
        return area
