"""A tiny training pack, written to a folder: bright rectangles that move over dull pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

HEADER = 'dataset,track_id,frame,file,x,y,w,h,has_mask,source'
COLORS = [(40, 40, 250), (250, 60, 40), (40, 250, 60), (240, 240, 40), (230, 40, 230)]


def write_pack(
    folder: Path, tracks: int = 4, frames: int = 3, photos: int = 2, masks: bool = True
) -> Path:
    """``tracks`` objects in ``frames`` pictures each, and ``photos`` backgrounds."""
    (folder / 'toy').mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = [HEADER]
    for track in range(tracks):
        w, h = int(rng.integers(20, 40)), int(rng.integers(20, 40))
        for frame in range(frames):
            x, y = int(rng.integers(30, 80)), int(rng.integers(20, 60))
            image = np.full((120, 160, 3), 50, np.uint8)
            image[y : y + h, x : x + w] = COLORS[track % len(COLORS)]
            name = f'toy/{track}_{frame}'
            cv2.imwrite(str(folder / f'{name}.jpg'), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
            if masks:
                mask = np.zeros((120, 160), np.uint8)
                mask[y : y + h, x : x + w] = 255
                cv2.imwrite(str(folder / f'{name}.png'), mask)
            rows.append(f'toy,t{track},{frame},{name}.jpg,{x},{y},{w},{h},{int(masks)},s{track}')
    (folder / 'index.csv').write_text('\n'.join(rows) + '\n')
    if photos:
        (folder / 'photos').mkdir()
    for photo in range(photos):
        noise = rng.integers(30, 90, (20, 24, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f'photos/{photo}.jpg'), cv2.resize(noise, (240, 200)))
    return folder
