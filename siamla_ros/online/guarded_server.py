"""An HTTP server for a page in a robot's network: who may ask, how many at once, how long."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MAX_CONNECTIONS = 24
MAX_CONNECTIONS_PER_ADDRESS = 12  # a browser opens six at most
REQUEST_S = 10.0  # a request that has not arrived by then is given up, however slowly it comes
SEND_S = 30.0  # and an answer that has not been taken
MOST_DISCARDED_BYTES = 65_536
TEXT = 'text/plain; charset=utf-8'
HEADERS = {
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
}

HOST = re.compile(r'(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::\d{1,5})?')

logger = logging.getLogger(__name__)


def host_name(host: str) -> str:
    """The name in a Host header, without its port, in lower case; '' if that is none."""
    found = HOST.fullmatch(host)
    return (found['v6'] or found['name'].rstrip('.')).lower() if found else ''


def is_address(name: str) -> bool:
    """Whether a name is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class HostList:
    """Names under which a browser may ask for the page.

    Against DNS rebinding: a foreign site may let its own name point to this machine, and its page
    then counts as ours. A number cannot be made to point elsewhere, so every address is allowed.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        own = socket.gethostname().lower()
        given = (host_name(name) for name in names)
        self.names = {'localhost', own, f'{own}.local', *given} - {''}

    def allows(self, host: str) -> bool:
        """Whether this Host header is one of them."""
        name = host_name(host)
        return name in self.names or is_address(name)


class GuardedServer(ThreadingHTTPServer):
    """A thread for each connection, of which there are never more than the limits."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[GuardedHandler],
        allowed_hosts: Iterable[str] = (),
        max_connections: int = MAX_CONNECTIONS,
        max_per_address: int = MAX_CONNECTIONS_PER_ADDRESS,
        request_s: float = REQUEST_S,
    ) -> None:
        """Listen.

        Args:
            address: Host and port; port 0 takes a free one.
            handler: Answers requests.
            allowed_hosts: Names of this machine besides those that it knows itself.
            max_connections: At once.
            max_per_address: At once from one address.
            request_s: Time in which a request must have arrived.

        Raises:
            OSError: The port is taken.
        """
        self.hosts = HostList([address[0], *allowed_hosts])
        self.max_connections, self.max_per_address = max_connections, max_per_address
        self.request_s = request_s
        self.refused = 0  # connections beyond the limits
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._due_s: dict[socket.socket, float] = {}
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread, unless too many are at work."""
        with self._lock:
            full = (
                self._counts.total() >= self.max_connections
                or self._counts[client_address[0]] >= self.max_per_address
            )
            if not full:
                self._counts[client_address[0]] += 1
                self._due_s[request] = time.monotonic() + self.request_s
        if full:
            self._refuse(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be started: nothing else gives the place back
            self._leave(request, client_address)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The life of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._leave(request, client_address)

    def _leave(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._due_s.pop(request, None)
            self._counts[client_address[0]] -= 1
            self._counts += Counter()  # forgets addresses with none

    def _refuse(self, request: Any) -> None:
        """Answer without reading: a thread for it is just what there is not."""
        self.refused += 1
        body = b'too many connections: close other pages\n'
        head = f'HTTP/1.0 503 Busy\r\nContent-Type: {TEXT}\r\nContent-Length: {len(body)}\r\n\r\n'
        with contextlib.suppress(OSError):
            request.setblocking(False)
            request.send(head.encode() + body)
            request.recv(65536)  # what is left unread resets the connection, and the answer is lost
        self.shutdown_request(request)

    def arrived(self, request: Any) -> None:
        """A request is complete: from here on its answer may take its time."""
        with self._lock:
            self._due_s.pop(request, None)

    def service_actions(self) -> None:
        """End connections whose request does not arrive; called a few times a second."""
        now_s = time.monotonic()
        with self._lock:
            late = [request for request, due_s in self._due_s.items() if due_s < now_s]
        for request in late:
            with contextlib.suppress(OSError):  # wakes the thread that reads from it
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is no news."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            logger.error('request from %s failed: %r', client_address[0], error)


class GuardedHandler(BaseHTTPRequestHandler):
    """Refuses requests under foreign names and posts of foreign pages; what is left is answered by
    the `answer_get` and `answer_post` of a subclass, and refused where it has none.
    """

    server: GuardedServer
    server_version, sys_version = 'siamla_ros', ''  # says nothing of Python's version
    default_request_version = 'HTTP/1.0'  # nonsense is answered with headers too
    timeout = SEND_S
    max_body_bytes = 10_000

    def answer_get(self) -> None:
        """Answer a GET."""
        self.say(405, 'GET is not answered here')

    def answer_post(self, body: bytes) -> None:
        """Answer a POST."""
        self.say(405, 'POST is not answered here')

    def do_GET(self) -> None:  # the name is http.server's
        """Check and answer."""
        self.server.arrived(self.connection)
        reason = self._refusal()
        if reason:
            self.say(403, reason)
        else:
            self.answer_get()

    def do_POST(self) -> None:
        """Check, read and answer."""
        size = self._body_size()
        # A body is read before it is refused: what is left unread resets the connection, and the
        # answer may be lost.
        body = self.rfile.read(min(size or 0, MOST_DISCARDED_BYTES))
        self.server.arrived(self.connection)
        reason = self._refusal() or self._foreign_origin()
        if size is None or size > self.max_body_bytes:
            self.say(413, f'body must have at most {self.max_body_bytes} bytes and say how many')
        elif reason:
            self.say(403, reason)
        elif len(body) < size:
            self.say(400, f'body has {len(body)} bytes, must have the {size} of content-length')
        else:
            self.answer_post(body)

    def _body_size(self) -> int | None:
        """The stated size of a body; None if it is not stated, or beyond all reason."""
        text = self.headers.get('Content-Length', '')
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None

    def _refusal(self) -> str:
        """Why a request is refused by its Host header; '' if it is not."""
        hosts = self.headers.get_all('Host', [])
        if len(hosts) == 1 and self.server.hosts.allows(hosts[0]):
            return ''
        found = hosts[0][:128] if hosts else ''
        return (
            f'Host is {found!r}, must be an address or one of '
            f'{", ".join(sorted(self.server.hosts.names))}: see allowed_hosts'
        )

    def _foreign_origin(self) -> str:
        """Why a post is refused by the page it comes from; '' if it is not."""
        origin, host = self.headers.get('Origin'), self.headers.get('Host')
        if origin is None and self.headers.get('Sec-Fetch-Site', 'none') in ('none', 'same-origin'):
            return ''  # no browser, or none that names the page
        if origin is not None and origin.partition('://')[2] == host:
            return ''
        return 'posted by a page of another site'

    def say(self, code: int, text: str) -> None:
        """Answer with a sentence."""
        self.send(code, TEXT, text.encode(errors='replace'))

    def send(self, code: int, kind: str, body: bytes, extra: dict[str, str] | None = None) -> None:
        """Answer with a content and its type."""
        self.send_response(code)
        headers = {'Content-Type': kind, 'Content-Length': str(len(body)), **(extra or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """Every answer carries the headers that protect it, errors of http.server too."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Sixteen requests a second are not worth a line each."""
