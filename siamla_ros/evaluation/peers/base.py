"""The smallest honest tracker interface, and the test double that never moves."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from siamla_ros.geometry.boxes import Box


class TrackerUnavailable(ValueError):
    """A tracker cannot be made here; the message names what is missing and its source."""


@dataclass(frozen=True)
class Estimate:
    """One frame's answer: a box in pixels and the tracker's own confidence, [0, 1] or NaN."""

    box_xywh: Box
    confidence: float = math.nan
    extra: dict[str, float] = field(default_factory=dict)


class EvalTracker(Protocol):
    """One target at a time; `init` forgets whatever was tracked before.

    A tracker may also have `last_cells() -> Cells | None`: the response map of the last update, for
    the alignment of scores and boxes.
    """

    name: str

    def init(self, image_bgr: np.ndarray, box_xywh: Box) -> None:
        """Start on the target in box_xywh (pixels, half-open)."""
        ...

    def update(self, image_bgr: np.ndarray) -> Estimate:
        """Find the target in the next frame."""
        ...

    def describe(self) -> dict[str, Any]:
        """Configuration, versions and the sha256 of every model file, for the report."""
        ...


class IdentityTracker:
    """Answers the first box for ever: the floor of every table, and a test double."""

    name = 'identity'

    def __init__(self) -> None:
        self._box: Box = (0.0, 0.0, 1.0, 1.0)

    def init(self, image_bgr: np.ndarray, box_xywh: Box) -> None:
        """Keep the box."""
        self._box = box_xywh

    def update(self, image_bgr: np.ndarray) -> Estimate:
        """The box of the first frame."""
        return Estimate(self._box)

    def describe(self) -> dict[str, Any]:
        """Nothing but its name."""
        return {'name': self.name}


def read_model(path: str | Path) -> bytes:
    """The content of a model file; TrackerUnavailable when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise TrackerUnavailable(f'model file {path}: {error.strerror}') from error


def sha256_of(path: str | Path) -> str:
    """Hexadecimal sha256 of a model file; TrackerUnavailable when it cannot be read."""
    return hashlib.sha256(read_model(path)).hexdigest()
