"""Follow targets with supervision, without ROS: what the node runs, for any Python program.

session = TrackingSession(load_tracker())
session.start('walker', (629, 252, 37, 101), image_bgr, stamp_s=0.0)
for stamp_s, image_bgr in images:
    for output in session.step(image_bgr, stamp_s):
        ...  # output.state, output.reason, output.confidence, output.box_xywh
"""

from __future__ import annotations

import numpy as np

from siamla_ros.geometry.boxes import Box
from siamla_ros.online.engine import Engine
from siamla_ros.online.frame import Frame
from siamla_ros.online.parameters import Settings, build, defaults
from siamla_ros.online.targets import TargetOutput
from siamla_ros.tracker.results import TrackerLike

LONGEST_S = 1e11  # of a stamp, from 1970: three thousand years


class TrackingSession:
    """Targets by id: images in, one output per target and image.

    Confidence, state machine, re-detection and identity are those of the node. Not thread-safe.
    """

    def __init__(self, tracker: TrackerLike, settings: Settings | None = None) -> None:
        """
        Args:
            tracker: made by `load_tracker`.
            settings: of `siamla_ros.online.parameters.build`; the defaults of the node if None.
        """
        self.engine = Engine(tracker, build(defaults()) if settings is None else settings)
        self._frames = 0

    def start(
        self,
        target_id: str,
        box_xywh: Box,
        image_bgr: np.ndarray,
        stamp_s: float,
        label: str = '',
    ) -> TargetOutput:
        """Follow a box of this image; a known id starts the same target anew.

        Args:
            target_id: names the target from now on.
            box_xywh: half-open, pixels of the image.
            image_bgr: HxWx3 uint8.
            stamp_s: time of the image in seconds.
            label: class of the target; returned with every output.

        Raises:
            InitError: the box cannot be tracked, there are too many targets, or the tracker failed;
                a target of that id goes on as it was.
        """
        self.engine.start(target_id, label, box_xywh, self._frame(image_bgr, stamp_s), live=True)
        output = self.engine.targets[target_id].output
        assert output is not None, 'a new target has one'
        return output

    def step(self, image_bgr: np.ndarray, stamp_s: float) -> list[TargetOutput]:
        """What is known of every target on the next image, in the order in which they started.

        Args:
            image_bgr: HxWx3 uint8.
            stamp_s: time of the image in seconds; gaps suspend confirmation.

        Raises:
            ImageError: the image cannot be used; no target has changed.
        """
        self._frames += 1
        return self.engine.process(self._frame(image_bgr, stamp_s))

    def clear(self, target_id: str | None = None) -> list[str]:
        """Forget one target, or all; returns the ids that were forgotten."""
        return self.engine.clear(target_id)

    @property
    def last_error(self) -> str:
        """The last error of the tracker; empty if there was none. A failed image is UNCERTAIN."""
        return self.engine.last_error

    def _frame(self, image_bgr: np.ndarray, stamp_s: float) -> Frame:
        if not abs(stamp_s) <= LONGEST_S:  # true for NaN, too
            raise ValueError(f'stamp_s is {stamp_s!r}, must lie within +-{LONGEST_S:g} s')
        return frame_of(image_bgr, stamp_s, self._frames)


def frame_of(image_bgr: np.ndarray, stamp_s: float, number: int) -> Frame:
    """An image in memory as the node receives one.

    Raises:
        ValueError: it is no HxWx3 uint8 array.
    """
    if not isinstance(image_bgr, np.ndarray):  # None: what cv2.imread gives for a missing file
        raise ValueError(f'image_bgr is {type(image_bgr).__name__}, must be an array')
    if image_bgr.dtype != np.uint8 or image_bgr.ndim != 3 or image_bgr.shape[2] != 3:
        raise ValueError(
            f'image_bgr is {image_bgr.dtype} of shape {image_bgr.shape}, must be HxWx3 uint8'
        )
    height, width = image_bgr.shape[:2]
    sec, nanosec = divmod(round(stamp_s * 1e9), 1_000_000_000)
    data = np.ascontiguousarray(image_bgr).reshape(-1)
    return Frame(sec, nanosec, '', width, height, 'bgr8', 3 * width, False, data, seq=number)
