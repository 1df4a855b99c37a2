"""The web page: pictures out, boxes in, nonsense refused."""

import json
import threading
import urllib.error
import urllib.request

import pytest

from siamla_ros.ros.click_page import make_server, parse_click


def body(**changes):
    return json.dumps(
        {'box': [1, 2, 3.5, 4], 'stamp': '1700000000123456789', 'id': 'a', 'label': '', **changes}
    ).encode()


def test_a_click_keeps_the_stamp_to_the_nanosecond():
    click = parse_click(body())
    assert click == ((1.0, 2.0, 3.5, 4.0), 1700000000123456789, 'a', '')


@pytest.mark.parametrize('data', [
    b'', b'[]', b'{}', b'\xff\xfe', body(box=[1, 2, 3]), body(box=['x', 2, 3, 4]), body(box=5),
    body(box=[1, 2, 3, float('nan')]), body(stamp='now'), body(stamp=-1), body(stamp=None),
])
def test_nonsense_is_refused(data):
    with pytest.raises(ValueError):
        parse_click(data)


@pytest.fixture
def site():
    clicks, pictures = [], [None]
    server = make_server(
        '127.0.0.1', 0, lambda: pictures[0], lambda click: clicks.append(click) or 'sent'
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f'http://127.0.0.1:{server.server_address[1]}', clicks, pictures
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(url, data=None):
    """Code, headers and content."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data), timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_page_picture_and_click(site):
    url, clicks, pictures = site
    code, _, page = fetch(url + '/')
    assert code == 200 and b'<canvas' in page
    assert fetch(url + '/frame.jpg')[0] == 503
    pictures[0] = (b'jpeg', 123)
    code, headers, content = fetch(url + '/frame.jpg')
    assert (code, headers['X-Stamp'], content) == (200, '123', b'jpeg')
    assert fetch(url + '/init', body())[2] == b'sent' and clicks[0].id == 'a'
    assert fetch(url + '/init', b'{}')[0] == 400
    assert fetch(url + '/init', b'x' * 20_000)[0] == 413
    assert fetch(url + '/else')[0] == fetch(url + '/else', b'')[0] == 404
    assert len(clicks) == 1
