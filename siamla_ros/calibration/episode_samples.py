"""What the node's engine looks at in an episode, recorded with the truth, to fit `identity` by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from siamla_ros.evaluation.followers import frame_of, settings_for
from siamla_ros.evaluation.scenarios import Episode
from siamla_ros.geometry import boxes
from siamla_ros.identity import model as identity
from siamla_ros.identity.model import Identity, Look, Measured
from siamla_ros.identity.verifier import SMALLEST_PX, Recognizer
from siamla_ros.online.engine import Engine
from siamla_ros.tracker.results import BoxAnswer
from siamla_ros.tracker.tracker import Tracker

# The shipped threshold would end most looks at what is followed in the target's stead as soon as
# they begin, and none at all would leave nothing to search for.
PATIENCE = 0.014


@dataclass(frozen=True)
class Shot:
    """One look: on frame `frame`, while the target was searched for or else tracked.

    overlap: IoU with the truth, 0 while the target is away, NaN where the truth is not known.
    known: what was remembered of the target then, without the views, which `seen` is against.
    """

    frame: int
    searching: bool
    box_xywh: tuple[float, float, float, float]
    overlap: float
    seen: Measured
    known: Identity


@dataclass(frozen=True)
class Story:
    """All looks of an episode, in order; gone, back: first frame without the target, and with it.

    known, lost_xywh: what was remembered of it when it went, and its last box.
    """

    name: str
    scenario: str
    gone: int
    back: int
    shots: tuple[Shot, ...]
    known: Identity
    lost_xywh: tuple[float, float, float, float]


class Recorder(Recognizer):
    """Notes every look, and takes one where the node would not: on each frame of a followed target
    whose confidence alone does not speak against it. How rarely a right one looks wrong takes many
    looks to tell.
    """

    def __init__(self, tracker: Any, config: identity.IdentityConfig, episode: Episode) -> None:
        super().__init__(tracker, config)
        self._episode = episode
        self.frame, self.searching = 0, False
        self.shots: list[Shot] = []
        self._known = Identity()

    def glance(
        self, known: Identity, image_bgr: np.ndarray, state: Any, answer: BoxAnswer, **kwargs: Any
    ) -> Any:
        self._known, self.searching = known, False
        glance = super().glance(known, image_bgr, state, answer, **kwargs)
        if glance.look is None and min(answer.box_xywh[2:]) >= SMALLEST_PX:
            self._look(image_bgr, state, answer)
        return glance

    def probabilities(
        self, known: Identity, image_bgr: np.ndarray, state: Any, answers: Sequence[BoxAnswer]
    ) -> list[float]:
        self._known, self.searching = known, True
        return super().probabilities(known, image_bgr, state, answers)

    def _look(self, image_bgr: np.ndarray, state: Any, answer: BoxAnswer) -> Look:
        look = super()._look(image_bgr, state, answer)
        truth = self._episode.sequence
        box = tuple(answer.box_xywh)
        overlap = 0.0
        if not truth.absent[self.frame]:
            overlap = float(boxes.iou(box, tuple(truth.boxes_xywh[self.frame])))
        self.shots.append(
            Shot(
                self.frame,
                self.searching,
                box,
                overlap,
                identity.measured(self._known, look),
                replace(self._known, views=()),
            )
        )
        return look


def record(tracker: Tracker, episode: Episode) -> Story:
    """Run the engine with a global search that never accepts."""
    settings = settings_for(tracker, 'global')
    never = replace(settings.recovery, accept_threshold=1.0, confirm_frames=1000)
    patient = replace(settings.supervisor, identity_threshold=PATIENCE)
    settings = replace(settings, recovery=never, supervisor=patient)
    engine = Engine(tracker, settings)
    recorder = Recorder(tracker, settings.identity, episode)
    engine.recognizer = engine.searcher.recognizer = recorder
    known, lost = Identity(), (0.0, 0.0, 1.0, 1.0)
    for index, image in enumerate(episode.sequence.frames()):
        recorder.frame = index
        frame = frame_of(image, index)
        if index == 0:
            box = tuple(float(value) for value in episode.sequence.init_box_xywh)
            engine.start('target', '', box, frame, live=True)
        engine.process(frame)
        if index == episode.gone - 1:
            target = engine.targets['target']
            known, lost = replace(target.identity, views=()), target.memory.search_box_xywh
    if engine.errors:
        raise ValueError(f'{episode.sequence.name}: {engine.last_error}')
    name = episode.sequence.name
    return Story(
        name, episode.scenario, episode.gone, episode.back, tuple(recorder.shots), known, lost
    )
