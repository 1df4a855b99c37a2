"""Fixtures that tests of several rooms share: tiny datasets, images, one torch thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[1].parent / 'shared'


@pytest.fixture
def shared() -> Path:
    """The folder of evaluation videos and peers beside the repository; skips without it."""
    if not (SHARED / 'eval').is_dir():
        pytest.skip('needs ../shared')
    return SHARED


@pytest.fixture
def textured() -> Callable[..., np.ndarray]:
    """Makes an image of blocks in random colors: (height, width, seed) -> H x W x 3 uint8."""

    def make(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        small = rng.integers(20, 235, (height // 4, width // 4, 3), np.uint8)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)

    return make


@pytest.fixture
def write_images(textured: Callable[..., np.ndarray]) -> Callable[..., list[Path]]:
    """Writes `count` images into a folder: (folder, count, pattern) -> paths."""

    def write(folder: Path, count: int, pattern: str = '{:04d}.png') -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / pattern.format(number) for number in range(1, count + 1)]
        for number, path in enumerate(paths):
            cv2.imwrite(str(path), textured(seed=number))
        return paths

    return write


@pytest.fixture
def damaged_set(tmp_path: Path, write_images: Callable[..., list[Path]]) -> Callable[[int], str]:
    """Writes sequences a, b and c of `count` images into `set`, the third image of b being none;
    returns what is said of it.
    """

    def write(count: int) -> str:
        for name in ('a', 'b', 'c'):
            images = write_images(tmp_path / 'set' / name, count)
            truth = '1,2,10,12\n' * count
            (tmp_path / 'set' / name / 'groundtruth.txt').write_text(truth)
            if name == 'b':
                images[2].write_bytes(b'no image')
        return f'left out: {tmp_path}/set/b/0003.png is not a readable image'

    return write


@pytest.fixture
def moving_target(tmp_path: Path, textured: Callable[..., np.ndarray]) -> Path:
    """A dataset of two video sequences, `right` and `down`, with a bright square that moves."""
    for name, step, seed in (('right', (2, 0), 1), ('down', (0, 1), 2)):
        folder = tmp_path / 'set' / name
        folder.mkdir(parents=True)
        size = (96, 72)
        code = cv2.VideoWriter_fourcc(*'MJPG')
        writer = cv2.VideoWriter(str(folder / 'video.avi'), code, 30.0, size)
        rows = []
        for number in range(12):
            image = textured(72, 96, seed) // 2
            x, y = 10 + step[0] * number, 12 + step[1] * number
            image[y : y + 14, x : x + 18] = (40, 240, 250)
            writer.write(image)
            rows.append(f'{x},{y},18,14')
        writer.release()
        (folder / 'groundtruth_rect.txt').write_text('\n'.join(rows) + '\n')
    return tmp_path / 'set'


@pytest.fixture
def one_thread():
    """Sums in the same order every time."""
    torch = pytest.importorskip('torch')
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
