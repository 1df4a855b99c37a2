"""What the operator's page shows of targets and images; the node and `siamla view` share it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import cv2
import numpy as np

from siamla_ros.online.overlay import Mark, Trail, draw
from siamla_ros.online.response_inset import Inset
from siamla_ros.supervision.supervisor import Reason, State

T = TypeVar('T')
REASON_WORDS = {
    Reason.NONE: '',
    Reason.INIT: 'a box was given',
    Reason.CONFIDENT: 'it is recognized again',
    Reason.LOW_CONFIDENCE: 'the confidence is low',
    Reason.DISTRACTOR: 'it may be another object that looks like it',
    Reason.IMPLAUSIBLE_MOTION: 'the box jumped further than the target can move',
    Reason.IMPLAUSIBLE_SCALE: 'the box changed its size faster than the target can',
    Reason.LEFT_IMAGE: 'the box left the image',
    Reason.TIMEOUT: 'it was uncertain or searched for too long',
    Reason.REACQUIRED: 'the search found it again',
    Reason.REINITIALIZED: 'a new box was given',
    Reason.CLEARED: 'it was forgotten on request',
    Reason.STALE: 'images stayed away, or their times jumped',
    Reason.TRACKER_FAILED: 'the network failed on this image; see the log',
}


def target_entry(
    target_id: str, label: str, state: State, reason: int, confidence: float
) -> dict[str, Any]:
    """A target in the list of the page; an unknown reason is its number."""
    known = reason in REASON_WORDS
    return {
        'id': target_id,
        'label': label,
        'state': state.name,
        'reason': REASON_WORDS[Reason(reason)] if known else f'reason {reason}',
        'confidence': round(float(confidence), 3),
    }


def encode_picture(
    image_bgr: np.ndarray,
    marks: Sequence[Mark],
    quality: int,
    trails: Sequence[Trail] = (),
    thresholds: Sequence[float] = (),
    insets: Sequence[Inset] = (),
) -> bytes:
    """The JPEG of an image, HxWx3 uint8, with its marks; `quality` in 1 to 100."""
    canvas = draw(image_bgr, marks, trails=trails, thresholds=thresholds, insets=insets)
    return cv2.imencode('.jpg', canvas, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


class SharedPicture(Generic[T]):
    """Keeps what `make` returned for a while, so that the work does not grow with the viewers.

    Args:
        make: Draws and encodes; called by one thread at a time.
        period_s: How long its result is handed out.
    """

    def __init__(self, make: Callable[[], T], period_s: float) -> None:
        self._make, self._period_s = make, period_s
        self._lock = threading.Lock()
        self._made: T | None = None
        self._until_s = float('-inf')

    def get(self) -> T:
        """The picture; what `make` raises is passed on."""
        with self._lock:
            if self._made is None or time.monotonic() >= self._until_s:
                self._made = None
                self._until_s = time.monotonic() + self._period_s
                self._made = self._make()
            return self._made
