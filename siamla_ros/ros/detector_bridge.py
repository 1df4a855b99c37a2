"""Answers requests for a new box with what a detector sees, so that the whole loop runs unattended.

    ros2 run siamla_ros detector_bridge --ros-args -r candidates:=/yolo/detections

Any vision_msgs/Detection2DArray will do (YOLO nodes, Isaac ROS). The box that is taken goes out on
`init` with the stamp of the detector's image: the tracker catches up from there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from rclpy.node import Node
from vision_msgs.msg import Detection2D, Detection2DArray

from siamla_ros.msg import ReinitRequest, TrackStatus
from siamla_ros.online.candidate_matching import (
    AnswerRules,
    Candidate,
    LostTarget,
    Proof,
    choose,
    is_box,
    parse_aliases,
)
from siamla_ros.online.engine import TRACKER_ERRORS
from siamla_ros.online.frame import Frame
from siamla_ros.online.frame_buffer import FrameBuffer
from siamla_ros.online.image_formats import ImageError
from siamla_ros.online.init_requests import InitError
from siamla_ros.online.target_appearance import Looks
from siamla_ros.ros import qos
from siamla_ros.ros.helper_parameters import HelperParameter, declare
from siamla_ros.ros.image_source import ImageSource
from siamla_ros.ros.messages import box_of, detection_message, label_of, stamp_ns_of
from siamla_ros.ros.running import run

RULES = AnswerRules()
PARAMETERS = (
    HelperParameter('min_score', RULES.min_score, 'of the detector', minimum=0.0),
    HelperParameter(
        'reach',
        RULES.reach,
        'distance allowed at once, in sides of the lost box; 0: anywhere',
        minimum=0.0,
    ),
    HelperParameter(
        'speed',
        RULES.speed,
        'distance allowed for each second since the loss, in sides',
        minimum=0.0,
    ),
    HelperParameter(
        'max_size_ratio', RULES.max_size_ratio, 'between the sides of old and new box', minimum=1.0
    ),
    HelperParameter(
        'min_similarity',
        RULES.min_similarity,
        'appearance [0, 1], by network and colors, say 0.82; 0: not asked, no network loaded',
        minimum=0.0,
    ),
    HelperParameter('margin', RULES.margin, 'lead of the best box over the second', minimum=0.0),
    HelperParameter(
        'confirm', 2, 'arrays of candidates in a row in which the same box must win', minimum=1
    ),
    HelperParameter(
        'class_aliases', '', 'label=class_id, comma-separated, if the detector counts its classes'
    ),
    HelperParameter('model', 'default', 'for the appearance'),
    HelperParameter('device', 'auto', 'for the appearance'),
)
MATCH_NS = 20_000_000
BUFFER_FRAMES, BUFFER_BYTES = 90, 200_000_000
LOOP_NS = 10_000_000_000  # candidates older than that before the loss: a bag begins again
MAX_OPEN = 64


@dataclass
class _Open:
    request: ReinitRequest
    answered: bool = False
    proof: Proof = field(default_factory=Proof)


class AnswerNode(Node):
    """Subscribes reinit_request, candidates, status (and image, detections); publishes init."""

    def __init__(
        self, make_tracker: Callable[[str, str], Any] | None = None, **options: Any
    ) -> None:
        """:raises ValueError: a parameter is bad, or the network cannot be loaded"""
        super().__init__('detector_bridge', **options)
        values = declare(self, PARAMETERS)
        rules = {item.name: values[item.name] for item in fields(AnswerRules)}
        self._rules = AnswerRules(**rules)
        self._aliases = parse_aliases([part for part in values['class_aliases'].split(',') if part])
        self._confirm = values['confirm']
        self._open: dict[str, _Open] = {}
        self._warned_s: dict[str, float] = {}
        self._frames = FrameBuffer(BUFFER_FRAMES, BUFFER_BYTES)
        self._looks: Looks | None = None
        if self._rules.min_similarity > 0.0:
            self._looks = Looks((make_tracker or _load)(values['model'], values['device']))
            self._source = ImageSource(
                self, 'raw', self._frames.put, self.get_logger().error, profile=qos.image_record()
            )
            self.create_subscription(
                Detection2DArray, 'detections', self._on_believed, qos.result()
            )
        self._publisher = self.create_publisher(Detection2D, 'init', qos.command())
        self.create_subscription(ReinitRequest, 'reinit_request', self._on_request, qos.request())
        self.create_subscription(TrackStatus, 'status', self._on_status, qos.result())
        self.create_subscription(
            Detection2DArray, 'candidates', self._on_candidates, qos.image_out()
        )

    def _on_request(self, request: ReinitRequest) -> None:
        waiting = self._open.get(request.id)
        if not request.id or not is_box(box_of(request.last_bbox)):
            self._warn('request', f'request of {request.id!r} ignored: no id, or last_bbox empty')
        elif waiting is None and len(self._open) >= MAX_OPEN:
            self._warn('request', f'request of {request.id!r} ignored: {MAX_OPEN} are open already')
        else:
            if request.attempt == 0:
                self.get_logger().info(f'asked for a new box of {request.id!r} ({request.label!r})')
            proof = waiting.proof if waiting is not None and request.attempt else Proof()
            self._open[request.id] = _Open(request, proof=proof)

    def _on_status(self, status: TrackStatus) -> None:
        waiting = self._open.get(status.id)
        newer = waiting is not None and (
            stamp_ns_of(status.header.stamp) > stamp_ns_of(waiting.request.header.stamp)
        )
        if newer and status.state not in (TrackStatus.LOST, TrackStatus.SEARCHING):
            del self._open[status.id]

    def _on_believed(self, array: Detection2DArray) -> None:
        """Learn what the targets look like."""
        for detection in array.detections:
            stamp_ns = stamp_ns_of(array.header.stamp)
            if self._looks.wants(detection.id, stamp_ns / 1e9):
                frame = self._frame(stamp_ns)
                if frame is not None:
                    self._learn(detection, frame)

    def _learn(self, detection: Detection2D, frame: Frame) -> None:
        try:
            self._looks.learn(detection.id, frame, box_of(detection.bbox))
        except ImageError as error:
            self.get_logger().error(f'image refused: {error}', throttle_duration_sec=1.0)

    def _on_candidates(self, array: Detection2DArray) -> None:
        stamp_ns = stamp_ns_of(array.header.stamp)
        if self._open and stamp_ns <= 0:
            self._warn(
                'stamp',
                'candidates ignored: header.stamp is not set; the detector must '
                'copy the header of its image',
            )
            return
        for target_id, waiting in self._open.items():
            lost_ns = stamp_ns_of(waiting.request.header.stamp)
            of_before = lost_ns - LOOP_NS < stamp_ns <= lost_ns  # when it was still followed
            if not waiting.answered and not of_before:
                waiting.answered = self._answer(target_id, waiting, array)

    def _answer(self, target_id: str, waiting: _Open, array: Detection2DArray) -> bool:
        """Publish a box if one of them is the target; whether it was so."""
        request, stamp_ns = waiting.request, stamp_ns_of(array.header.stamp)
        frame = self._frame(stamp_ns) if self._looks is not None and array.detections else None
        if self._looks is not None and array.detections and frame is None:
            return False
        candidates = [
            Candidate(box_of(item.bbox), label_of(item), _score(item)) for item in array.detections
        ]
        age_s = (stamp_ns - stamp_ns_of(request.last_stamp)) / 1e9
        target = LostTarget(request.label, box_of(request.last_bbox), age_s)
        compare = (
            None
            if frame is None
            else (lambda boxes: self._looks.similarity(target_id, frame, boxes))
        )
        try:
            answer = choose(target, candidates, self._rules, self._aliases, compare)
        except (ImageError, *TRACKER_ERRORS) as error:
            self._warn('compare', f'candidates cannot be compared: {error}')
            return False
        box = None if answer.index is None else candidates[answer.index].box_xywh
        wins = waiting.proof.add(box)
        if box is None or wins < self._confirm:
            why = answer.why + (f', seen {wins} of {self._confirm} times' if box else '')
            self.get_logger().info(f'no answer for {target_id!r}: {why}', throttle_duration_sec=1.0)
            return False
        self._publisher.publish(detection_message(array.header, box, 1.0, target_id, request.label))
        self.get_logger().info(f'answered for {target_id!r}: {answer.why}')
        return True

    def _warn(self, kind: str, text: str) -> None:
        """At most one line a second of each kind."""
        now_s = time.monotonic()
        if now_s - self._warned_s.get(kind, float('-inf')) >= 1.0:
            self._warned_s[kind] = now_s
            self.get_logger().warning(text)

    def _frame(self, stamp_ns: int) -> Frame | None:
        try:
            return self._frames.find(stamp_ns, MATCH_NS)
        except InitError as error:
            self._warn('image', f'no image to compare with: {error}')
            return None


def _score(detection: Detection2D) -> float:
    return detection.results[0].hypothesis.score if detection.results else 1.0


def _load(model: str, device: str) -> Any:
    from siamla_ros.tracker.tracker import load_tracker

    return load_tracker(model=model, device=device)


def main(args: list[str] | None = None) -> int:
    """Run until interrupted."""
    return run(AnswerNode, args)


if __name__ == '__main__':
    sys.exit(main())
