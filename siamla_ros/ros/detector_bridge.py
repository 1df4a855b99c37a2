"""Gives lost targets a new box from the boxes of a detector, without an operator.

    ros2 run siamla_ros detector_bridge --ros-args -r candidates:=/yolo/detections

Any vision_msgs/Detection2DArray will do (YOLO nodes, Isaac ROS). The chosen box goes out on `init`
with the stamp of the detector's image; the tracker catches up from there. With `min_probability`
above 0 the tracker node scores how likely each box shows the target (its service `score_boxes`).
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field, fields
from typing import Any

from rclpy.node import Node
from rclpy.task import Future
from vision_msgs.msg import Detection2D, Detection2DArray

from siamla_ros.geometry.boxes import Box
from siamla_ros.msg import ReinitRequest, TrackStatus
from siamla_ros.online.candidate_matching import (
    Candidate,
    ConsecutiveMatches,
    LostTarget,
    Match,
    MatchingRules,
    fitting,
    is_box,
    match_by_distance,
    match_by_probability,
    parse_aliases,
)
from siamla_ros.online.parameters import Parameter, rows_of
from siamla_ros.ros import qos
from siamla_ros.ros.messages import box_message, box_of, detection_message, label_of, stamp_ns_of
from siamla_ros.ros.parameter_server import declare_once
from siamla_ros.ros.running import run
from siamla_ros.srv import ScoreBoxes

PARAMETERS = (
    *rows_of(MatchingRules),
    Parameter(
        'confirm', 2, 'arrays of candidates in a row in which the same box must win', minimum=1
    ),
    Parameter(
        'class_aliases', '', 'label=class_id, comma-separated, if the detector counts its classes'
    ),
    Parameter('tracker', 'tracker', 'name of the tracker node, whose service is called'),
)
LOOP_NS = 10_000_000_000  # candidates older than that before the loss: a bag begins again
MAX_OPEN, MAX_BOXES = 64, 64
NEAR_NS = 500_000_000  # between two images on which a target is about in one place
SCORE_WAIT_S = 5.0  # after which an answer of the tracker is not waited for any more


@dataclass
class _Open:
    """One open request; `requested_s`: since when the tracker scores it, 0 if it does not."""

    request: ReinitRequest
    answered: bool = False
    requested_s: float = 0.0
    matches: ConsecutiveMatches = field(default_factory=ConsecutiveMatches)


class DetectorBridge(Node):
    """Subscribes reinit_request, candidates and status; publishes init."""

    def __init__(self, **options: Any) -> None:
        """Connect to the graph.

        Raises:
            ValueError: a parameter is bad.
        """
        super().__init__('detector_bridge', **options)
        values = declare_once(self, PARAMETERS)
        rules = {item.name: values[item.name] for item in fields(MatchingRules)}
        self._rules = MatchingRules(**rules)
        self._aliases = parse_aliases([part for part in values['class_aliases'].split(',') if part])
        self._confirm = values['confirm']
        self._open: dict[str, _Open] = {}
        self._confirmed: dict[str, tuple[int, Box]] = {}  # stamp and box of each target
        self._warned_s: dict[str, float] = {}
        self._score = self.create_client(ScoreBoxes, f'{values["tracker"]}/score_boxes')
        self._publisher = self.create_publisher(Detection2D, 'init', qos.command())
        self.create_subscription(ReinitRequest, 'reinit_request', self._on_request, qos.request())
        self.create_subscription(TrackStatus, 'status', self._on_status, qos.result())
        self.create_subscription(
            Detection2DArray, 'candidates', self._on_candidates, qos.image_out()
        )

    def _on_request(self, request: ReinitRequest) -> None:
        known = self._open.get(request.id)
        if request.closed:
            self._open.pop(request.id, None)
        elif not request.id or not is_box(box_of(request.last_bbox)):
            self._warn('request', f'request of {request.id!r} ignored: no id, or last_bbox empty')
        elif known is not None and request.attempt:
            known.request, known.answered = request, False
        else:
            if known is None and len(self._open) >= MAX_OPEN:
                oldest = next(iter(self._open))
                del self._open[oldest]
                self._warn('request', f'request of {oldest!r} dropped: {MAX_OPEN} newer ones')
            self.get_logger().info(f'asked for a new box of {request.id!r} ({request.label!r})')
            self._open[request.id] = _Open(request)

    def _note_confirmed(self, status: TrackStatus) -> None:
        """Remember where a target is, for as long as it is confirmed."""
        self._confirmed.pop(status.id, None)
        if status.confirmed and is_box(box := box_of(status.bbox)):
            self._confirmed[status.id] = stamp_ns_of(status.header.stamp), box
            while len(self._confirmed) > MAX_OPEN:
                del self._confirmed[next(iter(self._confirmed))]

    def _on_status(self, status: TrackStatus) -> None:
        self._note_confirmed(status)
        if status.state == TrackStatus.IDLE and not status.id:
            self._drop_before(stamp_ns_of(status.header.stamp))
        known = self._open.get(status.id)
        if known is None:
            return
        newer = stamp_ns_of(status.header.stamp) > stamp_ns_of(known.request.header.stamp)
        followed = status.state in (TrackStatus.TRACKING, TrackStatus.UNCERTAIN)
        # A target that was cleared is IDLE on a status without a stamp: no image belongs to it.
        if status.state == TrackStatus.IDLE or (newer and followed):
            del self._open[status.id]

    def _drop_before(self, stamp_ns: int) -> None:
        """The tracker has no target: requests from before are those of a process that has ended."""
        for name, entry in list(self._open.items()):
            if stamp_ns_of(entry.request.header.stamp) < stamp_ns:
                del self._open[name]
                self.get_logger().info(f'request of {name!r} dropped: the tracker has no target')

    def _on_candidates(self, array: Detection2DArray) -> None:
        stamp_ns = stamp_ns_of(array.header.stamp)
        if self._open and stamp_ns <= 0:
            self._warn(
                'stamp',
                'candidates ignored: header.stamp is not set; the detector must '
                'copy the header of its image',
            )
            return
        for entry in self._open.values():
            lost_ns = stamp_ns_of(entry.request.header.stamp)
            before_loss = lost_ns - LOOP_NS < stamp_ns <= lost_ns
            if not (entry.answered or before_loss or self._is_scoring(entry)):
                self._consider(entry, array)

    def _is_scoring(self, entry: _Open) -> bool:
        return bool(entry.requested_s) and time.monotonic() - entry.requested_s < SCORE_WAIT_S

    def _consider(self, entry: _Open, array: Detection2DArray) -> None:
        """Choose among the boxes of one array, at once or when the tracker has scored them."""
        request = entry.request
        age_s = (stamp_ns_of(array.header.stamp) - stamp_ns_of(request.last_stamp)) / 1e9
        target = LostTarget(request.label, box_of(request.last_bbox), age_s)
        candidates = [
            Candidate(box_of(item.bbox), label_of(item), _score(item)) for item in array.detections
        ]
        stamp_ns = stamp_ns_of(array.header.stamp)
        taken = [
            box
            for name, (seen_ns, box) in self._confirmed.items()
            if name != request.id and abs(seen_ns - stamp_ns) <= NEAR_NS
        ]
        fits = fitting(target, candidates, self._rules, self._aliases, taken)[:MAX_BOXES]
        if not fits:
            why = (
                f'none of {len(candidates)} boxes is free and fits by class, score, place and size'
            )
            self._decide(entry, array, candidates, Match(None, why))
        elif self._rules.min_probability > 0.0:
            self._request_scores(entry, array, candidates, fits)
        else:
            match = match_by_distance(target, candidates, fits, self._rules)
            self._decide(entry, array, candidates, match)

    def _request_scores(
        self, entry: _Open, array: Detection2DArray, candidates: list[Candidate], fits: list[int]
    ) -> None:
        """Request the probabilities of the fitting boxes; the answer comes later."""
        if not self._score.service_is_ready():
            self._warn('service', f'there is no service {self._score.srv_name}: no box is taken')
            return
        question = ScoreBoxes.Request(
            stamp=array.header.stamp,
            id=entry.request.id,
            boxes=[box_message(candidates[index].box_xywh) for index in fits],
        )
        entry.requested_s = requested_s = time.monotonic()

        def take(future: Future) -> None:
            response = future.result()
            if entry.requested_s != requested_s or self._open.get(entry.request.id) is not entry:
                return  # too late, or the request was closed in the meantime
            entry.requested_s = 0.0
            if response.code != ScoreBoxes.Response.OK or len(response.probabilities) != len(fits):
                self._warn('score', f'boxes cannot be compared: {response.message}')
                return
            match = match_by_probability(fits, response.probabilities, self._rules)
            self._decide(entry, array, candidates, match)

        self._score.call_async(question).add_done_callback(take)

    def _decide(
        self, entry: _Open, array: Detection2DArray, candidates: list[Candidate], match: Match
    ) -> None:
        """Publish the chosen box once it has won often enough."""
        request = entry.request
        box = None if match.index is None else candidates[match.index].box_xywh
        wins = entry.matches.add(box)
        if box is None or wins < self._confirm:
            why = match.why + (f', seen {wins} of {self._confirm} times' if box else '')
            text = f'no box for {request.id!r}: {why}'
            self.get_logger().info(text, throttle_duration_sec=1.0)
            return
        self._publisher.publish(
            detection_message(array.header, box, 1.0, request.id, request.label)
        )
        self.get_logger().info(f'new box for {request.id!r}: {match.why}')
        entry.answered = True

    def _warn(self, kind: str, text: str) -> None:
        """At most one line a second of each kind."""
        now_s = time.monotonic()
        if now_s - self._warned_s.get(kind, float('-inf')) >= 1.0:
            self._warned_s[kind] = now_s
            self.get_logger().warning(text)


def _score(detection: Detection2D) -> float:
    return detection.results[0].hypothesis.score if detection.results else 1.0


def main(args: list[str] | None = None) -> int:
    """Run until interrupted."""
    return run(DetectorBridge, args)


if __name__ == '__main__':
    sys.exit(main())
