"""Pictures of an episode: what the camera sees beside a map, and below them how it went so far."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from follow_sim.measures import Moment
from follow_sim.scene import FOCAL, WIDTH, Figure
from siamla_ros.online import overlay
from siamla_ros.supervision.supervisor import State

Canvas = NDArray[np.uint8]
FRAME = (1280, 720)
CAMERA = (20, 64, 720, 540)
"""Left, top, width, height on the frame."""
MAP = (760, 64, 500, 540)
LINE = (20, 640, 1240, 22)
"""The course of the episode, in the colors of the states."""
PAPER, INK, FAINT = (250, 249, 247), (60, 52, 46), (150, 145, 140)
GRID, VIEW = (226, 222, 218), (236, 226, 205)
ROBOT_BGR, BELIEVED_BGR = (150, 90, 30), (60, 60, 230)
FIGURES_BGR = {'target': (70, 160, 40), 'distractor': (170, 70, 170), 'occluder': (90, 110, 130)}
PX_PER_M, TRAIL_STEPS, ARROW_M = 62.0, 150, 0.9
ROBOT_M = 0.25


class Event(NamedTuple):
    """A mark on the course: when, in s, and in which words."""

    at_s: float
    text: str


class Stage:
    """Draws moment by moment.

    Args:
        end_s: length of the episode.
        events: marks on its course.
        distance_m: the distance that the robot keeps.
    """

    def __init__(self, end_s: float, events: tuple[Event, ...], distance_m: float) -> None:
        self._end_s, self._events, self._distance_m = end_s, events, distance_m
        self._course: list[tuple[float, State]] = []
        self._trails: dict[str, deque[tuple[float, float]]] = {}

    def draw(self, moment: Moment, enabled: bool) -> Canvas:
        """H x W x 3 uint8 of one moment whose answer is a NodeAnswer."""
        canvas = np.full((FRAME[1], FRAME[0], 3), PAPER, np.uint8)
        self._course.append((moment.now_s, moment.answer.state))
        self._head(canvas, moment, enabled)
        self._camera(_part(canvas, CAMERA), moment)
        self._map(_part(canvas, MAP), moment)
        self._line(canvas, moment.now_s)
        return canvas

    def _head(self, canvas: Canvas, moment: Moment, enabled: bool) -> None:
        answer, robot = moment.answer, moment.robot
        _write(canvas, 'camera', (CAMERA[0], 46), 0.62, INK, 2)
        x, y = CAMERA[0] + 92, 46
        color = overlay.COLORS_BGR[answer.state]
        cv2.rectangle(canvas, (x, y - 19), (x + 132, y + 7), color, -1, cv2.LINE_AA)
        _write(canvas, answer.state.name, (x + 10, y), 0.55, (30, 30, 30), 2)
        _write(canvas, f'confidence {answer.confidence:.2f}', (x + 148, y), 0.55, INK)
        turn = round(math.degrees(robot.rate))  # an int: no -0
        drive = f'{robot.velocity:4.2f} m/s {turn:+4d} deg/s'
        _write(canvas, drive if enabled else 'robot not enabled', (CAMERA[0] + 500, y), 0.55, INK)
        _write(canvas, 'from above', (MAP[0], 46), 0.62, INK, 2)
        target = moment.episode.target
        text = 'the target has left'
        if target.present:
            far_m = math.hypot(target.x - robot.x, target.y - robot.y)
            text = f'distance {far_m:.2f} m, to keep {self._distance_m:g} m'
        _write(canvas, text, (MAP[0] + 160, 46), 0.55, INK)

    def _camera(self, canvas: Canvas, moment: Moment) -> None:
        answer = moment.answer
        size = (canvas.shape[1], canvas.shape[0])
        scale = size[0] / moment.view.image_bgr.shape[1]
        image = cv2.resize(moment.view.image_bgr, size, interpolation=cv2.INTER_LINEAR)
        box = tuple(scale * value for value in answer.status_xywh)
        marks = []
        if answer.state is not State.IDLE:
            confirmed = answer.box_xywh is not None
            marks = overlay.target_marks(
                'target', answer.state, confirmed, answer.confidence, box, None
            )
        canvas[:] = overlay.draw(image, marks)

    def _map(self, canvas: Canvas, moment: Moment) -> None:
        canvas[:] = (255, 255, 255)
        robot = moment.robot
        at = _Ground(robot.x, robot.y, canvas.shape)
        _grid(canvas, at)
        _wedge(canvas, at, robot.x, robot.y, robot.yaw)
        self._trail(canvas, at, 'robot', (robot.x, robot.y), ROBOT_BGR)
        for figure in moment.episode.figures:
            if figure.present:
                color = FIGURES_BGR[figure.name]
                if figure.name == 'target':
                    self._trail(canvas, at, 'target', (figure.x, figure.y), color)
                    radius = round(self._distance_m * PX_PER_M)
                    cv2.circle(canvas, at(figure.x, figure.y), radius, color, 1, cv2.LINE_AA)
                _figure(canvas, at, figure, color)
        _robot(canvas, at, moment)
        _draw_confirmed(canvas, at, moment)
        cv2.rectangle(canvas, (0, 0), (canvas.shape[1] - 1, canvas.shape[0] - 1), FAINT, 1)

    def _trail(
        self,
        canvas: Canvas,
        at: _Ground,
        name: str,
        place: tuple[float, float],
        color: tuple[int, int, int],
    ) -> None:
        trail = self._trails.setdefault(name, deque(maxlen=TRAIL_STEPS))
        if trail and math.dist(trail[-1], place) > 1.0:
            trail.clear()  # it came back elsewhere
        trail.append(place)
        points = np.array([at(*point) for point in trail], np.int32)
        cv2.polylines(canvas, [points], False, color, 2, cv2.LINE_AA)

    def _line(self, canvas: Canvas, now_s: float) -> None:
        left, top, width, height = LINE
        cv2.rectangle(canvas, (left, top), (left + width, top + height), GRID, -1)
        step_px = width / self._end_s
        for at_s, state in self._course:
            x = left + round(at_s * step_px)
            end = min(x + math.ceil(step_px / 14), left + width)
            canvas[top : top + height, x:end] = overlay.COLORS_BGR[state]
        for at_s, text in self._events:
            x = left + round(at_s * step_px)
            cv2.line(canvas, (x, top - 6), (x, top + height + 6), INK, 1)
            _write(canvas, text, (x + 4, top - 8), 0.45, INK)
        x = left + round(now_s * step_px)
        cv2.line(canvas, (x, top - 3), (x, top + height + 3), (0, 0, 0), 2)
        _write(canvas, f'{now_s:4.1f} s', (left, top + 60), 0.55, INK)
        x = left + 110
        for state in (State.TRACKING, State.UNCERTAIN, State.SEARCHING, State.LOST):
            color = overlay.COLORS_BGR[state]
            cv2.rectangle(canvas, (x, top + 48), (x + 14, top + 62), color, -1)
            _write(canvas, state.name, (x + 20, top + 60), 0.45, INK)
            x += 130
        _write(canvas, 'x  target_pose', (x + 30, top + 60), 0.45, BELIEVED_BGR)
        circle = f'o  {self._distance_m:g} m round the target'
        _write(canvas, circle, (x + 160, top + 60), 0.45, FIGURES_BGR['target'])
        _write(canvas, 'squares of 1 m', (x + 355, top + 60), 0.45, FAINT)


class _Ground:
    """From the ground in m to pixels of the map, which moves with the robot."""

    def __init__(self, x: float, y: float, shape: tuple[int, ...]) -> None:
        self.x, self.y = x, y
        self._middle = shape[1] / 2, shape[0] / 2

    def __call__(self, x: float, y: float) -> tuple[int, int]:
        """x of the world is up, y to the left."""
        return (
            round(self._middle[0] - (y - self.y) * PX_PER_M),
            round(self._middle[1] - (x - self.x) * PX_PER_M),
        )


def _part(canvas: Canvas, place: tuple[int, int, int, int]) -> Canvas:
    left, top, width, height = place
    return canvas[top : top + height, left : left + width]


def _write(
    canvas: Canvas,
    text: str,
    at: tuple[int, int],
    size: float,
    color: tuple[int, int, int],
    weight: int = 1,
) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, color, weight, cv2.LINE_AA)


def _grid(canvas: Canvas, at: _Ground) -> None:
    reach = math.ceil(max(canvas.shape[:2]) / 2 / PX_PER_M) + 1
    for step in range(-reach, reach + 1):
        _, row = at(math.floor(at.x) + step, at.y)
        column, _ = at(at.x, math.floor(at.y) + step)
        cv2.line(canvas, (0, row), (canvas.shape[1], row), GRID, 1)
        cv2.line(canvas, (column, 0), (column, canvas.shape[0]), GRID, 1)


def _wedge(canvas: Canvas, at: _Ground, x: float, y: float, yaw: float) -> None:
    """What the camera sees, out to 5 m."""
    half = math.atan(WIDTH / 2 / FOCAL)
    angles = np.linspace(yaw - half, yaw + half, 20)
    edge = [at(x + 5.0 * math.cos(angle), y + 5.0 * math.sin(angle)) for angle in angles]
    shade = canvas.copy()
    cv2.fillPoly(shade, [np.array([at(x, y), *edge], np.int32)], VIEW, cv2.LINE_AA)
    cv2.addWeighted(shade, 0.55, canvas, 0.45, 0.0, canvas)


def _figure(canvas: Canvas, at: _Ground, figure: Figure, color: tuple[int, int, int]) -> None:
    place, radius = at(figure.x, figure.y), round(figure.width_m / 2 * PX_PER_M)
    cv2.circle(canvas, place, radius, color, -1, cv2.LINE_AA)
    _write(canvas, figure.name, (place[0] + radius + 4, place[1] + 5), 0.5, color, 1)


def _robot(canvas: Canvas, at: _Ground, moment: Moment) -> None:
    robot = moment.robot
    place = at(robot.x, robot.y)
    cv2.circle(canvas, place, round(ROBOT_M * PX_PER_M), ROBOT_BGR, -1, cv2.LINE_AA)
    reach = ROBOT_M + ARROW_M * max(robot.velocity, 0.0)
    tip = at(robot.x + reach * math.cos(robot.yaw), robot.y + reach * math.sin(robot.yaw))
    cv2.arrowedLine(canvas, place, tip, ROBOT_BGR, 3, cv2.LINE_AA, tipLength=0.25)
    _write(canvas, 'robot', (place[0] + 22, place[1] + 20), 0.5, ROBOT_BGR, 1)


def _draw_confirmed(canvas: Canvas, at: _Ground, moment: Moment) -> None:
    """A cross where target_pose says that the target is."""
    if moment.answer.position_m is None:
        return
    right, ahead = moment.answer.position_m
    robot = moment.robot
    cosine, sine = math.cos(robot.yaw), math.sin(robot.yaw)
    place = at(robot.x + ahead * cosine + right * sine, robot.y + ahead * sine - right * cosine)
    cv2.drawMarker(canvas, place, BELIEVED_BGR, cv2.MARKER_TILTED_CROSS, 16, 3, cv2.LINE_AA)
