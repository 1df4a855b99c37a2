"""The web page: pictures out, boxes in, nonsense refused."""

import base64
import hashlib
import json
import re
import socket
import threading
import urllib.error
import urllib.request

import pytest

from siamla_ros.online.operator_page import Picture, make_server, parse_drawn_box


def body(**changes):
    return json.dumps(
        {'box': [1, 2, 3.5, 4], 'stamp': '1700000000123456789', 'id': 'a', 'label': '', **changes}
    ).encode()


def test_a_drawn_box_keeps_the_stamp_to_the_nanosecond():
    drawn = parse_drawn_box(body())
    assert drawn == ((1.0, 2.0, 3.5, 4.0), 1700000000123456789, 'a', '')


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'[]',
        b'{}',
        b'\xff\xfe',
        body(box=[1, 2, 3]),
        body(box=['x', 2, 3, 4]),
        body(box=5),
        body(box=[1, 2, 3, float('nan')]),
        body(stamp='now'),
        body(stamp=-1),
        body(stamp=None),
        body(box=[10**400, 2, 3, 4]),
        body(stamp=float('inf')),
        b'[' * 9000,
        body(stamp='9' * 5000),
        body(id='x' * 129),
        body(id='\ud800'),
        body(label='line\nbreak'),
        body(label='nul\0'),
        body(id={'x': 1}),
        body(id=7),
        body(label=['x']),
        body(label=True),
    ],
)
def test_nonsense_is_refused(data):
    with pytest.raises(ValueError):
        parse_drawn_box(data)


class OperatorCallbacks:
    """What the node is to the server."""

    def __init__(self):
        self.shown, self.boxes, self.answer = 'no image yet', [], (True, 'sent')

    def picture(self):
        return self.shown

    def on_box(self, drawn):
        self.boxes.append(drawn)
        return self.answer

    def on_clear(self, target_id):
        if not target_id:
            raise RuntimeError('broken')
        return True, f'forgotten: {target_id}'


@pytest.fixture
def site():
    callbacks = OperatorCallbacks()
    server = make_server('127.0.0.1', 0, callbacks)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f'http://127.0.0.1:{server.server_address[1]}', callbacks
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(url, data=None, headers=None):
    """Code, headers and content."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data, headers or {}), timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_page_picture_and_box(site):
    url, callbacks = site
    code, _, page = fetch(url + '/')
    assert code == 200 and b'<canvas' in page
    code, _, content = fetch(url + '/frame.jpg')
    assert (code, content) == (503, b'no image yet')
    callbacks.shown = Picture(b'jpeg', 123, 0.25, ({'id': 'rød', 'state': 'LOST'},), (0.4, 0.9))
    code, headers, content = fetch(url + '/frame.jpg')
    assert (code, headers['X-Stamp'], headers['X-Age'], content) == (200, '123', '0.2', b'jpeg')
    assert json.loads(headers['X-Targets']) == [{'id': 'rød', 'state': 'LOST'}]
    assert json.loads(headers['X-Thresholds']) == [0.4, 0.9]
    assert fetch(url + '/init', body())[::2] == (200, b'sent') and callbacks.boxes[0].id == 'a'
    assert fetch(url + '/else')[0] == fetch(url + '/else', b'')[0] == 404


def test_what_goes_wrong_is_said_and_the_server_lives_on(site):
    url, callbacks = site
    callbacks.answer = (False, 'refused: too small')
    assert fetch(url + '/init', body())[::2] == (409, b'refused: too small')
    code, _, text = fetch(url + '/init', b'{}')
    assert code == 400 and b'not a box' in text
    assert fetch(url + '/init', b'x' * 20_000)[0] == 413
    code, _, text = fetch(url + '/clear', b'{}')
    assert code == 409 and b'broken' in text
    assert fetch(url + '/clear', b'{"id": "a"}')[::2] == (200, b'forgotten: a')
    for nonsense in (b'[]', b'{"id": 5}', b'{"id": " a"}', b'\xff', b'[' * 9000):
        code, _, text = fetch(url + '/clear', nonsense)
        assert code == 400 and b'not a target to forget' in text
    other = {'Origin': 'http://elsewhere.example'}
    assert fetch(url + '/init', body(), other)[0] == 403 and len(callbacks.boxes) == 1
    assert fetch(url + '/init', body(), {'Origin': url})[0] == 409
    with socket.create_connection(url[7:].split(':')) as line:
        line.sendall(b'POST /init HTTP/1.1\r\nHost: localhost\r\nContent-Length: \xc2\xb2\r\n\r\n')
        assert b'413' in line.recv(100)
    with socket.create_connection(url[7:].split(':')) as line:
        line.sendall(b'GET /frame.jpg HTTP/1.0\r\n\r\n')  # and gone
    assert fetch(url + '/')[0] == 200


def test_numbers_that_json_has_no_word_for_become_null(site):
    """`NaN` in the header ends JSON.parse, and with it the page."""
    url, callbacks = site
    values = {'id': 'a', 'confidence': float('nan'), 'more': [float('inf'), 1.5]}
    callbacks.shown = Picture(b'jpeg', 1, 0.0, (values,) * 100)
    text = fetch(url + '/frame.jpg')[1]['X-Targets']
    told = json.loads(text, parse_constant=pytest.fail)
    assert len(told) == 64 and told[0] == {'id': 'a', 'confidence': None, 'more': [None, 1.5]}


def test_the_page_runs_its_own_script_and_nothing_else(site):
    """The digests in the policy are those of the scripts that the page has."""
    _, headers, page = fetch(site[0] + '/')
    policy = headers['Content-Security-Policy']
    scripts = re.findall(rb'<script>(.*?)</script>', page, re.DOTALL)
    assert len(scripts) == page.count(b'<script') and scripts
    for script in scripts:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert b' onclick=' not in page and b'src="http' not in page


def test_a_foreign_name_gets_neither_page_nor_picture(site):
    url, callbacks = site
    callbacks.shown = Picture(b'jpeg', 1)
    foreign = {'Host': 'evil.example:8080', 'Origin': 'http://evil.example:8080'}
    for path in ('/', '/frame.jpg'):
        assert fetch(url + path, None, foreign)[0] == 403
    assert fetch(url + '/init', body(), foreign)[0] == 403 and callbacks.boxes == []


def test_a_picture_that_cannot_be_made_is_said(site):
    url, callbacks = site
    callbacks.picture = lambda: 1 / 0
    code, _, text = fetch(url + '/frame.jpg')
    assert code == 500 and b'division by zero' in text
