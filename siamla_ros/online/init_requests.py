"""Init boxes on their way in: requests and their answers."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

from siamla_ros.geometry.boxes import FARTHEST_PX, BoxError

DEFAULT_ID = 'target'
MAX_ID_LENGTH = 128


class InitCode(IntEnum):
    """The values of InitTarget.srv."""

    ACCEPTED = 0
    BOX_NOT_FINITE = 1
    BOX_TOO_SMALL = 2
    BOX_OUTSIDE = 3
    NO_IMAGE = 4
    STAMP_TOO_OLD = 5
    STAMP_UNKNOWN = 6
    STAMP_IN_FUTURE = 7
    TOO_MANY_TARGETS = 8
    NOT_ACTIVE = 9
    BAD_ID = 10
    INTERNAL = 11
    CLEARED = 12
    FEATURELESS = 13
    SUPERSEDED = 14


BOX_CODES = {
    'not_finite': InitCode.BOX_NOT_FINITE,
    'too_small': InitCode.BOX_TOO_SMALL,
    'outside': InitCode.BOX_OUTSIDE,
    'featureless': InitCode.FEATURELESS,
}


class InitError(ValueError):
    """An init box that is refused: a code and a sentence with the field, its value and the
    limit.
    """

    def __init__(self, code: InitCode, message: str) -> None:
        super().__init__(message)
        self.code = code

    @classmethod
    def of_box(cls, error: BoxError) -> InitError:
        """The same refusal in the codes of the service."""
        return cls(BOX_CODES[error.reason], str(error))


@dataclass(frozen=True)
class InitOutcome:
    """The answer to an init box."""

    code: InitCode
    message: str
    id: str = ''

    @property
    def accepted(self) -> bool:
        """Whether the target is followed now."""
        return self.code is InitCode.ACCEPTED


@dataclass(frozen=True)
class InitRequest:
    """A box to follow.

    Attributes:
        stamp_ns: Of the image that the box belongs to; 0: the next image.
        answer: Called once with the outcome, from the worker's thread.
        patient: Wait for the next image however long it takes (no caller waits for the answer), and
            be refused where the target was cleared or given a newer box meanwhile.
    """

    id: str
    label: str
    box_xywh: tuple[float, float, float, float]
    stamp_ns: int
    answer: Callable[[InitOutcome], None]
    patient: bool = False


class Pending:
    """Counts the init boxes that were passed on and not answered yet; thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit, self._lock, self._count = limit, threading.Lock(), 0

    @property
    def full(self) -> bool:
        """Whether there is no room for one more."""
        return self._count >= self._limit

    def note(self, request: InitRequest) -> InitRequest:
        """The same request, counted until its `answer` is called."""
        self._add(1)

        def answer(outcome: InitOutcome) -> None:
            self._add(-1)
            request.answer(outcome)

        return replace(request, answer=answer)

    def _add(self, number: int) -> None:
        with self._lock:
            self._count += number


def check_label(text: str) -> str:
    """A label as it is: every status carries it.

    Raises:
        InitError: Too long.
    """
    if len(text) > MAX_ID_LENGTH:
        raise InitError(
            InitCode.BAD_ID, f'label has {len(text)} characters, must have at most {MAX_ID_LENGTH}'
        )
    return text


def check_id(text: str) -> str:
    """A usable id: `DEFAULT_ID` for an empty one.

    Raises:
        InitError: Too long, or with characters that do not print.
    """
    if not text:
        return DEFAULT_ID
    if len(text) > MAX_ID_LENGTH:
        raise InitError(
            InitCode.BAD_ID, f'id has {len(text)} characters, must have at most {MAX_ID_LENGTH}'
        )
    if not text.isprintable() or text != text.strip():
        raise InitError(
            InitCode.BAD_ID, f'id is {text!r}, must be printable without spaces at its ends'
        )
    return text


def check_numbers(box_xywh: tuple[float, float, float, float]) -> None:
    """Refuse at once what no image can make right.

    Raises:
        InitError: Not finite, or without area.
    """
    text = ','.join(f'{value:g}' for value in box_xywh)
    if not all(math.isfinite(value) for value in box_xywh):
        raise InitError(
            InitCode.BOX_NOT_FINITE, f'bbox x,y,w,h = {text}: every value must be finite'
        )
    if max(map(abs, box_xywh)) > FARTHEST_PX:
        raise InitError(
            InitCode.BOX_OUTSIDE,
            f'bbox x,y,w,h = {text}: every value must lie within +-{FARTHEST_PX:g} pixels',
        )
    if min(box_xywh[2:]) <= 0.0:
        raise InitError(
            InitCode.BOX_TOO_SMALL, f'bbox x,y,w,h = {text}: width and height must be above 0'
        )
