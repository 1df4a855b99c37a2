"""`siamla view`: the operator's page on a video, a camera or a stream, without ROS.

What runs is the worker of the ROS node: newest image first, boxes on the image they were drawn on.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError  # the same from Python 3.11 on
from dataclasses import replace
from typing import Any

import numpy as np

from siamla_ros.cli.page_server import serving
from siamla_ros.cli.track import add_init_argument, named_targets
from siamla_ros.datasets.video import FrameSource, SourceFrame
from siamla_ros.geometry.boxes import Box, check_init_box
from siamla_ros.online import overlay
from siamla_ros.online.clearing import clear_targets
from siamla_ros.online.engine import Engine
from siamla_ros.online.frame import Frame
from siamla_ros.online.init_requests import DEFAULT_ID, InitOutcome, InitRequest
from siamla_ros.online.operator_page import DrawnBox, Picture
from siamla_ros.online.operator_view import SharedPicture, encode_picture, target_entry
from siamla_ros.online.parameters import build, defaults
from siamla_ros.online.session import frame_of
from siamla_ros.online.stats import Stats
from siamla_ros.online.targets import TargetOutput
from siamla_ros.online.worker import Worker

ANSWER_S = 10.0
PICTURE_PERIOD_S = 0.06
QUALITY = 80
FIRST_STAMP_S = 1.0  # a box without a stamp means the next image: no image may have the stamp 0


class LiveView:
    """Callbacks of the page: shows what the worker processed last, passes boxes on to it."""

    def __init__(self, tracker: Any, words: str) -> None:
        """
        Args:
            tracker: made by `load_tracker`.
            words: what is shown before the first image.
        """
        settings = build(defaults())
        self._limits = settings.supervisor.low_threshold, settings.supervisor.high_threshold
        self.worker = Worker(Engine(tracker, settings), Stats(), self._publish)
        self._words = words
        self._shown: tuple[Frame, Sequence[TargetOutput], list[overlay.Trail]] | None = None
        self._trails = overlay.Trails()
        self._shared = SharedPicture(self._picture, PICTURE_PERIOD_S)
        self.begun = threading.Event()  # a first box was given

    def _publish(self, frame: Frame, outputs: Sequence[TargetOutput]) -> None:
        self._shown = frame, outputs, self._trails.add(outputs, (frame.width, frame.height))

    def picture(self) -> Picture | str:
        """The image that was processed last, with its boxes."""
        return self._shared.get()

    def _picture(self) -> Picture | str:
        if self._shown is None:
            return self._words
        frame, outputs, trails = self._shown
        marks = overlay.marks_of(outputs)
        entries = (
            target_entry(item.id, item.label, item.state, item.reason, item.confidence)
            for item in outputs
        )
        return Picture(
            encode_picture(
                frame.to_bgr(), marks, QUALITY, trails, self._limits, overlay.insets_of(outputs)
            ),
            frame.stamp_ns,
            time.monotonic() - frame.received_s if self.begun.is_set() else 0.0,
            tuple(entries),
            self._limits,
        )

    def on_box(self, drawn: DrawnBox) -> tuple[bool, str]:
        """Follow a box of the image of that stamp."""
        future: Future[InitOutcome] = Future()
        self.worker.submit(
            InitRequest(
                drawn.id or DEFAULT_ID,
                drawn.label,
                drawn.box_xywh,
                drawn.stamp_ns,
                future.set_result,
            )
        )
        try:
            outcome = future.result(ANSWER_S)
        except FutureTimeoutError:
            return False, f'the tracker did not answer within {ANSWER_S:g} s'
        if outcome.accepted:
            self.begun.set()
        return outcome.accepted, f'{outcome.id}: {outcome.message}'

    def on_clear(self, target_id: str) -> tuple[bool, str]:
        """Forget one target, all of them for ''."""
        worker = self.worker
        wanted = target_id or None
        try:
            gone = clear_targets(wanted, worker.engine, worker, worker.cutoffs, lambda ids: None)
        except TimeoutError as error:
            return False, str(error)
        return bool(gone), f'forgotten: {", ".join(gone)}' if gone else 'there is no such target'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `siamla view`."""
    parser.add_argument(
        'source', help='video file, folder of images, camera number, /dev/videoN or URL'
    )
    add_init_argument(parser)
    parser.add_argument(
        '--response-map', action='store_true', help="the network's answer in a corner"
    )
    parser.add_argument('--loop', action='store_true', help='begin again at the end of a file')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on')
    parser.add_argument('--port', type=int, default=8080, help='0: a free one')
    parser.add_argument('--model', default='default', help='name of a model or a checkpoint file')
    parser.add_argument('--device', default='auto', help='auto, cpu or cuda:N')


def run(args: argparse.Namespace) -> int:
    """Serves until the source ends or Ctrl-C; ValueError or OSError name what is wrong with an
    argument.
    """
    from siamla_ros import load_tracker  # takes seconds: not for --help

    targets = named_targets(args.init)
    with FrameSource(args.source) as source:
        if args.loop and source.is_live:
            raise ValueError(f'--loop has no effect with {args.source}: it has no end')
        tracker = load_tracker(args.model, device=args.device)
        tracker.keep_responses = args.response_map
        view = LiveView(tracker, f'opening {args.source} ...')
        with serving(args.host, args.port, view) as url:
            print(f'open {url} and drag a box round the target; Ctrl-C ends', file=sys.stderr)
            view.worker.start()
            try:
                play(source, view, targets, args.loop)
            finally:
                view.worker.stop()
    print('the source has ended', file=sys.stderr)
    return 0


def play(
    source: FrameSource, view: LiveView, targets: Sequence[tuple[str, Box]], loop: bool
) -> None:
    """Offers images as a camera would. A file stands still on its first image until a box is given.

    Raises:
        ValueError: A given box is refused.
    """
    waits = source.count > 0
    for number, (stamp_s, image) in enumerate(_endless(source) if loop else _once(source)):
        if number == 0:
            frame = _received(image, stamp_s, number)
            view.worker.offer(frame)
            _start(view, targets, frame, image)
            if waits:
                view.begun.wait()
            view.begun.set()
            began_s = time.monotonic() - stamp_s
            continue
        if waits:
            time.sleep(max(began_s + stamp_s - time.monotonic(), 0.0))
        view.worker.offer(_received(image, stamp_s, number))


def _received(image: np.ndarray, stamp_s: float, number: int) -> Frame:
    frame = frame_of(image, FIRST_STAMP_S + stamp_s, number)
    return replace(frame, received_s=time.monotonic())


def _start(
    view: LiveView, targets: Sequence[tuple[str, Box]], frame: Frame, image: np.ndarray
) -> None:
    for name, box in targets:
        check_init_box(box, (image.shape[1], image.shape[0]))
        good, words = view.on_box(DrawnBox(box, frame.stamp_ns, name, name))
        if not good:
            raise ValueError(f'--init {words}')


def _once(source: FrameSource) -> Iterator[tuple[float, np.ndarray]]:
    return ((item.stamp_s, item.image) for item in source.frames())


def _endless(source: FrameSource) -> Iterator[tuple[float, np.ndarray]]:
    """Over and over, with times that go on; until a pass holds no image."""
    base_s, last = 0.0, SourceFrame(0, 0.0, np.empty(0))
    shown = True
    while shown:
        shown = False
        for last in source.frames():
            shown = True
            yield base_s + last.stamp_s, last.image
        base_s += last.stamp_s + 1.0 / source.rate_hz
