"""A simulated tracker for searches, instead of a network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from siamla_ros.geometry import boxes
from siamla_ros.redetection.config import RedetectionConfig
from siamla_ros.redetection.redetector import Redetector, SearchResult

IMAGE = (640, 480)
LAST = (300.0, 200.0, 40.0, 40.0)
WINDOW = 4.0  # side of the search windows in box sides
CONFIG = RedetectionConfig(
    mode='global',
    windows_per_image=4,
    accept_threshold=0.6,
    hint_threshold=0.3,
    confirm_frames=3,
    confirm_s=0.05,
    distractor_ratio=0.8,
    displacement_penalty=0.0,
    rings=2,
    images_per_ring=4,
)
RATE_HZ = 30.0


@dataclass(frozen=True)
class Answer:
    box_xywh: tuple[float, float, float, float]
    confidence: float
    second_peak: float = 0.0


@dataclass(frozen=True)
class Thing:
    """Something in the scene that looks like the target; `score` is how much."""

    box_xywh: tuple[float, float, float, float]
    score: float = 0.9


def probe(things: list[Thing], windows, window: float = WINDOW) -> list[Answer]:
    """What a tracker would answer: the likest thing within each window, at a fitting scale."""
    answers = []
    for box in windows:
        cx, cy = boxes.center(box)
        best = Answer(tuple(box), 0.05)
        for thing in things:
            x, y, w, h = thing.box_xywh
            held = abs(x + w / 2 - cx) + w / 2 <= box[2] * window / 2 and (
                abs(y + h / 2 - cy) + h / 2 <= box[3] * window / 2
            )
            misfit = abs(math.log(math.sqrt(w * h / (box[2] * box[3]))))
            confidence = thing.score * max(0.0, 1.0 - 0.4 * misfit)
            if held and confidence > best.confidence:
                best = Answer(thing.box_xywh, confidence)
        answers.append(best)
    return answers


def search(
    things,
    frames: int = 60,
    config: RedetectionConfig = CONFIG,
    velocity=(0.0, 0.0),
    last=LAST,
    verify=None,
) -> tuple[int | None, SearchResult, list[int]]:
    """(image of acceptance or None, last result, number of windows on each image).

    things: a list, or a function of the frame number that gives one.
    """
    redetector = Redetector(config, WINDOW)
    memory = redetector.begin(last, 0.0, velocity)
    spent, result = [], SearchResult(None, memory)
    for frame in range(1, frames + 1):
        plan = redetector.propose(memory, IMAGE, frame / RATE_HZ)
        spent.append(len(plan.boxes_xywh))
        scene = things(frame) if callable(things) else things
        found = probe(scene, plan.boxes_xywh, WINDOW)
        result = redetector.evaluate(plan.memory, found, verify)
        memory = result.memory
        if result.index is not None:
            assert found[result.index].confidence >= config.hint_threshold
            assert result.memory.hypotheses == ()
            return frame, result, spent
    return None, result, spent
