"""From outputs to ROS messages. The image header is copied verbatim."""

from __future__ import annotations

import math

from builtin_interfaces.msg import Duration, Time
from std_msgs.msg import Header
from vision_msgs.msg import BoundingBox2D, Detection2D, ObjectHypothesisWithPose

from siamla_ros.geometry.boxes import Box
from siamla_ros.msg import ReinitRequest, TrackStatus
from siamla_ros.online.frame import Frame
from siamla_ros.online.init_requests import check_id, check_label
from siamla_ros.online.recording import StatusSample
from siamla_ros.online.reinit_requests import Request
from siamla_ros.online.targets import TargetOutput
from siamla_ros.supervision.supervisor import State
from siamla_ros.tracker.results import SCORES


def header_of(frame: Frame) -> Header:
    """The header that the image came with."""
    return Header(stamp=Time(sec=frame.sec, nanosec=frame.nanosec), frame_id=frame.frame_id)


def box_message(box_xywh: Box) -> BoundingBox2D:
    """Half-open x, y, w, h in pixels as center and size."""
    x, y, w, h = (float(value) for value in box_xywh)
    message = BoundingBox2D(size_x=w, size_y=h)
    message.center.position.x = x + w / 2.0
    message.center.position.y = y + h / 2.0
    return message


def box_of(message: BoundingBox2D) -> Box:
    """Center and size as half-open x, y, w, h in pixels; a rotation is ignored."""
    w, h = message.size_x, message.size_y
    position = message.center.position
    return position.x - w / 2.0, position.y - h / 2.0, w, h


def detection_message(
    header: Header, box_xywh: Box, score: float, target_id: str, label: str
) -> Detection2D:
    """A box with an id, and one hypothesis: label and score."""
    hypothesis = ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id = label
    hypothesis.hypothesis.score = float(score)
    return Detection2D(
        header=header, results=[hypothesis], bbox=box_message(box_xywh), id=target_id
    )


def label_of(detection: Detection2D) -> str:
    """class_id of the first hypothesis; empty without one."""
    return detection.results[0].hypothesis.class_id if detection.results else ''


def stamp_ns_of(stamp: Time) -> int:
    """A stamp in nanoseconds."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def time_message(stamp_ns: int) -> Time:
    """Nanoseconds as a stamp."""
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    return Time(sec=sec, nanosec=nanosec)


def duration_message(seconds: float) -> Duration:
    """Seconds, negative ones too, within the range of the message."""
    limited = min(max(seconds, -2147483648.0), 2147483647.0)
    sec = math.floor(limited)
    return Duration(sec=sec, nanosec=min(int((limited - sec) * 1e9), 999_999_999))


def status_message(
    header: Header, output: TargetOutput | None, latency_s: float, show_predicted: bool
) -> TrackStatus:
    """The status of one target, or IDLE when there is none."""
    message = TrackStatus(header=header, latency=duration_message(latency_s))
    if output is None:
        return message
    message.id, message.label = output.id, output.label
    message.state, message.reason = int(output.state), int(output.reason)
    for name in SCORES:
        setattr(message, name, output.score(name))
    message.bbox = box_message(output.box_xywh)
    message.confirmed = output.confirmed
    message.frames_in_state = output.frames_in_state
    if show_predicted and output.predicted_xywh is not None:
        message.has_predicted = True
        message.predicted_bbox = box_message(output.predicted_xywh)
    return message


def request_message(request: Request) -> ReinitRequest:
    """A request for a new box of a lost target, or its withdrawal."""
    output = request.output
    return ReinitRequest(
        header=request.header,
        id=output.id,
        label=output.label,
        last_bbox=box_message(output.last_here_xywh or output.last_confirmed_xywh),
        last_stamp=time_message(output.last_confirmed_ns),
        reason=int(request.reason),
        attempt=request.attempt,
        closed=request.closed,
    )


def sample_of(status: TrackStatus) -> StatusSample:
    """A status of a target, as far as it can be drawn and listed.

    Raises:
        ValueError: A field has no such value; anybody may publish a status.
    """
    target_id, label = check_id(status.id), check_label(status.label)
    box, predicted = box_of(status.bbox), None
    if status.has_predicted:
        predicted = box_of(status.predicted_bbox)
    numbers_of = {'confidence': (status.confidence,), 'bbox': box, 'predicted_bbox': predicted}
    for name, numbers in numbers_of.items():
        if not all(math.isfinite(number) for number in numbers or ()):
            raise ValueError(f'status: {name} is {numbers}, must be finite')
    if status.state not in set(State):
        raise ValueError(f'status: state is {status.state}, must be one of {_states()}')
    return StatusSample(
        label or target_id,
        State(status.state),
        status.confidence,
        box,
        status.confirmed,
        predicted,
    )


def _states() -> str:
    return ', '.join(f'{state.value} ({state.name})' for state in State)
