"""Frames out of files and folders, frames into files."""

from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from siamla_ros.datasets.formats import list_images
from siamla_ros.datasets.image_files import read_image
from siamla_ros.datasets.video import FrameSource, SourceError
from siamla_ros.datasets.video_sink import FrameSink


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
        (None, 'is no file, no folder, no camera and no URL'),
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


@pytest.mark.parametrize('pattern', ['{}.png', 'frame{}.png', 'cam1_{}.png', '{}_640x480.png'])
def test_folder_order_is_numeric_and_hidden_files_are_skipped(tmp_path: Path, pattern: str) -> None:
    for number in (1, 2, 9, 10, 11):
        cv2.imwrite(str(tmp_path / pattern.format(number)), frame(number))
    (tmp_path / f'._{pattern.format(1)}').write_bytes(b'resource fork')
    (tmp_path / '.DS_Store').write_bytes(b'')
    with FrameSource(tmp_path) as source:
        assert numbers(source) == [1, 2, 9, 10, 11]
        assert source.count == 5


def test_the_order_is_that_of_evaluation(tmp_path: Path) -> None:
    for number in (2, 10, 1):
        cv2.imwrite(str(tmp_path / f'{number}.png'), frame(number))
    with FrameSource(tmp_path) as source:
        assert numbers(source) == numbers(map(read_image, list_images(tmp_path))) == [1, 2, 10]


@pytest.mark.parametrize('low, high', [(0, 4095), (7000, 8600)])
def test_16_bit_images_are_stretched(tmp_path: Path, low: int, high: int) -> None:
    values = np.linspace(low, high, 400 * 64).reshape(400, 64).astype(np.uint16)
    cv2.imwrite(str(tmp_path / '1.png'), values)
    with FrameSource(tmp_path) as source:
        (image,) = source
    assert image.dtype == np.uint8 and image.shape == (400, 64, 3)
    assert (image.min(), image.max()) == (0, 255)
    expected = (values.astype(float) - low) / (high - low) * 255
    assert np.abs(image[..., 1] - expected).max() <= 5, 'linear between the percentiles'


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """120 frames, of which some in the middle cannot be decoded."""
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 255, (120, 160, 3), np.uint8)
    with FrameSink(tmp_path / 'clip.mp4', 25.0, codec='mpeg4') as sink:
        for number in range(120):
            image = np.roll(texture, number, 1)
            image[:40] = 2 * number  # tells the number
            sink.write(image)
    content = bytearray(sink.path.read_bytes())
    first, last = len(content) * 45 // 100, len(content) * 55 // 100
    content[first:last] = bytes(last - first)
    sink.path.write_bytes(content)
    return sink.path


def test_damage_in_the_middle_is_not_the_end(
    damaged: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FrameSource(damaged) as source:
        seen = list(source.frames())
        assert source.count == 120
        assert 5 <= source.missing <= 20 and len(seen) + source.missing == 120
        missing = source.missing
    assert f'{missing} of 120 frames are damaged' in caplog.text
    told = [item.number for item in seen]
    assert told == sorted(set(told)) and (told[0], told[-1]) == (0, 119)
    sure = [item for item in seen if item.number < 50 or item.number > 80]
    assert len(sure) > 80
    for item in sure:
        assert abs(float(item.image[5:35].mean()) / 2 - item.number) <= 3, 'true numbers'
        assert item.stamp_s == pytest.approx(item.number / 25.0, abs=1e-3)


def test_an_undamaged_file_gives_no_warning(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    with FrameSource(clip) as source:
        assert [item.number for item in source.frames()] == list(range(10))
        assert source.missing == 0
    assert caplog.text == ''


class Capture:
    """Stands for a camera that is unplugged after three frames."""

    opened: ClassVar[list[tuple]] = []

    def __init__(self, *source: object) -> None:
        self.opened.append(source)
        self._left = 3

    def isOpened(self) -> bool:  # the name is OpenCV's
        return True

    def get(self, _: int) -> float:
        return 0.0

    def set(self, *_: object) -> bool:
        return False

    def read(self) -> tuple[bool, np.ndarray | None]:
        self._left -= 1
        return (True, frame(1)) if self._left >= 0 else (False, None)

    def release(self) -> None:
        pass


@pytest.mark.parametrize(
    ('source', 'opened'),
    [
        ('0', (0,)),
        ('/dev/video2', (2,)),
        ('rtsp://camera/stream', ('rtsp://camera/stream',)),
        ('http://camera/mjpg', ('http://camera/mjpg',)),
        ('videotestsrc ! appsink', ('videotestsrc ! appsink', cv2.CAP_GSTREAMER)),
    ],
)
def test_a_camera_that_stops_is_an_error(
    source: str, opened: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    Capture.opened.clear()
    monkeypatch.setattr(cv2, 'VideoCapture', Capture)
    camera, seen = FrameSource(source), []
    assert Capture.opened == [opened] and camera.count == 0
    with pytest.raises(SourceError, match='stopped after 3 frames'):
        for item in camera.frames():
            seen.append(item.number)
    assert seen == [0, 1, 2]


def test_an_empty_source_is_refused() -> None:
    with pytest.raises(ValueError, match='source is empty'):
        FrameSource('')


def test_damaged_image_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / 'bad.png').write_bytes(b'not a png')
    with FrameSource(tmp_path) as source, pytest.raises(ValueError, match=r'bad\.png'):
        list(source)


def test_one_bad_file_of_a_folder_is_skipped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (0, 2):
        cv2.imwrite(str(tmp_path / f'{number}.png'), frame(number))
    (tmp_path / '1.png').write_bytes(b'')
    with FrameSource(tmp_path) as source:
        assert [item.number for item in source.frames()] == [0, 2]
        assert source.missing == 1
        assert len(list(source)) == 2 and source.missing == 1, 'not added up'
    assert '1.png is not a readable image' in caplog.text
    assert '1 of 3 images cannot be read' in caplog.text


def test_unwritable_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'clip.mp4').mkdir()
    with pytest.raises(ValueError, match='cannot be written'):
        FrameSink(tmp_path / 'clip.mp4').write(frame(1))
