"""Kinds of bad input, each with what may be raised and what must hold where nothing is raised."""

from __future__ import annotations

import itertools
import json
import math
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from support.ros_doubles import IdentityTracker
from support.scenes import frame, picture

from siamla_ros.geometry.boxes import BoxError, check_init_box
from siamla_ros.online.engine import Engine
from siamla_ros.online.frame import COMPRESSED, Frame
from siamla_ros.online.guarded_server import HostList
from siamla_ros.online.image_formats import ENCODINGS, ImageError
from siamla_ros.online.init_requests import InitError, check_id, check_label, check_numbers
from siamla_ros.online.operator_page import parse_drawn_box
from siamla_ros.online.parameters import build, defaults
from siamla_ros.ros.raw_image import LayoutError, parse_image
from siamla_ros.supervision.supervisor import Observation, State, Supervisor

WIDTH, HEIGHT = 32, 24
NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-300, 1e300, 1.7e308, -1.7e308, 2.0**31, 2.0**63)
ODD = (*NUMBERS, float('nan'), float('inf'), float('-inf'))
TEXTS = ('', 'a', ' a', 'x' * 128, 'x' * 129, '\0', '\n', '\x1b[2J', '\ud800', '\u202e', 'é', '𝕏')


@dataclass(frozen=True)
class Kind:
    """feed: takes one random input; raises `AssertionError` where what must hold does not."""

    name: str
    feed: Callable[[random.Random], None]
    allowed: tuple[type[Exception], ...]


def odd_number(rng: random.Random) -> float:
    """Often a plain number near an image, sometimes an absurd one."""
    return rng.choice(ODD) if rng.random() < 0.3 else rng.uniform(-60.0, 120.0)


def odd_box(rng: random.Random) -> tuple[float, float, float, float]:
    """Four such numbers."""
    x, y, w, h = (odd_number(rng) for _ in range(4))
    return x, y, w, h


def odd_text(rng: random.Random) -> str:
    """A text of one of the awkward kinds."""
    return rng.choice(TEXTS) + rng.choice(TEXTS)


class Boxes:
    """Init boxes into an engine with a tracker without a network."""

    def __init__(self) -> None:
        self._engine = Engine(IdentityTracker(), build(defaults()))
        self._frame = frame(picture(20, 8, 64, 48, 12), 1_000_000_000, 1)

    def feed(self, rng: random.Random) -> None:
        """Start a target; what is accepted lies within the image."""
        box = odd_box(rng)
        check_numbers(box)
        self._engine.start('a', '', box, self._frame, live=True)
        x, y, w, h = self._engine.targets['a'].output.box_xywh
        assert all(map(math.isfinite, (x, y, w, h))) and min(w, h) > 0, (x, y, w, h)
        assert x < 64 and y < 48 and x + w > 0 and y + h > 0, (x, y, w, h)


def bare_box(rng: random.Random) -> None:
    """The check of the Python API; no number of numbers but four is accepted."""
    box = [odd_number(rng) for _ in range(rng.choice((0, 3, 4, 4, 4, 4, 5)))]
    assert check_init_box(box, (64, 48)) == tuple(box)


def _text(value: bytes) -> bytes:
    return struct.pack('<I', len(value) + 1) + value + b'\0'


def cdr_image(encoding: bytes, width: int, height: int, step: int, data: bytes) -> bytes:
    """A serialized sensor_msgs/Image, as CDR lays it out."""
    body = bytearray(struct.pack('<iI', 7, 8) + _text(b'camera'))

    def align(size: int) -> None:
        body.extend(b'\0' * (-len(body) % size))

    align(4)
    body += struct.pack('<II', height, width) + _text(encoding) + b'\0'
    align(4)
    body += struct.pack('<II', step, len(data)) + data
    return b'\0\1\0\0' + bytes(body)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Some bytes changed, and sometimes cut, doubled or emptied."""
    changed = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0x20))
    kind = rng.random()
    if kind < 0.2:
        return bytes(changed[: rng.randrange(len(changed) + 1)])
    return bytes(changed) + (bytes(changed) if kind < 0.25 else b'')


def _check_pixels(image: Frame) -> None:
    pixels = image.to_bgr()
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3, pixels.shape
    if image.encoding != COMPRESSED:
        assert pixels.shape[:2] == (image.height, image.width), (pixels.shape, image)


class RawMessages:
    """Serialized images with damaged bytes."""

    def __init__(self) -> None:
        data = bytes(WIDTH * HEIGHT * 3)
        self._whole = [
            cdr_image(name.encode(), WIDTH, HEIGHT, WIDTH * 3, data) for name in ENCODINGS
        ]

    def feed(self, rng: random.Random) -> None:
        """Parse and convert."""
        whole = rng.choice(self._whole)
        head = mutated(rng, whole[:72])
        image = parse_image(head + whole[72:])
        image.check()
        _check_pixels(image)


def header(rng: random.Random) -> None:
    """Sizes, steps and encodings that do not fit each other or the data."""
    sizes = (0, 1, 2, 3, WIDTH, 33, 32768, 32769, 2**31 - 1, 2**32 - 1)
    width, height = (
        rng.choice(sizes) if rng.random() < 0.3 else rng.randrange(1, 40) for _ in 'wh'
    )
    encoding = rng.choice(ENCODINGS) if rng.random() < 0.9 else odd_text(rng)
    step = rng.choice((0, 1, width, 2 * width, 3 * width, 4 * width, 6 * width, 2**32 - 1))
    data = np.zeros(rng.choice((0, 1, min(step * height, 50_000), 5000)), np.uint8)
    image = Frame(
        sec=rng.choice((-5, 0, 2**31 - 1)),
        nanosec=rng.choice((0, 2**32 - 1)),
        frame_id=odd_text(rng) * rng.choice((1, 9)),
        width=width,
        height=height,
        encoding=encoding,
        step=step,
        is_bigendian=rng.random() < 0.5,
        data=data,
    )
    image.check()
    _check_pixels(image)


class Compressed:
    """JPEG and PNG files with damaged bytes."""

    def __init__(self) -> None:
        image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        gray = (image[..., 0].astype(np.uint16)) << 8
        self._files = [
            cv2.imencode(suffix, pixels)[1].tobytes()
            for suffix, pixels in (
                ('.jpg', image),
                ('.png', image),
                ('.png', gray),
                ('.bmp', image),
            )
        ]

    def feed(self, rng: random.Random) -> None:
        """Check and decode."""
        data = np.frombuffer(mutated(rng, rng.choice(self._files)), np.uint8)
        image = Frame(1, 2, 'camera', 0, 0, COMPRESSED, 0, False, data)
        image.check()
        _check_pixels(image)


def page_body(rng: random.Random) -> None:
    """What is posted to the operator's page."""
    content = {
        'box': rng.choice((list(odd_box(rng)), [1, 2, 3, 4], None, 'x', {}, [[]], 5)),
        'stamp': rng.choice(('0', '5', 7, '-1', '9' * 30, 'x', 1.5, None, [], True, *ODD)),
        'id': rng.choice((odd_text(rng), '', 'a', None, 5, {}, [])),
        'label': rng.choice((odd_text(rng), '', 'a')),
    }
    for name in list(content):
        if rng.random() < 0.05:
            del content[name]
    text = json.dumps(content).encode(errors='replace')
    drawn = parse_drawn_box(mutated(rng, text) if rng.random() < 0.5 else text)
    assert all(map(math.isfinite, drawn.box_xywh)) and len(drawn.id) <= 128, drawn


class Hosts:
    """Host headers: no foreign name is let in."""

    def __init__(self) -> None:
        self._hosts = HostList(['robot'])
        parts = (
            'robot',
            'localhost',
            '127.0.0.1',
            '::1',
            '[::1]',
            'evil',
            '.',
            ':80',
            '[',
            ']',
            '@',
            '',
        )
        self._parts = parts

    def feed(self, rng: random.Random) -> None:
        """Join parts."""
        text = ''.join(rng.choice(self._parts) for _ in range(rng.randrange(1, 5)))
        assert not (self._hosts.allows(text) and 'evil' in text), text


def names(rng: random.Random) -> None:
    """Ids and labels."""
    assert len(check_id(odd_text(rng))) <= 128
    assert len(check_label(odd_text(rng))) <= 128


class Answers:
    """The tracker's answers into the state machine."""

    def __init__(self) -> None:
        self._supervisor = Supervisor(search=True)
        self._memory = self._supervisor.start(0.0, (5.0, 5.0, 9.0, 9.0), (64, 48)).memory
        self._count = itertools.count()

    def feed(self, rng: random.Random) -> None:
        """One image; what is confirmed is TRACKING, and on a good enough frame."""
        stamp_s = rng.choice(ODD) if rng.random() < 0.05 else next(self._count) / 30.0
        seen = Observation(
            stamp_s=stamp_s,
            confidence=rng.random() if rng.random() < 0.9 else odd_number(rng),
            second_peak=rng.random(),
            box_xywh=odd_box(rng) if rng.random() < 0.2 else (5.0 + rng.random(), 5.0, 9.0, 9.0),
            image_size=(64, 48),
            similarity=rng.choice((None, rng.random())),
        )
        decision = self._supervisor.step(self._memory, seen)
        self._memory = decision.memory
        assert not decision.confirmed or decision.state is State.TRACKING, decision
        assert not decision.confirmed or seen.confidence >= 0.45, decision
        if decision.state in (State.LOST, State.SEARCHING):
            self._memory = self._supervisor.start(stamp_s, (5.0, 5.0, 9.0, 9.0), (64, 48)).memory


def kinds() -> list[Kind]:
    """All of them."""
    images = (ImageError, LayoutError)
    return [
        Kind('init boxes', Boxes().feed, (InitError,)),
        Kind('boxes of the Python API', bare_box, (BoxError,)),
        Kind('serialized images', RawMessages().feed, images),
        Kind('image headers and encodings', header, images),
        Kind('compressed images', Compressed().feed, images),
        Kind('bodies of the page', page_body, (ValueError,)),
        Kind('Host headers', Hosts().feed, ()),
        Kind('ids and labels', names, (InitError,)),
        Kind('answers of the network', Answers().feed, (ValueError,)),
    ]
