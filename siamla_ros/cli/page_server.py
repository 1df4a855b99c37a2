"""Serves the operator's page from a command, without ROS: a live view, or one image to draw on."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from siamla_ros.geometry.boxes import Box, check_init_box
from siamla_ros.online.operator_page import DrawnBox, OperatorCallbacks, Picture, make_server
from siamla_ros.online.operator_view import encode_picture

QUALITY = 90
LAST_ANSWER_S = 0.5  # for the answer to reach the browser


@contextmanager
def serving(host: str, port: int, callbacks: OperatorCallbacks) -> Iterator[str]:
    """The page while the block runs; gives its address.

    Raises:
        ValueError: The port is taken, or the address is none of this machine's.
    """
    try:
        server = make_server(host, port, callbacks)
    except (OSError, OverflowError) as error:
        raise ValueError(f'--host {host} --port {port}: {error}') from error
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f'http://{host}:{server.server_address[1]}'
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class BoxOnImage:
    """Callbacks of the page for one image: it stands still until a box is drawn."""

    def __init__(self, image_bgr: np.ndarray) -> None:
        self._size = image_bgr.shape[1], image_bgr.shape[0]
        self._picture = Picture(encode_picture(image_bgr, [], QUALITY), 0)
        self.box: Box | None = None
        self.drawn = threading.Event()

    def picture(self) -> Picture:
        """The image."""
        return self._picture

    def on_box(self, drawn: DrawnBox) -> tuple[bool, str]:
        """Take the box if it can be tracked."""
        try:
            check_init_box(drawn.box_xywh, self._size)
        except ValueError as error:
            return False, str(error)
        self.box = drawn.box_xywh
        self.drawn.set()
        return True, 'taken: the command goes on; this page can be closed'

    def on_clear(self, target_id: str) -> tuple[bool, str]:
        """There is none."""
        return False, 'there is no target yet'


def box_from_browser(image_bgr: np.ndarray, host: str = '127.0.0.1', port: int = 0) -> Box | None:
    """The box that the user draws in a browser; None once they press Ctrl-C.

    Args:
        image_bgr: HxWx3 uint8.
        host: Address to listen on.
        port: 0 takes a free one.
    """
    page = BoxOnImage(image_bgr)
    with serving(host, port, page) as url:
        print(
            f'open {url} and drag a box round the target (from another machine: '
            f'ssh -L {url.rpartition(":")[2]}:localhost:{url.rpartition(":")[2]} ...);\n'
            'Ctrl-C writes the first frame with coordinates instead',
            file=sys.stderr,
            flush=True,
        )
        try:
            page.drawn.wait()
            time.sleep(LAST_ANSWER_S)
        except KeyboardInterrupt:
            return None
    return page.box
