"""The thread that does the work: newest image, init boxes, catch-up. Free of ROS.

Receivers of messages only hand them over (`offer`, `submit`) and never wait for the
network.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from siamla_ros.online.engine import Engine
from siamla_ros.online.frame import Frame
from siamla_ros.online.frame_buffer import FrameBuffer, LatestSlot
from siamla_ros.online.image_formats import ImageError
from siamla_ros.online.init_requests import InitCode, InitRequest
from siamla_ros.online.parameters import Settings
from siamla_ros.online.stats import Stats
from siamla_ros.online.targets import TargetOutput
from siamla_ros.online.waiting_boxes import InitCutoffs, WaitingBoxes, refuse_init

logger = logging.getLogger(__name__)

IDLE_WAIT_S = 0.1  # how often the thread checks clocks while no image comes
STARTS_PER_IMAGE = 4  # a flood of init boxes must not keep images waiting
STOP_WAIT_S = 5.0  # for the image in hand; a forward pass that takes longer hangs
_Call = tuple[Callable[[], None], Callable[[], None]]


class Worker:
    """Owns the engine while it runs."""

    def __init__(
        self,
        engine: Engine,
        stats: Stats,
        publish: Callable[[Frame, Sequence[TargetOutput]], float | None],
        idle: Callable[[], None] = lambda: None,
        starved: Callable[[Frame, Sequence[TargetOutput]], None] = lambda frame, outputs: None,
        cutoffs: InitCutoffs | None = None,
        device_lost: Callable[[Engine], None] = lambda engine: None,
    ) -> None:
        """All callbacks run on the worker's thread.

        Args:
            engine: Used by this thread alone from now on.
            stats: Counts images.
            publish: Gets each processed image and its outputs; returns the seconds since the
                image's stamp, or None if nothing was published.
            idle: Called at least every `IDLE_WAIT_S`.
            starved: Called once when no image could be used for `source_timeout_s`: the last image,
                without its pixels, and the targets, which are confirmed no more.
            cutoffs: Remembers over several workers which boxes come too late.
            device_lost: Replaces the tracker of an engine that reports `device_lost`.
        """
        self.engine, self.stats = engine, stats
        engine.between = self._answer_calls
        self.cutoffs = cutoffs or InitCutoffs()
        self._publish, self._idle, self._starved = publish, idle, starved
        self._device_lost = device_lost
        self._last: Frame | None = None
        self._last_s = math.inf
        self.starved = False
        self._wake = threading.Condition()
        self._slot = LatestSlot(self._wake)
        node = engine.settings.node
        self.buffer = FrameBuffer(node.buffer_frames, int(node.buffer_megabytes * 1e6))
        self._calls: deque[_Call] = deque()
        self._jobs: deque[_Call] = deque()
        self._more = False  # work was left for the next turn
        self._waiting = WaitingBoxes(engine, self.buffer, self.cutoffs)
        self._stopping = False
        self._abandoned = False
        self._busy_since_s = math.inf
        self._due_s = 0.0
        self._thread = threading.Thread(target=self._run, name='siamla-worker', daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, timeout_s: float = STOP_WAIT_S) -> bool:
        """Finish the image in hand, refuse what waits, release the images, and end the thread.

        Returns:
            False if the tracker has not returned in time: the thread is abandoned, publishes
            nothing any more, and its engine must not be used again.
        """
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._abandoned = self._thread.is_alive()
        for queue in (self._calls, self._jobs):  # a caller waits for each of them
            while queue:
                call, refuse = queue.popleft()
                refuse() if self._abandoned else call()
        self._waiting.refuse_all(InitCode.NOT_ACTIVE, 'the node was deactivated')
        self._slot.take()
        self.buffer.clear()
        return not self._abandoned

    @property
    def busy_s(self) -> float:
        """Seconds that the work in hand has taken so far; 0 while there is none."""
        return max(time.monotonic() - self._busy_since_s, 0.0)

    def offer(self, frame: Frame) -> None:
        """A received image; returns at once. One that comes after `stop` is ignored."""
        if self._stopping:
            return
        self.stats.received()
        try:
            frame.check()
        except ImageError as error:
            self.stats.bad_image(str(error))
            logger.error('image refused: %s', error)
            return
        if not self.buffer.put(frame):
            self.stats.count('time_jump')
            logger.warning(
                'image stamps went back to %.3f s: recent images are forgotten', frame.stamp_s
            )
        self.cutoffs.note_image(frame.stamp_ns, time.monotonic())
        before = self._slot.dropped
        self._slot.put(frame)
        self.stats.count('dropped', self._slot.dropped - before)

    def reject(self, reason: str) -> None:
        """A message came that is no readable image; it counts as received and bad."""
        self.stats.received()
        self.stats.bad_image(reason)

    def submit(self, request: InitRequest) -> None:
        """An init box; its `answer` is called later."""

        def refuse() -> None:
            refuse_init(request, InitCode.NOT_ACTIVE, 'the node was deactivated')

        if not self.call(lambda: self._waiting.admit(request), refuse):
            refuse()

    def call(
        self,
        function: Callable[[], None],
        refuse: Callable[[], None] = lambda: None,
        costly: bool = False,
    ) -> bool:
        """Run a function on the worker's thread, where the engine may be touched.

        Args:
            function: runs after the piece of work in hand: an image, a start, a step of a target
                that catches up. On the worker's thread, or in `stop`.
            refuse: called in its place if `stop` had to abandon a tracker that hangs.
            costly: it runs the network, and so is a piece of work itself: those that are not
                costly go before it.

        Returns:
            False if the worker has been stopped: neither of them is called.
        """
        with self._wake:
            if self._stopping:
                return False
            (self._jobs if costly else self._calls).append((function, refuse))
            self._wake.notify_all()
        return True

    def run(self, function: Callable[[], None], timeout_s: float) -> bool:
        """Run a function on the worker's thread, or here if that has been stopped, and wait for it.

        Returns:
            False if it has not run in time; it runs later.
        """
        done = threading.Event()

        def run() -> None:
            function()
            done.set()

        if not self.call(run):
            run()
        return done.wait(timeout_s)

    def drop_waiting(self, target_id: str | None = None) -> list[str]:
        """Refuse the boxes that wait for their image, of one id or all; the ids. Only on the
        worker's thread.
        """
        return self._waiting.drop(target_id)

    def configure(self, settings: Settings) -> None:
        """Take over changed parameters."""
        node = settings.node
        self.buffer.resize(node.buffer_frames, int(node.buffer_megabytes * 1e6))
        self.call(lambda: self.engine.configure(settings))

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._turn()
            except Exception as error:
                self.engine.report('worker', error)
                logger.exception('unexpected error in the worker')
            finally:
                self._busy_since_s = math.inf

    def _turn(self) -> None:
        self._wait()
        self._answer_calls()
        self._begin()
        if time.monotonic() >= self._due_s:
            frame = self._slot.take()
            if frame is not None:
                self._process(frame)
        if self.engine.catching:
            self._catch_up()
        self._watch_source()
        if self.engine.device_lost:
            self._device_lost(self.engine)
        if not self._abandoned:
            self._idle()

    def _answer_calls(self) -> None:
        """Between two pieces of work: run the calls that have come until now."""
        self._busy_since_s = time.monotonic()
        for _ in range(len(self._calls)):
            if not self._stopping:
                self._calls.popleft()[0]()

    def _begin(self) -> None:
        """Start targets whose images are here, and do costly calls; the rest in the next turn."""
        for _ in range(STARTS_PER_IMAGE):
            job = self._jobs.popleft()[0] if self._jobs and not self._stopping else None
            if job is not None:
                job()
            self._more = self._waiting.start_next() or job is not None
            if not self._more or self._stopping:
                return
            self._answer_calls()

    def _wait(self) -> None:
        with self._wake:
            if self._stopping or self._calls or self._jobs or self._more or self.engine.catching:
                return
            pause_s = self._due_s - time.monotonic()
            if self._slot.full and pause_s <= 0.0:
                return
            self._wake.wait(min(pause_s, IDLE_WAIT_S) if self._slot.full else IDLE_WAIT_S)

    def _process(self, frame: Frame) -> None:
        rate_hz = self.engine.settings.node.max_rate_hz
        self._due_s = time.monotonic() + 1.0 / rate_hz if rate_hz else 0.0
        try:
            for _ in range(STARTS_PER_IMAGE):
                if not self._waiting.start_on(frame):
                    break
                self._answer_calls()
            outputs = self.engine.process(frame)
        except ImageError as error:
            self.stats.bad_image(str(error))
            logger.error('image refused: %s', error)
            return
        except Exception as error:
            logger.exception('unexpected error on an image')
            outputs = self.engine.note_failure(frame, 'image', error)
        self._last, self._last_s = replace(frame, data=frame.data[:0].copy()), time.monotonic()
        self.starved = False
        latency_s = None if self._abandoned else self._publish(frame, outputs)
        if latency_s is not None:
            self.stats.processed(latency_s, time.monotonic() - frame.received_s)

    @property
    def unseen_s(self) -> float:
        """Seconds since the last image that could be used; 0 before the first."""
        return max(time.monotonic() - self._last_s, 0.0)

    def _watch_source(self) -> None:
        """Stop confirming targets when images stop coming."""
        node = self.engine.settings.node
        pause_s = 2.0 / node.max_rate_hz if node.max_rate_hz else 0.0
        if self.starved or self._last is None or self._slot.full:
            return
        if self.unseen_s > max(node.source_timeout_s, pause_s):
            self.starved = True
            self._starved(self._last, self.engine.suspend())

    def _catch_up(self) -> None:
        try:
            self.engine.catch_up(self.buffer)
        except ImageError as error:
            self.stats.bad_image(str(error))
            logger.error('catch-up ended early: %s', error)
            self.engine.settle()
