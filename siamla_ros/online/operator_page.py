"""The small web server behind the page of the operator page. Free of ROS."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Protocol

from siamla_ros.geometry.boxes import as_box
from siamla_ros.online.init_requests import check_id
from siamla_ros.online.operator_html import PAGE

MAX_BODY_BYTES = 10_000
IDLE_S = 30.0  # a connection that says nothing is closed
TEXT, HTML = 'text/plain; charset=utf-8', 'text/html; charset=utf-8'

logger = logging.getLogger(__name__)


class DrawnBox(NamedTuple):
    """A box drawn by the operator on the image of a stamp."""

    box_xywh: tuple[float, float, float, float]
    stamp_ns: int
    id: str
    label: str


class Picture(NamedTuple):
    """What is shown: a JPEG, the stamp and age of its image, and the targets as told last."""

    jpeg: bytes
    stamp_ns: int
    age_s: float = 0.0
    targets: tuple[dict[str, Any], ...] = ()


class OperatorCallbacks(Protocol):
    """What the server asks and tells; called on threads of the server."""

    def picture(self) -> Picture | str:
        """The newest picture, or why there is none."""

    def on_box(self, drawn: DrawnBox) -> tuple[bool, str]:
        """Take a box: whether that went well, and the answer in words."""

    def on_clear(self) -> tuple[bool, str]:
        """Forget all targets: whether that went well, and the answer in words."""


def parse_drawn_box(body: bytes) -> DrawnBox:
    """What the page sends.

    :raises ValueError: it is not that
    """
    try:
        content = json.loads(body)
        box = as_box(content['box'])
        target_id, label = (
            check_id(str(content[name])) if content[name] else '' for name in ('id', 'label')
        )
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


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is no news."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            logger.error('request from %s failed: %r', client_address, error)


class _Handler(BaseHTTPRequestHandler):
    callbacks: OperatorCallbacks
    timeout = IDLE_S

    def do_GET(self) -> None:  # the name is http.server's
        path = self.path.partition('?')[0]
        if path == '/':
            self._send(200, HTML, PAGE.encode())
        elif path == '/frame.jpg':
            self._send_picture()
        else:
            self._say(404, 'not found')

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        if self.path == '/init':
            try:
                drawn = parse_drawn_box(body)
            except ValueError as error:
                self._say(400, str(error))
                return
            self._tell(lambda: self.callbacks.on_box(drawn))
        elif self.path == '/clear':
            self._tell(self.callbacks.on_clear)
        else:
            self._say(404, 'not found')

    def _body(self) -> bytes | None:
        """What was posted; None if it is refused, which then has been answered."""
        size = self.headers.get('Content-Length', '')
        origin = self.headers.get('Origin')
        if not (size.isascii() and size.isdigit()) or int(size) > MAX_BODY_BYTES:
            self._say(413, f'body must have at most {MAX_BODY_BYTES} bytes and say how many')
        elif origin and origin.partition('://')[2] != self.headers.get('Host'):
            self._say(403, 'posted by a page of another site')
        else:
            return self.rfile.read(int(size))
        self.close_connection = True
        return None

    def _tell(self, action: Callable[[], tuple[bool, str]]) -> None:
        try:
            good, text = action()
        except Exception as error:  # the operator must learn of it
            logger.exception('the operator page failed')
            good, text = False, f'the operator page failed: {error}'
        self._say(200 if good else 409, text)

    def _send_picture(self) -> None:
        found = self.callbacks.picture()
        if isinstance(found, str):
            self._say(503, found)
            return
        self._send(
            200,
            'image/jpeg',
            found.jpeg,
            {
                'X-Stamp': str(found.stamp_ns),
                'X-Age': f'{found.age_s:.1f}',
                'X-Targets': json.dumps(found.targets),
            },
        )

    def _say(self, code: int, text: str) -> None:
        self._send(code, TEXT, text.encode(errors='replace'))

    def _send(self, code: int, kind: str, body: bytes, extra: dict[str, str] | None = None) -> None:
        self.send_response(code)
        headers = {
            'Content-Type': kind,
            'Content-Length': str(len(body)),
            'Cache-Control': 'no-store',
            **(extra or {}),
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Sixteen requests a second are not worth a line each."""


def make_server(host: str, port: int, callbacks: OperatorCallbacks) -> ThreadingHTTPServer:
    """A server for the page; call `serve_forever` in a thread of its own.

    :raises OSError: the port is taken
    """
    return _Server((host, port), type('Handler', (_Handler,), {'callbacks': callbacks}))
