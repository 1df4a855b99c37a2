"""The server behind the operator's page: foreign names, floods and dawdlers are refused."""

import socket
import threading
import time

import pytest

from siamla_ros.online.guarded_server import GuardedHandler, GuardedServer, HostList
from siamla_ros.online.operator_view import SharedPicture


class Handler(GuardedHandler):
    """Answers all that gets through; `/slow` waits until it is let go."""

    gate = threading.Event()

    def answer_get(self):
        if self.path == '/slow':
            self.gate.wait(20.0)
        self.say(200, 'got')

    def answer_post(self, body):
        self.say(200, f'posted {len(body)}')


@pytest.fixture
def serve():
    servers = []
    Handler.gate.clear()

    def start(**options):
        server = GuardedServer(('127.0.0.1', 0), Handler, **options)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        servers.append((server, thread))
        return server

    yield start
    Handler.gate.set()
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def connect(server, text):
    line = socket.create_connection(server.server_address, timeout=20.0)
    line.sendall(text.encode('latin-1'))
    return line


def answer_of(line):
    """All that comes until the other side closes; '' where it only resets."""
    parts = []
    try:
        while part := line.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b''.join(parts).decode('latin-1')


def ask(server, text):
    with connect(server, text) as line:
        return answer_of(line)


def code(answer):
    return int(answer.split(' ')[1])


GOOD_HOSTS = ['localhost', 'LOCALHOST:8080', '127.0.0.1:8080', '[::1]:8080', '10.0.0.7', 'robot:80']
BAD_HOSTS = ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8080', '', ':8080']


@pytest.mark.parametrize('host', GOOD_HOSTS)
def test_addresses_and_own_names_are_allowed(host):
    assert HostList(['robot']).allows(host)


@pytest.mark.parametrize(
    'host',
    [
        *BAD_HOSTS,
        'robot',
        '[',
        '[]',
        '[evil',
        'localhost:80evil',
        '127.0.0.1@evil',
        'localhost:',
        '\u2460.0.0.1',
    ],
)
def test_foreign_names_are_not(host):
    assert not HostList([]).allows(host)


@pytest.mark.parametrize('host', BAD_HOSTS)
@pytest.mark.parametrize('method', ['GET', 'POST'])
def test_a_name_that_was_rebound_is_refused(serve, host, method):
    """Host and Origin agree, as they do in the browser of somebody who visits the foreign page."""
    head = (
        f'{method} / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Length: 0\r\n\r\n'
    )
    answer = ask(serve(), head)
    assert code(answer) == 403 and 'allowed_hosts' in answer


def test_the_host_must_be_said_once(serve):
    server = serve(allowed_hosts=['robot.example'])
    assert code(ask(server, 'GET / HTTP/1.0\r\n\r\n')) == 403
    twice = 'GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n'
    assert code(ask(server, twice)) == 403
    assert code(ask(server, 'GET / HTTP/1.1\r\nHost: Robot.Example:1\r\n\r\n')) == 200


@pytest.mark.parametrize(
    'head, status',
    [
        ('', 200),
        ('Origin: http://localhost\r\n', 200),
        ('Origin: null\r\n', 403),
        ('Origin: http://localhost:81\r\n', 403),
        ('Sec-Fetch-Site: cross-site\r\n', 403),
    ],
)
def test_a_post_comes_from_the_page_itself(serve, head, status):
    text = f'POST / HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: 2\r\n\r\n{{}}'
    assert code(ask(serve(), text)) == status


@pytest.mark.parametrize('size', ['', '-1', '9' * 5000, '10001', '²', '1e3', '0x10', '+5'])
def test_the_size_of_a_body_is_checked(serve, size):
    text = f'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n'
    body = ' ' * 10001 if size == '10001' else ''
    assert code(ask(serve(), text + body)) == 413


def test_a_body_that_ends_early_is_refused(serve):
    with connect(
        serve(), 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{}'
    ) as line:
        line.shutdown(socket.SHUT_WR)
        assert code(answer_of(line)) == 400


@pytest.mark.parametrize('request_line', ['GET / HTTP/1.1', 'PUT / HTTP/1.1', 'nonsense'])
def test_every_answer_carries_the_protecting_headers(serve, request_line):
    answer = ask(serve(), f'{request_line}\r\nHost: localhost\r\n\r\n')
    for line in ('X-Content-Type-Options: nosniff', 'X-Frame-Options: DENY', 'no-referrer'):
        assert line in answer
    assert 'Python' not in answer


def test_no_more_connections_than_the_limits(serve):
    server = serve(max_connections=3, max_per_address=2)
    slow = 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n'
    with connect(server, slow) as first, connect(server, slow) as second:
        wait_for(lambda: sum(server._counts.values()) == 2)
        assert ask(server, slow).startswith('HTTP/1.0 503') and server.refused == 1
        Handler.gate.set()
        assert code(answer_of(first)) == code(answer_of(second)) == 200
    wait_for(lambda: not server._counts)
    assert code(ask(server, slow)) == 200
    wait_for(lambda: not server._counts and not server._due_s)


def test_a_request_that_dawdles_loses_its_place(serve):
    """Byte after byte: no single wait is long, the whole never ends."""
    server = serve(request_s=0.3)
    with connect(server, 'GET / HTTP/1.1\r\nX: ') as line:
        line.settimeout(0.05)
        with pytest.raises(OSError) as ended:
            for _ in range(400):
                line.sendall(b'x')
                try:
                    if not line.recv(1):
                        raise ConnectionResetError
                except TimeoutError:
                    continue
        assert not isinstance(ended.value, TimeoutError)
    wait_for(lambda: not server._counts)


def test_an_answer_may_take_longer_than_a_request(serve):
    server = serve(request_s=0.1)
    with connect(server, 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n') as line:
        time.sleep(0.4)
        Handler.gate.set()
        assert code(answer_of(line)) == 200


def wait_for(ready):
    end_s = time.monotonic() + 20.0
    while not ready():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_picture_is_made_once_for_all_viewers():
    made = []

    def make():
        made.append(len(made))
        return made[-1]

    shared = SharedPicture(make, period_s=3600.0)
    assert [shared.get() for _ in range(50)] == [0] * 50
    always = SharedPicture(make, period_s=0.0)
    assert [always.get() for _ in range(3)] == [1, 2, 3]


def test_a_picture_that_failed_is_tried_again():
    answers = [ValueError('broken'), 'good']

    def make():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    shared = SharedPicture(make, period_s=3600.0)
    with pytest.raises(ValueError, match='broken'):
        shared.get()
    assert shared.get() == shared.get() == 'good'


def test_what_a_page_does_not_answer_is_refused(serve):
    server = serve()
    server.RequestHandlerClass = GuardedHandler
    for head in ('GET / HTTP/1.0\r\n', 'POST / HTTP/1.0\r\nContent-Length: 0\r\n'):
        with socket.create_connection(server.server_address, 10.0) as link:
            link.sendall(f'{head}Host: localhost\r\n\r\n'.encode())
            answer = b''.join(iter(lambda: link.recv(4096), b''))
        assert answer.startswith(b'HTTP/1.0 405') and b'is not answered here' in answer
