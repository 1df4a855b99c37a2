"""Makes docs/leave_and_return.gif and docs/run.png: a target leaves, others pass, it comes back.

    tools/with_env python tools/readme_gif.py

Scene and figures are those of the simulation (tools/follow_sim), so that no foreign picture is part
of the repository; what is drawn is what the session answers with the shipped weights.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from follow_sim import textures
from follow_sim.scene import Figure, Scene
from PIL import Image

from siamla_ros import TrackingSession, load_tracker
from siamla_ros.cli.run_plot import RunPlot
from siamla_ros.geometry.boxes import Box
from siamla_ros.online import overlay
from siamla_ros.online.parameters import build, defaults
from siamla_ros.online.targets import TargetOutput

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / 'docs/leave_and_return.gif'
LIMIT_BYTES = 2_000_000
RATE_HZ, IMAGES = 15.0, 195
EVERY = 2  # so many images of the session for one of the film
STRIP_PX, COLORS = 64, 96
HOLD_MS = 1500  # the last picture
Ways = dict[str, tuple[tuple[int, float, float], ...]]
# Image, meters ahead and meters to the left of the camera; in between on a line.
WAYS: Ways = {
    'target': (
        (0, 4.6, 2.4), (30, 4.2, 0.3), (62, 3.6, -4.2), (63, -2.0, -4.0), (113, -2.0, 5.0),
        (114, 5.0, 5.2), (150, 4.6, 1.4), (195, 4.2, -0.8),
    ),  # behind the camera in between
    'blue': ((0, 6.5, -3.0), (195, 5.4, 4.6)),
    'green': ((0, 8.0, 5.0), (195, 7.0, -3.5)),
}  # fmt: skip
HUES = {'target': 3, 'blue': 108, 'green': 60}


def place(way: Sequence[tuple[int, float, float]], image: int) -> tuple[float, float]:
    """Where a figure stands on an image."""
    for before, after in pairwise(way):
        if before[0] <= image <= after[0]:
            share = (image - before[0]) / (after[0] - before[0])
            return tuple((1 - share) * a + share * b for a, b in zip(before[1:], after[1:]))
    raise ValueError(f'image is {image}, must lie in [{way[0][0]}, {way[-1][0]}]')


def film(images: int = IMAGES) -> Iterator[tuple[np.ndarray, Box | None]]:
    """Images HxWx3 BGR, and the target's box in each; None where it is behind the camera."""
    rng = np.random.default_rng(7)
    figures = [
        Figure(name, *place(WAYS[name], 0), 1.75, 0.7, textures.person(rng, hue))
        for name, hue in HUES.items()
    ]
    scene = Scene(11, grain=0)  # noise cannot be compressed
    for image in range(images):
        for figure in figures:
            x, y = place(WAYS[figure.name], image)
            figure.way_m += float(np.hypot(x - figure.x, y - figure.y))
            figure.x, figure.y = x, y
        view = scene.render(0.0, 0.0, 0.0, figures)
        yield view.image_bgr, view.boxes_xywh.get('target')


class Strip:
    """Confidence over time below the picture: states as colors, thresholds as lines."""

    def __init__(self, width: int, images: int, thresholds: Sequence[float]) -> None:
        self._canvas = np.full((STRIP_PX, width, 3), 30, np.uint8)
        self._step, self._image, self._y = width / images, 0, None
        self._thresholds = thresholds

    def add(self, output: TargetOutput) -> np.ndarray:
        """Draw one image further; returns the strip."""
        left, right = (int(self._step * number) for number in (self._image, self._image + 1))
        color = np.array(overlay.COLORS_BGR[output.state])
        self._canvas[:, left:right] = (0.45 * color).astype(np.uint8)
        y = self._row(output.confidence)
        cv2.line(self._canvas, (left, y if self._y is None else self._y), (right, y), (255,) * 3, 1)
        for value in self._thresholds:
            self._canvas[self._row(value), left:right:3] = 200
        self._image, self._y = self._image + 1, y
        shown = self._canvas.copy()
        cv2.putText(
            shown, 'confidence', (6, STRIP_PX // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255,) * 3, 1
        )
        return shown

    @staticmethod
    def _row(value: float) -> int:
        return round(6 + (STRIP_PX - 12) * (1 - value))


def pictures(device: str) -> Iterator[tuple[np.ndarray, TargetOutput, Box | None]]:
    """Drawn images of the session, its output, and the truth."""
    settings = build({**defaults(), 'redetection.mode': 'global'})
    session = TrackingSession(load_tracker(device=device), settings)
    limits = settings.supervisor.low_threshold, settings.supervisor.high_threshold
    trails, strip = overlay.Trails(), None
    for number, (image, truth) in enumerate(film()):
        stamp_s = number / RATE_HZ
        if strip is None:
            outputs = [session.start('person', truth, image, stamp_s)]
            strip = Strip(image.shape[1], IMAGES, limits)
        else:
            outputs = session.step(image, stamp_s)
        size = image.shape[1], image.shape[0]
        marks, ways = overlay.marks_of(outputs), trails.add(outputs, size)
        drawn = overlay.draw(image, marks, trails=ways, thresholds=limits)
        yield np.vstack([drawn, strip.add(outputs[0])]), outputs[0], truth


def save(path: Path, images: Sequence[np.ndarray]) -> None:
    """One palette for all images, no dither: what does not change costs nothing."""
    whole = Image.fromarray(np.vstack(images[:: len(images) // 6])[..., ::-1])
    palette = whole.quantize(COLORS, dither=Image.Dither.NONE)
    frames = [
        Image.fromarray(image[..., ::-1]).quantize(palette=palette, dither=Image.Dither.NONE)
        for image in images
    ]
    shown_ms = [round(1000 * EVERY / RATE_HZ)] * (len(frames) - 1) + [HOLD_MS]
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=shown_ms, loop=0, optimize=True
    )


def main() -> int:
    """Makes the film; 1 where the target was not lost and found again, or the file is too large."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--output', type=Path, default=OUTPUT)
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    images, states, wrong = [], [], 0
    plot = RunPlot(args.output.with_name('run.png'))
    for number, (image, output, truth) in enumerate(pictures(args.device)):
        images.append(image)
        plot.add(number / RATE_HZ, [output])
        if not states or states[-1] != output.state.name:
            states.append(output.state.name)
            print(f'image {number:3d}  {states[-1]}: {output.reason.name}')
        wrong += output.confirmed and not _on_target(output.box_xywh, truth)
    plot.write()
    save(args.output, images[::EVERY])
    size = args.output.stat().st_size
    print(f'{args.output}: {size / 1e6:.2f} MB; confirmed on something else: {wrong} images')
    good = 'LOST' in states and states[-1] == 'TRACKING' and not wrong and size < LIMIT_BYTES
    return 0 if good else 1


def _on_target(box: Box, truth: Box | None) -> bool:
    """Whether the center of a box is in the true one."""
    if truth is None:
        return False
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return truth[0] <= x <= truth[0] + truth[2] and truth[1] <= y <= truth[1] + truth[3]


if __name__ == '__main__':
    sys.exit(main())
