"""The operator's page in a real browser: what a person sees and does. Skipped without Chromium."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from support import chromium
from support.chromium import Browser
from support.scenes import SIDE, picture

from siamla_ros.cli.page_server import BoxOnImage, serving
from siamla_ros.online.operator_page import Picture

pytestmark = pytest.mark.skipif(chromium.PROGRAM is None, reason='needs Chromium')

LOST = {'id': 'b', 'label': 'dog', 'state': 'LOST', 'reason': 'it left', 'confidence': None}
FOUND = {'id': 'a', 'label': '', 'state': 'TRACKING', 'reason': 'a box', 'confidence': 0.9}
RUNNING = "!document.body.classList.contains('dead')"
DISABLED = "[...document.querySelectorAll('button')].map(b => b.disabled)"
RECT = "JSON.stringify(document.getElementById('view').getBoundingClientRect())"


class Callbacks:
    """Shows what a test sets; each picture is a tenth of a second later."""

    def __init__(self) -> None:
        self.words, self.age_s, self.targets, self.stamp_ns = 'waiting for images', 0.0, (), 10**9
        self.jpeg = cv2.imencode('.jpg', picture(100))[1].tobytes()
        self.boxes, self.cleared = [], []

    def picture(self) -> Picture | str:
        if self.words:
            return self.words
        self.stamp_ns += 10**8
        return Picture(self.jpeg, self.stamp_ns, self.age_s, self.targets, (0.45, 0.93))

    def on_box(self, drawn) -> tuple[bool, str]:
        self.boxes.append(drawn)
        return False, 'refused: too small'

    def on_clear(self, target_id: str) -> tuple[bool, str]:
        self.cleared.append(target_id)
        return True, 'forgotten'


@pytest.fixture(scope='module')
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp('profile'))
    yield made
    made.close()


def drag(browser: Browser, box: tuple[float, ...], size: tuple[int, int]) -> None:
    """Draw a box, x y w h in pixels of the image."""
    rect = json.loads(browser.value(RECT))
    scale = min(rect['width'] / size[0], rect['height'] / size[1])
    x, y, w, h = (scale * value for value in box)
    left, top = rect['left'], rect['top']
    browser.drag((left + x, top + y), (left + x + w, top + y + h))


def test_what_an_operator_sees_and_does(browser: Browser, tmp_path: Path) -> None:
    callbacks = Callbacks()
    with serving('127.0.0.1', 0, callbacks) as url:
        browser.open(url)
        browser.wait("document.getElementById('wait').innerText == 'waiting for images'")
        assert browser.value("document.getElementById('view').hidden"), 'text, no black void'
        assert all(browser.value(DISABLED))

        callbacks.words, callbacks.targets = '', (FOUND, LOST)
        browser.wait(f"{RUNNING} && document.querySelectorAll('article').length == 2")
        assert not any(browser.value(DISABLED))
        words, lost = browser.text(), 'b lost: drag a new box'
        for line in (
            'TRACKING 0.90',
            'a box',
            'b (dog)',
            'LOST ?',
            'it left',
            lost,
        ):
            assert line in words
        assert browser.value("document.getElementById('wait').hidden")
        browser.wait(
            "document.querySelectorAll('.plot')[0].getContext('2d')"
            '.getImageData(280, 9, 20, 1).data.some(v => v > 200)'
        )  # the line of a confidence of 0.9 at the right end

        drag(browser, (100, 100, SIDE, SIDE), (320, 240))
        browser.wait("document.getElementById('say').innerText == 'refused: too small'")
        (drawn,) = callbacks.boxes
        assert drawn.box_xywh == pytest.approx((100, 100, SIDE, SIDE), abs=2)
        assert (drawn.id, drawn.label) == ('b', 'dog'), 'the only lost target'
        assert 10**9 < drawn.stamp_ns <= callbacks.stamp_ns

        browser.value("document.querySelectorAll('.forget')[0].click()")
        browser.wait("document.getElementById('say').innerText == 'forgotten'")
        assert callbacks.cleared == ['a']
        callbacks.targets = (LOST,)
        browser.wait("document.querySelectorAll('article').length == 1")
        browser.screenshot(tmp_path / 'running.png')
        assert cv2.imread(str(tmp_path / 'running.png')).std() > 10
    assert browser.errors == [], 'no error of script or content policy'


@pytest.mark.parametrize(
    'change, words',
    [
        ({'age_s': 7.0}, 'no image for 7 s: picture, states and confidence are old'),
        ({'words': 'nobody publishes it yet'}, 'nobody publishes it yet'),
    ],
)
def test_a_dead_camera_is_seen(browser: Browser, change: dict, words: str) -> None:
    callbacks = Callbacks()
    callbacks.words, callbacks.targets = '', (FOUND,)
    with serving('127.0.0.1', 0, callbacks) as url:
        browser.open(url)
        browser.wait(RUNNING)
        vars(callbacks).update(change)
        browser.wait("document.body.classList.contains('dead')")
        assert all(browser.value(DISABLED)) and words in browser.text()
        drag(browser, (100, 100, SIDE, SIDE), (320, 240))
        browser.value("document.querySelector('.forget').click()")
        callbacks.age_s, callbacks.words = 0.0, ''
        browser.wait(RUNNING)
        assert callbacks.boxes == callbacks.cleared == [], 'nothing was sent meanwhile'
        assert not any(browser.value(DISABLED))
    browser.wait("document.body.classList.contains('dead')")
    assert 'no connection' in browser.text()


def test_a_box_for_a_command_is_drawn(browser: Browser) -> None:
    page = BoxOnImage(picture(100))
    with serving('127.0.0.1', 0, page) as url:
        browser.open(url)
        browser.wait(RUNNING)
        drag(browser, (100, 100, SIDE, SIDE), (320, 240))
        assert page.drawn.wait(20.0)
        browser.wait("document.getElementById('say').innerText.startsWith('taken')")
    assert page.box == pytest.approx((100, 100, SIDE, SIDE), abs=2)
