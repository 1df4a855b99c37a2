"""Targets of annotated video that can be trained on, and where others are beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.scenes import Scene, SceneTarget
from siamla_ros.geometry.crops import Window
from siamla_ros.training.tracked_windows import TrackedWindows

MIN_SIDE_PX = 5.0
MIN_BOXES = 8
MIN_VISIBILITY = 0.35
"""Of a target that others hide; less of it is neither a positive nor a negative."""
Box = tuple[float, ...]


@dataclass(frozen=True)
class Track:
    """A target of a scene with the frames in which it can be trained on.

    Attributes:
        scene: The scene.
        target: The target.
        usable: Frames in which it is seen well enough, in order.
        others: Boxes (N, 4) of the other targets of the scene.
        windows: Where a tracker searched for it; None where that is not known.
    """

    scene: Scene
    target: SceneTarget
    usable: NDArray[np.intp]
    others: tuple[NDArray[np.float64], ...]
    windows: TrackedWindows | None

    def box(self, frame: int) -> Box | None:
        """The target's box in a frame, None where it has none."""
        row = self.target.boxes_xywh[frame]
        return tuple(float(v) for v in row) if np.isfinite(row[0]) else None


def tracks_of(scene: Scene, windows: dict[tuple[str, str], TrackedWindows]) -> list[Track]:
    """The targets of a scene that are long, large and visible enough to be trained on."""
    found = []
    for target in scene.targets:
        side = np.nan_to_num(target.boxes_xywh[:, 2:].min(1))
        usable = np.flatnonzero((side >= MIN_SIDE_PX) & (target.visibility >= MIN_VISIBILITY))
        if len(usable) >= MIN_BOXES:
            others = tuple(o.boxes_xywh for o in scene.targets if o is not target)
            key = (scene.name, target.name)
            found.append(Track(scene, target, usable, others, windows.get(key)))
    return found


def share_inside(box_xywh: Box, window: Window) -> float:
    """The share of a box's area that lies inside a window, in [0, 1]."""
    x, y, w, h = box_xywh
    left, top = window.cx - window.width / 2, window.cy - window.height / 2
    across = min(x + w, left + window.width) - max(x, left)
    down = min(y + h, top + window.height) - max(y, top)
    return max(across, 0.0) * max(down, 0.0) / (w * h)


def nearest(track: Track, frame: int, box: Box) -> Box | None:
    """The other target nearest to this one, counted in its sides."""
    present = [o[frame] for o in track.others if np.isfinite(o[frame, 0])]
    if not present:
        return None
    return tuple(
        min(present, key=lambda o: np.hypot((o[0] - box[0]) / box[2], (o[1] - box[1]) / box[3]))
    )
