"""`siamla view` and the box drawn in a browser, without one: what the server says and does."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.pages import fetch
from support.ros_doubles import ColorTracker
from support.scenes import SIDE, picture

import siamla_ros
from siamla_ros.cli import page_server, view
from siamla_ros.cli.main import main
from siamla_ros.cli.page_server import BoxOnImage, box_from_browser, serving
from siamla_ros.datasets.video import FrameSource, SourceFrame

LIMIT_S = 20.0
BOX = [100, 100, SIDE, SIDE]
FRAMES = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A red square that moves a pixel a frame."""
    for number in range(FRAMES):
        cv2.imwrite(str(tmp_path / f'{number}.png'), picture(100 + number))
    return tmp_path


@pytest.fixture
def live(folder: Path) -> Iterator[tuple[view.LiveView, str, threading.Thread]]:
    """A running view, the address of its page, and the thread that plays."""
    running = view.LiveView(ColorTracker(), 'opening ...')
    with FrameSource(folder) as source, serving('127.0.0.1', 0, running) as url:
        player = threading.Thread(target=view.play, args=(source, running, [], False), daemon=True)
        yield running, url, player
        running.begun.set()
        if player.ident:
            player.join(LIMIT_S)
        running.worker.stop()


def until(found: Callable[[], object]) -> object:
    """The first true value."""
    end_s = time.monotonic() + LIMIT_S
    while not (value := found()):
        assert time.monotonic() < end_s
        time.sleep(0.02)
    return value


def targets(url: str) -> list[dict]:
    code, headers, _ = fetch(f'{url}/frame.jpg')
    return json.loads(headers['X-Targets']) if code == 200 else []


def test_a_file_stands_still_until_a_box_is_drawn_and_is_followed_from_there(live) -> None:
    running, url, player = live
    assert fetch(f'{url}/frame.jpg')[::2] == (503, b'opening ...')
    running.worker.start()
    player.start()
    until(lambda: fetch(f'{url}/frame.jpg')[0] == 200)
    time.sleep(0.3)
    _, headers, jpeg = fetch(f'{url}/frame.jpg')
    assert (headers['X-Stamp'], headers['X-Age']) == ('1000000000', '0.0'), 'the first image'
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(image.astype(int) - picture(100)).mean() < 8, 'JPEG of noise'
    assert json.loads(headers['X-Thresholds']) == [0.45, 0.93]
    bad = {'box': [500, 100, 20, 20], 'stamp': headers['X-Stamp'], 'id': '', 'label': ''}
    code, _, words = fetch(f'{url}/init', bad)
    assert code == 409 and b'must lie inside the image' in words
    code, _, words = fetch(f'{url}/init', {**bad, 'box': BOX, 'label': 'square'})
    assert code == 200 and words.startswith(b'target: following')
    player.join(LIMIT_S)
    (entry,) = until(lambda: targets(url))
    assert (entry['id'], entry['label'], entry['state']) == ('target', 'square', 'TRACKING')
    assert entry['reason'] == 'a box was given' and entry['confidence'] > 0.8
    (target,) = running.worker.engine.targets.values()
    assert target.output.box_xywh[0] == pytest.approx(100 + FRAMES - 1, abs=3)
    until(lambda: float(fetch(f'{url}/frame.jpg')[1]['X-Age']) > 0.3)


def test_each_target_is_forgotten_alone(live) -> None:
    running, url, player = live
    running.worker.start()
    player.start()
    until(lambda: fetch(f'{url}/frame.jpg')[0] == 200)
    for name in ('a', 'b'):
        content = {'box': BOX, 'stamp': '1000000000', 'id': name, 'label': ''}
        assert fetch(f'{url}/init', content)[0] == 200
    assert fetch(f'{url}/clear', {'id': 'a'})[::2] == (200, b'forgotten: a')
    assert list(running.worker.engine.targets) == ['b']
    assert fetch(f'{url}/clear', {'id': 'a'})[::2] == (409, b'there is no such target')
    assert fetch(f'{url}/clear', {})[::2] == (200, b'forgotten: b')


def test_the_command_follows_given_boxes_to_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(
        siamla_ros, 'load_tracker', lambda model, device: ColorTracker(), raising=False
    )
    box = ','.join(map(str, BOX))
    assert main(['view', str(folder), '--init', f'a={box}', '--port', '0']) == 0
    words = capsys.readouterr().err
    assert 'open http://127.0.0.1:' in words and 'the source has ended' in words
    assert main(['view', str(folder), '--init', '900,1,20,20', '--port', '0']) == 1
    assert 'must lie inside the image' in capsys.readouterr().err
    assert main(['view', str(folder), '--port', '99999']) == 1
    assert '--port 99999' in capsys.readouterr().err


def test_a_loop_goes_on_with_rising_times(folder: Path) -> None:
    with FrameSource(folder) as source:
        times = [stamp_s for stamp_s, _ in zip_first(view._endless(source), 2 * FRAMES + 1)]
    assert len(times) == 2 * FRAMES + 1
    assert np.diff(times) == pytest.approx([1 / 30] * 2 * FRAMES)


def test_a_camera_has_no_end_to_begin_again_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    class Live(FrameSource):
        def _open(self):
            return cv2.VideoCapture()  # states no number of frames

    monkeypatch.setattr(view, 'FrameSource', Live)
    monkeypatch.setattr(siamla_ros, 'load_tracker', lambda *_, **__: pytest.fail('takes seconds'))
    for source in ('0', 'rtsp://camera/stream'):
        assert main(['view', source, '--loop', '--port', '0']) == 1
        assert f'--loop has no effect with {source}: it has no end' in capsys.readouterr().err


def zip_first(items: Iterator, count: int) -> Iterator:
    for _, item in zip(range(count), items):
        yield item


def test_one_image_waits_for_a_box_that_can_be_tracked(capsys: pytest.CaptureFixture) -> None:
    page = BoxOnImage(picture(100))
    with serving('127.0.0.1', 0, page) as url:
        code, headers, _ = fetch(f'{url}/frame.jpg')
        assert (code, headers['X-Targets'], headers['X-Age']) == (200, '[]', '0.0')
        content = {'box': [400, 0, 10, 10], 'stamp': '0', 'id': '', 'label': ''}
        assert fetch(f'{url}/init', content)[0] == 409 and not page.drawn.is_set()
        assert fetch(f'{url}/init', {**content, 'box': BOX})[0] == 200
    assert page.drawn.is_set() and page.box == tuple(map(float, BOX))


def test_control_c_ends_the_wait(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise KeyboardInterrupt

    class Page(BoxOnImage):
        def __init__(self, image: np.ndarray) -> None:
            super().__init__(image)
            self.drawn = Interrupted()

    monkeypatch.setattr(page_server, 'BoxOnImage', Page)
    assert box_from_browser(picture(100)) is None
    assert 'Ctrl-C writes the first frame' in capsys.readouterr().err


def test_a_source_that_loops_and_holds_no_image_any_more_ends():
    """Its files were removed while it played: no end and no image before."""

    class Fading:
        count, rate_hz, left = 3, 30.0, [3, 2, 0]

        def frames(self):
            for number in range(self.left.pop(0)):
                yield SourceFrame(number, number / 30.0, picture(100))

    shown = [stamp_s for stamp_s, _ in view._endless(Fading())]
    assert len(shown) == 5 and shown == sorted(set(shown))
