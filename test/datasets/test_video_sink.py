"""What is written plays where it must: H.264 with the frames' own times, or it says what it is."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from siamla_ros import install_hint
from siamla_ros.datasets import video_sink
from siamla_ros.datasets.video import FrameSource
from siamla_ros.datasets.video_sink import FrameSink

STAMPS_S = (100.0, 100.04, 100.08, 100.5, 100.54, 102.0)


def frame(number: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A plain image whose brightness tells its number."""
    return np.full((size[1], size[0], 3), 20 * number, np.uint8)


def codec_of(path: Path) -> str:
    capture = cv2.VideoCapture(str(path))
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    capture.release()
    return code.to_bytes(4, 'little').decode()


@pytest.fixture
def without_av(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_sink, 'has_h264', lambda: False)


def test_times_of_a_variable_frame_rate_are_kept(tmp_path: Path) -> None:
    pytest.importorskip('av')
    with FrameSink(tmp_path / 'clip.mp4', 25.0) as sink:
        for number, stamp_s in enumerate(STAMPS_S, 1):
            sink.write(frame(number), stamp_s)
    assert codec_of(sink.path) in ('avc1', 'h264')
    assert sink.describe() == f'{sink.path}: 6 frames, H.264'
    with FrameSource(sink.path) as source:
        seen = list(source.frames())
    assert [round(float(item.image.mean()) / 20) for item in seen] == [1, 2, 3, 4, 5, 6]
    assert [item.stamp_s for item in seen] == pytest.approx([s - 100.0 for s in STAMPS_S], abs=1e-3)


def test_a_browser_can_play_it(tmp_path: Path) -> None:
    """4:2:0, even sides, the index before the images."""
    av = pytest.importorskip('av')
    with FrameSink(tmp_path / 'clip.mp4', 25.0) as sink:
        for number in range(1, 5):
            sink.write(frame(number, (65, 47)))
    with av.open(str(sink.path)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ('h264', 'yuv420p')
        assert (stream.width, stream.height) == (66, 48)
        assert [float(item.pts * stream.time_base) for item in file.decode(stream)] == (
            pytest.approx([0.0, 0.04, 0.08, 0.12])
        )
    content = sink.path.read_bytes()
    assert 0 < content.index(b'moov') < content.index(b'mdat')


def test_a_source_that_begins_again_goes_on(tmp_path: Path) -> None:
    pytest.importorskip('av')
    with FrameSink(tmp_path / 'clip.mp4', 10.0) as sink:
        for number, stamp_s in enumerate((5.0, 5.2, 0.0, 0.3), 1):
            sink.write(frame(number), stamp_s)
    with FrameSource(sink.path) as source:
        assert [item.stamp_s for item in source.frames()] == pytest.approx(
            [0.0, 0.2, 0.3, 0.6], abs=1e-3
        )


@pytest.mark.parametrize('jump_s', [1.7e9, 1e300])
def test_a_clock_that_was_set_forward_makes_no_pause(tmp_path: Path, jump_s: float) -> None:
    """The first image without a stamp, the others with that of the clock."""
    pytest.importorskip('av')
    with FrameSink(tmp_path / 'clip.mp4', 10.0) as sink:
        for number, stamp_s in enumerate((0.0, jump_s, 3.0, 3.5, 303.5), 1):
            sink.write(frame(number), stamp_s)
    with FrameSource(sink.path) as source:
        assert [item.stamp_s for item in source.frames()] == pytest.approx(
            [0.0, 0.1, 0.2, 0.7, 300.7], abs=1e-3
        )


@pytest.mark.parametrize('rate_hz', [0.0, -1.0, 1e-300, 1e300, float('inf'), float('nan')])
def test_a_rate_that_no_video_has_is_refused_at_the_start(tmp_path: Path, rate_hz: float) -> None:
    with pytest.raises(ValueError, match='rate is .*, must lie in'):
        FrameSink(tmp_path / 'clip.mp4', rate_hz)


def test_without_pyav_it_says_what_it_wrote(tmp_path: Path, without_av: None) -> None:
    with FrameSink(tmp_path / 'clip.mp4', 25.0) as sink:
        for number, stamp_s in enumerate(STAMPS_S, 1):
            sink.write(frame(number), stamp_s)
    assert codec_of(sink.path) in ('mp4v', 'FMP4')
    words = sink.describe()
    assert '6 frames, MPEG-4 Part 2 at 25 Hz' in words and install_hint('video') in words


@pytest.mark.parametrize(
    'codec, words', [('h264', 'needs PyAV'), ('vp9', "codec is 'vp9', must be one of auto")]
)
def test_a_codec_that_cannot_be_had_is_refused(
    tmp_path: Path, without_av: None, codec: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        FrameSink(tmp_path / 'clip.mp4', codec=codec)


def test_the_package_does_not_need_pyav() -> None:
    code = (
        'import sys; sys.modules["av"] = None\n'
        'from siamla_ros.datasets.video_sink import has_h264\nassert not has_h264()'
    )
    subprocess.run([sys.executable, '-c', code], check=True, timeout=60)


WRITER = """
import os, sys, numpy as np
from siamla_ros.datasets.video_sink import FrameSink
sink = FrameSink(sys.argv[1], 30.0)
for number in range(300):
    sink.write(np.full((48, 64, 3), 20 + number % 200, np.uint8))
print('written', flush=True)
os.kill(os.getpid(), 9)
"""


def run_writer(path: Path) -> None:
    root = Path(video_sink.__file__).parents[2]
    result = subprocess.run(
        [sys.executable, '-c', WRITER, str(path)], stdout=subprocess.PIPE, cwd=root
    )
    assert result.stdout == b'written\n' and result.returncode == -9


def test_what_a_killed_process_has_written_can_be_played(tmp_path: Path) -> None:
    """But for the last two seconds: what the encoder and the last piece still held."""
    pytest.importorskip('av')
    path = tmp_path / 'clip.mp4'
    run_writer(path)
    with FrameSource(path) as source:
        shown = [round(float(image.mean())) for image in source]
    assert 240 <= len(shown) <= 300
    assert all(abs(value - 20 - number % 200) <= 8 for number, value in enumerate(shown))


def test_a_disk_that_is_full_is_said_and_what_was_written_stays(tmp_path: Path) -> None:
    pytest.importorskip('av')
    resource = pytest.importorskip('resource')
    rng = np.random.default_rng(0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    sink = FrameSink(tmp_path / 'clip.mp4', 30.0)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
        with pytest.raises(ValueError, match=r'clip.mp4 cannot be written: .*large'):
            for _ in range(600):
                sink.write(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
        with pytest.raises(ValueError, match='clip.mp4 cannot be completed'):
            sink.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    sink.close()
    with FrameSource(sink.path) as source:
        assert 20 <= len(list(source)) <= sink.count
    assert [path.name for path in tmp_path.iterdir()] == ['clip.mp4']
