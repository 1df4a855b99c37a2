"""What is measured in an episode: errors, collisions, ways driven while nothing is followed."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, replace

import numpy as np

from follow_sim.episode import LEAVE_S, Episode
from follow_sim.robot import Robot
from follow_sim.scene import HEIGHT, WIDTH, View
from siamla_ros.geometry.boxes import Box, iou

SETTLE_S = 4.0
"""From the start to the first errors that count."""
SEEN, SAME = 0.3, 0.3
"""Visible share of a target in view; least overlap of a box that is the target's."""
TOUCH_M = 0.5
"""Distance of two centers, robot and figure, that is a collision."""
STANDS_M_S = 0.05
"""Below it a robot counts as standing."""
HALTED_S = 0.5
"""From LOST to standing still: delay and lag of the base."""
FOLLOWING_STEPS = 5


@dataclass
class Measures:
    """Of one episode. Distances in m, angles in rad, times in s.

    Attributes:
        distance_errors: of each step in which the target is there.
        bearing_errors: the same of the bearing.
        in_view: share of these steps in which it is in view.
        collisions: encounters with any figure while the robot drives.
        run_into: encounters with a figure that came upon a robot that stood.
        lost_way_m: driven while LOST, from `HALTED_S` after its beginning.
        away_way_m: driven while the target has left the scene.
        wrong_way_m: driven while the box that is vouched for is another's.
        return_s: from the return into view to following again; inf: never.
    """

    distance_errors: list[float] = field(default_factory=list)
    bearing_errors: list[float] = field(default_factory=list)
    in_view: float = 0.0
    collisions: int = 0
    run_into: int = 0
    lost_way_m: float = 0.0
    away_way_m: float = 0.0
    wrong_way_m: float = 0.0
    return_s: float = math.inf


@dataclass(frozen=True)
class Answer:
    """Of one image: the box that a follower vouches for, if any, and whether it is LOST."""

    box_xywh: Box | None
    lost: bool = False


def target_box(view: View) -> Box | None:
    """The target's figure without the empty margin of its sprite."""
    box = view.boxes_xywh.get('target')
    if box is None or box[2] <= 0.0:
        return None
    x, y, w, h = box
    return x + 0.15 * w, y + 0.015 * h, 0.7 * w, 0.97 * h


@dataclass(frozen=True)
class Moment:
    """Everything about one step, for measures and videos."""

    now_s: float
    robot: Robot
    episode: Episode
    view: View
    answer: Answer

    def kept(self) -> Moment:
        """A copy that stays as it is while robot and figures move on."""
        return replace(self, robot=copy.copy(self.robot), episode=self.episode.snapshot())


class Measuring:
    """Adds up the moments of one episode, in order."""

    def __init__(self, distance_m: float) -> None:
        self._distance_m = distance_m
        self._measures = Measures()
        self._seen: list[bool] = []
        self._touching: set[str] = set()
        self._lost_from_s: float | None = None
        self._back_s: float | None = None
        self._right_steps = 0

    def add(self, moment: Moment, way_m: float) -> None:
        """One step, and the way that the robot drove in it."""
        measures, robot, episode = self._measures, moment.robot, moment.episode
        truth = target_box(moment.view)
        seen = moment.view.visible.get('target', 0.0) >= SEEN and not episode.away
        box = moment.answer.box_xywh
        right = seen and box is not None and float(iou(box, truth)) >= SAME
        if moment.now_s >= SETTLE_S and not LEAVE_S <= moment.now_s < LEAVE_S + 6.0:
            self._errors(robot, episode, seen)
        if box is not None and not right and (not seen or self._another(moment, box)):
            measures.wrong_way_m += way_m
        measures.away_way_m += way_m if episode.away else 0.0
        self._lost(moment, way_m)
        self._return(moment, seen, right)
        for figure in episode.figures:
            near = math.hypot(figure.x - robot.x, figure.y - robot.y) < TOUCH_M
            if figure.present and near and figure.name not in self._touching:
                if abs(robot.velocity) > STANDS_M_S:
                    measures.collisions += 1
                else:
                    measures.run_into += 1
            (self._touching.add if near else self._touching.discard)(figure.name)

    @staticmethod
    def _another(moment: Moment, box: Box) -> bool:
        others = [other for name, other in moment.view.boxes_xywh.items() if name != 'target']
        return any(float(iou(box, other)) >= SAME for other in others)

    def _errors(self, robot: Robot, episode: Episode, seen: bool) -> None:
        dx, dy = episode.target.x - robot.x, episode.target.y - robot.y
        bearing = math.remainder(math.atan2(dy, dx) - robot.yaw, 2.0 * math.pi)
        self._measures.distance_errors.append(abs(math.hypot(dx, dy) - self._distance_m))
        self._measures.bearing_errors.append(abs(bearing))
        self._seen.append(seen)

    def _lost(self, moment: Moment, way_m: float) -> None:
        if not moment.answer.lost:
            self._lost_from_s = None
        elif self._lost_from_s is None:
            self._lost_from_s = moment.now_s
        elif moment.now_s - self._lost_from_s > HALTED_S:
            self._measures.lost_way_m += way_m

    def _return(self, moment: Moment, seen: bool, right: bool) -> None:
        if moment.now_s < LEAVE_S + 3.0 or moment.episode.away:
            return
        if seen and self._back_s is None:
            self._back_s = moment.now_s
        self._right_steps = self._right_steps + 1 if right else 0
        if self._right_steps == FOLLOWING_STEPS and math.isinf(self._measures.return_s):
            self._measures.return_s = moment.now_s - (self._back_s or moment.now_s)

    def result(self) -> Measures:
        """The sums so far."""
        self._measures.in_view = float(np.mean(self._seen)) if self._seen else math.nan
        return self._measures


def image_is_whole(box: Box) -> bool:
    """Whether no border cuts a box."""
    x, y, w, h = box
    return x > 2.0 and y > 2.0 and x + w < WIDTH - 2.0 and y + h < HEIGHT - 2.0
