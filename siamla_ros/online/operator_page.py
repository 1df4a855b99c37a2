"""The small web server behind the operator page. Free of ROS."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import math
import re
from collections.abc import Callable, Iterable
from http.server import ThreadingHTTPServer
from typing import Any, NamedTuple, Protocol

from siamla_ros.geometry.boxes import as_box
from siamla_ros.online.guarded_server import GuardedHandler, GuardedServer
from siamla_ros.online.init_requests import check_id
from siamla_ros.online.operator_html import PAGE

MAX_TARGETS = 64  # as many as the tracker follows at most; a header must stay short
HTML = 'text/html; charset=utf-8'

logger = logging.getLogger(__name__)


def content_policy(page: str) -> str:
    """What a browser may do with the page: its own script and pictures, nothing from elsewhere."""
    scripts = re.findall(r'<script>(.*?)</script>', page, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in scripts)
    sources = ' '.join(f"'sha256-{digest.decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; "
        "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


POLICY = content_policy(PAGE)


def json_text(value: Any) -> str:
    """JSON that a browser reads: null where a number is not finite, which JSON has no word for."""
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class DrawnBox(NamedTuple):
    """A box drawn by the operator on the image of a stamp."""

    box_xywh: tuple[float, float, float, float]
    stamp_ns: int
    id: str
    label: str


class Picture(NamedTuple):
    """What is shown: a JPEG, the stamp and age of its image, the targets of the last update, and
    the thresholds of the confidence where they are known.
    """

    jpeg: bytes
    stamp_ns: int
    age_s: float = 0.0
    targets: tuple[dict[str, Any], ...] = ()
    thresholds: tuple[float, ...] = ()


class OperatorCallbacks(Protocol):
    """What the server calls, on threads of its own."""

    def picture(self) -> Picture | str:
        """The newest picture, or why there is none."""

    def on_box(self, drawn: DrawnBox) -> tuple[bool, str]:
        """Take a box: whether that went well, and the answer in words."""

    def on_clear(self, target_id: str) -> tuple[bool, str]:
        """Forget a target, all for '': whether that went well, and the answer in words."""


def parse_drawn_box(body: bytes) -> DrawnBox:
    """What the page sends.

    Raises:
        ValueError: It is not that.
    """
    try:
        content = json.loads(body)
        box = as_box(content['box'])
        target_id, label = (_name(content[name]) for name in ('id', 'label'))
        drawn = DrawnBox(box, int(content['stamp']), target_id, label)
    except (
        KeyError,
        TypeError,
        OverflowError,
        RecursionError,
        UnicodeDecodeError,
        json.JSONDecodeError,
    ) as error:
        raise ValueError(f'not a box: {error!r}') from error
    if len(drawn.box_xywh) != 4 or not all(math.isfinite(value) for value in drawn.box_xywh):
        raise ValueError(f'box is {drawn.box_xywh}, must be four finite numbers')
    if not 0 <= drawn.stamp_ns < 2**31 * 1_000_000_000:
        raise ValueError(f'stamp is {drawn.stamp_ns}, must lie in [0, 2^31) seconds')
    return drawn


def parse_clear(body: bytes) -> str:
    """The id of the target to forget; '' for all.

    Raises:
        ValueError: It is none.
    """
    try:
        return _name(json.loads(body or b'{}').get('id', ''))
    except (AttributeError, TypeError, RecursionError, ValueError) as error:
        raise ValueError(f'not a target to forget: {error}') from error


def _name(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f'id and label must be texts, not {type(text).__name__}')
    return check_id(text) if text else ''


class _Handler(GuardedHandler):
    callbacks: OperatorCallbacks

    def answer_get(self) -> None:
        path = self.path.partition('?')[0]
        if path == '/':
            self.send(200, HTML, PAGE.encode(), {'Content-Security-Policy': POLICY})
        elif path == '/frame.jpg':
            self._send_picture()
        else:
            self.say(404, 'not found')

    def answer_post(self, body: bytes) -> None:
        try:
            if self.path == '/init':
                drawn = parse_drawn_box(body)
                self._tell(lambda: self.callbacks.on_box(drawn))
            elif self.path == '/clear':
                target_id = parse_clear(body)
                self._tell(lambda: self.callbacks.on_clear(target_id))
            else:
                self.say(404, 'not found')
        except ValueError as error:
            self.say(400, str(error))

    def _tell(self, action: Callable[[], tuple[bool, str]]) -> None:
        try:
            good, text = action()
        except Exception as error:  # the operator must learn of it
            logger.exception('the operator page failed')
            good, text = False, f'the operator page failed: {error}'
        self.say(200 if good else 409, text)

    def _send_picture(self) -> None:
        try:
            found = self.callbacks.picture()
        except Exception as error:  # one bad picture must not look like a server that is gone
            logger.exception('the picture could not be made')
            self.say(500, f'the picture could not be made: {error}')
            return
        if isinstance(found, str):
            self.say(503, found)
            return
        self.send(
            200,
            'image/jpeg',
            found.jpeg,
            {
                'X-Stamp': str(found.stamp_ns),
                'X-Age': f'{found.age_s:.1f}',
                'X-Targets': json_text(found.targets[:MAX_TARGETS]),
                'X-Thresholds': json_text(found.thresholds),
            },
        )


def make_server(
    host: str, port: int, callbacks: OperatorCallbacks, allowed_hosts: Iterable[str] = ()
) -> ThreadingHTTPServer:
    """A server for the page; call `serve_forever` in a thread of its own.

    Args:
        host: Address to listen on.
        port: 0 takes a free one.
        callbacks: What it calls.
        allowed_hosts: Names under which a browser may ask, see `HostList`.

    Raises:
        OSError: The port is taken.
    """
    return GuardedServer(
        (host, port), type('Handler', (_Handler,), {'callbacks': callbacks}), allowed_hosts
    )
