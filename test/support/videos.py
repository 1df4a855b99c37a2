"""Tiny scenes of annotated video, written to a folder: bright rectangles that move over noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from support.packs import COLORS

HEIGHT, WIDTH, SIDE = 120, 160, 16


def write_scene(folder: Path, frames: int = 24, targets: int = 1, hidden: int = 0) -> Path:
    """A video of ``targets`` squares on parallel lines; of several, ``targets.csv`` tells.

    The last ``hidden`` frames show none of the first target, and hold no box of it.
    """
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(20, 90, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    still = cv2.resize(noise, (WIDTH, HEIGHT))
    codec = cv2.VideoWriter_fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(folder / 'video.mp4'), codec, 25.0, (WIDTH, HEIGHT))
    rows, lines = [], []
    for frame in range(frames):
        image = still.copy()
        for target in range(targets):
            x, y = place(frame, target)
            gone = target == 0 and frame >= frames - hidden
            if not gone:
                image[y : y + SIDE, x : x + SIDE] = COLORS[target]
                lines.append(f'{frame},{target + 1},{x},{y},{SIDE},{SIDE},1.0')
            if target == 0:
                rows.append('NaN,NaN,NaN,NaN' if gone else f'{x},{y},{SIDE},{SIDE}')
        writer.write(image)
    writer.release()
    if targets == 1:
        (folder / 'groundtruth_rect.txt').write_text('\n'.join(rows) + '\n')
    else:
        header = 'frame,target_id,x,y,w,h,visibility'
        (folder / 'targets.csv').write_text('\n'.join([header, *lines]) + '\n')
    return folder


def place(frame: int, target: int) -> tuple[int, int]:
    """Left and top of a target in a frame."""
    return 20 + 4 * frame % 100, 12 + 60 * target
