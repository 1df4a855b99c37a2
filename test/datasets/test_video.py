"""Frames out of files and folders, frames into files."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from siamla_ros.datasets.video import FrameSink, FrameSource


def frame(number: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A plain image whose brightness tells its number: survives lossy compression."""
    return np.full((size[1], size[0], 3), 20 * number, np.uint8)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    with FrameSink(tmp_path / 'made' / 'clip.mp4', 12.5) as sink:
        for number in range(1, 11):
            sink.write(frame(number))
        assert sink.count == 10
    return sink.path


def numbers(source: FrameSource) -> list[int]:
    return [round(float(image.mean()) / 20) for image in source]


def test_file_gives_back_what_was_written(clip: Path) -> None:
    with FrameSource(clip) as source:
        assert source.rate_hz == pytest.approx(12.5)
        assert not source.is_camera
        assert numbers(source) == list(range(1, 11))


def test_every_iteration_starts_at_the_beginning(clip: Path) -> None:
    with FrameSource(clip) as source:
        next(iter(source))
        assert numbers(source) == list(range(1, 11))


def test_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        cv2.imwrite(str(tmp_path / f'{number:03}.png'), frame(number))
    (tmp_path / 'notes.txt').write_text('not an image')
    with FrameSource(tmp_path) as source:
        assert source.rate_hz == 30.0
        assert numbers(source) == [1, 2, 3]


def test_frame_of_another_size_is_scaled(tmp_path: Path) -> None:
    with FrameSink(tmp_path / 'clip.mp4') as sink:
        sink.write(frame(1))
        sink.write(frame(2, (128, 96)))
    with FrameSource(sink.path) as source:
        assert [image.shape for image in source] == [(48, 64, 3)] * 2


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (None, 'is no file, no folder and no camera number'),
        (b'', 'cannot be opened as a video'),
        (b'\x00' * 5000, 'cannot be opened as a video'),
    ],
)
def test_unreadable_file_is_refused_by_name(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / 'x.avi'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as error:
        FrameSource(path)
    assert str(path) in str(error.value)


def test_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='holds no image'):
        FrameSource(tmp_path)


def test_damaged_image_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / 'bad.png').write_bytes(b'not a png')
    with FrameSource(tmp_path) as source, pytest.raises(ValueError, match=r'bad\.png'):
        list(source)


def test_unwritable_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'clip.mp4').mkdir()
    with pytest.raises(ValueError, match='cannot be written'):
        FrameSink(tmp_path / 'clip.mp4').write(frame(1))
