"""The moving picture of the README: what is in it, and that the file is small."""

from pathlib import Path

import numpy as np
import pytest

Image = pytest.importorskip('PIL.Image')


readme_gif = pytest.importorskip('readme_gif')

ROOT = Path(__file__).resolve().parents[2]


def test_the_target_leaves_on_one_side_and_comes_back_on_the_other() -> None:
    boxes = [box for _, box in readme_gif.film(135)]
    width = 480
    shown = [box is not None and 0 < box[0] + box[2] / 2 < width for box in boxes]
    away = shown.index(False)
    back = away + shown[away:].index(True)
    assert boxes[away - 1][0] > 0.8 * width and boxes[back][0] < 0.2 * width
    assert back - away > 3 * readme_gif.RATE_HZ


def test_images_repeat_exactly() -> None:
    (first, _), (second, _) = (next(iter(readme_gif.film(1))) for _ in range(2))
    assert np.array_equal(first, second)


def test_it_is_small_and_moves() -> None:
    path = ROOT / 'docs/leave_and_return.gif'
    assert path.stat().st_size < readme_gif.LIMIT_BYTES
    with Image.open(path) as film:
        assert film.n_frames == -(-readme_gif.IMAGES // readme_gif.EVERY)
        assert film.info['loop'] == 0
    assert 'docs/leave_and_return.gif' in (ROOT / 'README.md').read_text('utf-8').split('## ')[0]


def test_it_is_saved_with_its_times(tmp_path: Path) -> None:
    images = [np.full((40, 60, 3), 20 * n, np.uint8) for n in range(8)]
    readme_gif.save(tmp_path / 'a.gif', images)
    with Image.open(tmp_path / 'a.gif') as film:
        assert film.n_frames == 8
        assert film.info['duration'] == round(1000 * readme_gif.EVERY / readme_gif.RATE_HZ, -1)
