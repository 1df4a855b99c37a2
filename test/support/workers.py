"""A worker on its own thread, and what it publishes."""

import threading

from support.engines import settings
from support.ros_doubles import ColorTracker

from siamla_ros.online.engine import Engine
from siamla_ros.online.init_requests import InitRequest
from siamla_ros.online.stats import Stats
from siamla_ros.online.worker import Worker

TIMEOUT_S = 10.0


class Bench:
    """A worker, and what it publishes."""

    def __init__(self, tracker=None, **changes):
        self.published, self.said = [], threading.Semaphore(0)
        self.stats = Stats()
        engine = Engine(tracker or ColorTracker(), settings(**changes))
        self.worker = Worker(engine, self.stats, self._publish)
        self.worker.start()
        self.keep = True

    def _publish(self, frame, outputs):
        if self.keep:
            self.published.append((frame, list(outputs)))
        self.said.release()

    def show(self, frame):
        self.worker.offer(frame)
        assert self.said.acquire(timeout=TIMEOUT_S), 'not processed'

    def ask(self, box_xywh, stamp_ns=0, patient=True, target_id='red'):
        answers, done = [], threading.Event()

        def answer(outcome):
            answers.append(outcome)
            done.set()

        self.worker.submit(InitRequest(target_id, '', box_xywh, stamp_ns, answer, patient))
        return answers, done
