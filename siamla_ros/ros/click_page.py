"""The web page of the click node, and the small server behind it. Free of ROS."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

MAX_BODY_BYTES = 10_000

PAGE = """<!doctype html><meta charset="utf-8"><title>siamla_ros: click a box</title>
<style>body{font:15px sans-serif;margin:1em;background:#222;color:#ddd}canvas{cursor:crosshair;
max-width:100%;background:#000}input{width:9em}</style>
<p>Drag a box round the target; the image stands still meanwhile.
id <input id="id" placeholder="target"> label <input id="label"> <span id="say"></span></p>
<canvas id="view" width="640" height="480"></canvas>
<script>
const view = document.getElementById('view'), pen = view.getContext('2d'), say = text =>
  document.getElementById('say').textContent = text;
let image = null, stamp = '0', from = null, to = null, sending = false;
const place = event => { const r = view.getBoundingClientRect();
  return [(event.clientX - r.left) * view.width / r.width,
          (event.clientY - r.top) * view.height / r.height]; };
function paint() {
  if (image) pen.drawImage(image, 0, 0);
  if (from && to) { pen.strokeStyle = '#4f4'; pen.lineWidth = 2;
    pen.strokeRect(from[0], from[1], to[0] - from[0], to[1] - from[1]); } }
async function next() {
  if (!from && !sending) try {
    const answer = await fetch('frame.jpg', {cache: 'no-store'});
    if (answer.ok && !from) { const bitmap = await createImageBitmap(await answer.blob());
      if (!from) { image = bitmap; stamp = answer.headers.get('X-Stamp');
        if (view.width != image.width || view.height != image.height) {
          view.width = image.width; view.height = image.height; }
        paint(); } }
  } catch (error) { say('no connection'); }
  setTimeout(next, 60); }
view.onmousedown = event => { from = place(event); to = null; };
view.onmousemove = event => { if (from) { to = place(event); paint(); } };
window.onmouseup = async event => {
  if (!from) return; to = place(event);
  const x = Math.min(from[0], to[0]), y = Math.min(from[1], to[1]);
  const w = Math.abs(from[0] - to[0]), h = Math.abs(from[1] - to[1]);
  sending = true; from = to = null;
  if (w > 3 && h > 3) try {
    const answer = await fetch('init', {method: 'POST', body: JSON.stringify({box: [x, y, w, h],
      stamp, id: document.getElementById('id').value,
      label: document.getElementById('label').value})});
    say(await answer.text());
  } catch (error) { say('no connection'); }
  sending = false; };
next();
</script>"""


class Click(NamedTuple):
    """A box drawn by the operator on the image of a stamp."""

    box_xywh: tuple[float, float, float, float]
    stamp_ns: int
    id: str
    label: str


def parse_click(body: bytes) -> Click:
    """What the page sends.

    :raises ValueError: it is not that
    """
    try:
        content = json.loads(body)
        box = tuple(float(value) for value in content['box'])
        click = Click(box, int(content['stamp']), str(content['id']), str(content['label']))
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f'not a click: {error!r}') from error
    if len(click.box_xywh) != 4 or not all(math.isfinite(value) for value in click.box_xywh):
        raise ValueError(f'box is {click.box_xywh}, must be four finite numbers')
    if not 0 <= click.stamp_ns < 2**31 * 1_000_000_000:
        raise ValueError(f'stamp is {click.stamp_ns}, must lie in [0, 2^31) seconds')
    return click


def make_server(
    host: str, port: int, picture: Callable[[], tuple[bytes, int] | None],
    on_click: Callable[[Click], str],
) -> ThreadingHTTPServer:
    """A server for the page; call `serve_forever` in a thread of its own.

    :param picture: the newest JPEG and its stamp in nanoseconds, None before the first image
    :param on_click: takes a click and answers it in words
    """
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name is http.server's
            if self.path == '/':
                self._send(200, 'text/html; charset=utf-8', PAGE.encode())
            elif self.path == '/frame.jpg':
                self._send_picture()
            else:
                self._send(404, 'text/plain', b'not found')

        def do_POST(self) -> None:
            if self.path != '/init':
                self._send(404, 'text/plain', b'not found')
                return
            size = self.headers.get('Content-Length', '')
            if not size.isdigit() or int(size) > MAX_BODY_BYTES:
                self._send(413, 'text/plain', b'body too large')
                return
            try:
                click = parse_click(self.rfile.read(int(size)))
            except ValueError as error:
                self._send(400, 'text/plain; charset=utf-8', str(error).encode())
                return
            self._send(200, 'text/plain; charset=utf-8', on_click(click).encode())

        def _send_picture(self) -> None:
            found = picture()
            if found is None:
                self._send(503, 'text/plain', b'no image yet')
            else:
                self._send(200, 'image/jpeg', found[0], {'X-Stamp': str(found[1])})

        def _send(
            self, code: int, kind: str, body: bytes, extra: dict[str, str] | None = None
        ) -> None:
            self.send_response(code)
            self.send_header('Content-Type', kind)
            self.send_header('Content-Length', str(len(body)))
            for name, value in (extra or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Sixteen requests a second are not worth a line each."""

    return ThreadingHTTPServer((host, port), Handler)
