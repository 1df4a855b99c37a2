"""Many targets: one batched forward pass an image, start on a past image with catch-up. No ROS.

Used by one thread only. The tracker may fail on any image: targets survive that, it is reported.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from siamla_ros.geometry.boxes import Box, BoxError, check_init_box
from siamla_ros.geometry.contrast import check_contrast
from siamla_ros.identity.appearance_model import AppearanceModel
from siamla_ros.identity.state import Appearance
from siamla_ros.online.doubles import note_doubles
from siamla_ros.online.frame import Frame
from siamla_ros.online.frame_buffer import FrameBuffer
from siamla_ros.online.init_requests import InitCode, InitError
from siamla_ros.online.parameters import Settings
from siamla_ros.online.search import Searcher
from siamla_ros.online.stats import error_text
from siamla_ros.online.targets import CatchUp, Target, TargetOutput
from siamla_ros.redetection.redetector import Redetector
from siamla_ros.runtime.device import DeviceLostError
from siamla_ros.supervision.acceptance import fitted_models
from siamla_ros.supervision.supervisor import State, Supervisor
from siamla_ros.tracker.results import TrackerLike, TrackResult

logger = logging.getLogger(__name__)


class Engine:
    """Targets by id. Images go in by `process`, init boxes by `start`; outputs come back in order
    of the targets.
    """

    def __init__(self, tracker: TrackerLike, settings: Settings) -> None:
        self.tracker = tracker
        self.targets: dict[str, Target] = {}
        self.catching: dict[str, CatchUp] = {}
        self.errors = 0
        self.last_error = ''
        self.device_lost = False
        self._samples_left = 0  # of appearances, on the image in hand
        self.between: Callable[[], None] = lambda: None  # two pieces of work; may clear targets
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Take over changed parameters; targets stay."""
        self.settings = settings
        evidence, acceptance = fitted_models(self.tracker.calibration)
        search = settings.redetection.mode != 'off'
        self.supervisor = Supervisor(settings.supervision, search, evidence)
        self.appearance = AppearanceModel(self.tracker, settings.identity, acceptance)
        redetector = Redetector(settings.redetection, self.tracker.search_context)
        self.searcher = Searcher(self.tracker, redetector, self.appearance, self.supervisor)

    def replace_tracker(self, tracker: TrackerLike) -> None:
        """Go on with another tracker, after `device_lost`; targets keep their templates."""
        self.tracker, self.device_lost = tracker, False
        self.configure(self.settings)

    def known(self, target_id: str) -> bool:
        """Whether there is such a target, be it still catching up."""
        return target_id in self.targets or target_id in self.catching

    def start(self, target_id: str, label: str, box_xywh: Box, frame: Frame, live: bool) -> None:
        """Follow a box of `frame`; the same id starts the same target anew.

        Args:
            live: `frame` is the newest there is; otherwise the target must `catch_up` first.

        Raises:
            InitError: Box or number of targets, or the tracker failed.
        """
        again = self.known(target_id)
        limit = self.settings.node.max_targets
        if not again and len(self.targets) + len(self.catching) >= limit:
            raise InitError(
                InitCode.TOO_MANY_TARGETS, f'{limit} targets are followed, max_targets = {limit}'
            )
        target = self._new_target(target_id, label, box_xywh, frame, again)
        self.clear(target_id)
        if live:
            self.targets[target_id] = target
        else:
            deadline_s = time.monotonic() + self.settings.node.catch_up_s
            self.catching[target_id] = CatchUp(target, deadline_s)

    def clear(self, target_id: str | None = None) -> list[str]:
        """Forget one target, or all; returns the ids that were forgotten."""
        known = [*self.targets, *self.catching]
        gone = [name for name in known if target_id is None or name == target_id]
        for name in gone:
            self.targets.pop(name, None)
            self.catching.pop(name, None)
        return gone

    def score_boxes(self, target_id: str, frame: Frame, boxes_xywh: Sequence[Box]) -> list[float]:
        """Probabilities in [0, 1] that boxes of an image show a target, by the acceptance model.

        Whatever the tracker raises is passed on.

        Raises:
            KeyError: there is no such target.
            ImageError: the image cannot be used.
        """
        catching = self.catching.get(target_id)
        target = catching.target if catching else self.targets[target_id]
        image, others = frame.to_bgr(), self.targets.values()
        return self.searcher.score_boxes(target, image, boxes_xywh, frame.stamp_ns, others)

    def process(self, frame: Frame) -> list[TargetOutput]:
        """One image for all targets that are not catching up.

        Raises:
            ImageError: The image cannot be used; no target has been changed.
        """
        behind = [target for target in self.targets.values() if target.seq < frame.seq]
        if behind:
            self._advance(behind, frame.to_bgr(), frame)
        return self._outputs_of(frame)

    def note_failure(self, frame: Frame, where: str, error: Exception) -> list[TargetOutput]:
        """An error ended the work on an image: counted, named, and nothing is confirmed on it."""
        self.report(where, error)
        for target in self.targets.values():
            if target.seq <= frame.seq:
                target.seq = frame.seq
                target.apply(
                    self.supervisor.note_failure(target.memory, frame.stamp_s), None, frame.stamp_ns
                )
        return self._outputs_of(frame)

    def suspend(self) -> list[TargetOutput]:
        """The node was paused, or images stay away: no target is confirmed until an image has
        shown it again. Returns what is known of each.
        """
        self.settle()
        for target in self.targets.values():
            target.apply(self.supervisor.suspend(target.memory), None, target.stamp_ns)
            target.bystanders.forget()
        return [target.output for target in self.targets.values() if target.output is not None]

    def _outputs_of(self, frame: Frame) -> list[TargetOutput]:
        """Outputs that were made from this very image, in order of the targets."""
        targets = [target for target in self.targets.values() if target.seq == frame.seq]
        return [target.output for target in targets if target.output is not None]

    def catch_up(self, buffer: FrameBuffer) -> None:
        """Take each target that is behind one image nearer to the present; images are skipped when
        time does not suffice.
        """
        for target_id, item in list(self.catching.items()):
            self.between()
            if self.catching.get(target_id) is not item:
                continue
            frames = buffer.after(item.target.seq)
            if frames:
                began_s = time.monotonic()
                frame = frames[item.stride(len(frames), began_s) - 1]
                self._advance([item.target], frame.to_bgr(), frame)
                item.note_step(time.monotonic() - began_s)
            if not buffer.after(item.target.seq):
                del self.catching[target_id]
                self.targets[target_id] = item.target

    def settle(self) -> None:
        """End every catch-up where it is; the targets go on from the next image."""
        self.targets.update((name, item.target) for name, item in self.catching.items())
        self.catching.clear()

    def _new_target(
        self, target_id: str, label: str, box_xywh: Box, frame: Frame, again: bool
    ) -> Target:
        image = frame.to_bgr()
        size = (image.shape[1], image.shape[0])
        try:
            box = check_init_box(box_xywh, size)
            check_contrast(image, box)
            state = self.tracker.init(image, box)
        except BoxError as error:
            raise InitError.of_box(error) from error
        except Exception as error:  # whatever a runtime raises
            self.report('init', error)
            text = f'the tracker failed: {error_text(error)}'
            raise InitError(InitCode.INTERNAL, text) from error
        decision = self.supervisor.start(frame.stamp_s, box, size, again)
        seen = self.appearance.begin(image, state)
        return Target.begin(target_id, label, box, image, frame, state, decision, seen)

    def _advance(self, targets: Sequence[Target], image: np.ndarray, frame: Frame) -> None:
        """Update the followed targets in one batch; of the others only the time advances."""
        for target in targets:
            target.fit_to((image.shape[1], image.shape[0]))
            target.seq = frame.seq
        followed = [target for target in targets if target.followed]
        found = self._update(image, followed, frame.stamp_s)
        note_doubles(followed, found)
        results = dict(zip((t.id for t in followed), found))
        longest_s = max((frame.stamp_s - t.memory.stamp_s for t in followed), default=0.0)
        self._samples_left = self.appearance.most_samples(len(followed), longest_s)
        for target in targets:
            if (result := results.get(target.id)) is None:
                note = self.supervisor.note_failure if target.followed else self.supervisor.tick
                target.apply(note(target.memory, frame.stamp_s), None, frame.stamp_ns)
            else:
                self._supervise(target, result, image, frame)
        for target in targets:  # all others are where this image shows them
            self.between()
            self._search(target, image, frame)

    def _supervise(
        self, target: Target, result: TrackResult, image: np.ndarray, frame: Frame
    ) -> None:
        interval_s = max(frame.stamp_s - target.memory.stamp_s, 0.0)  # a clock may run back
        sample = self._sample(target, result, image, interval_s)
        latest = sample or target.identity.latest
        continuity = target.continuity.see(image, result.box_xywh, frame.stamp_s)
        seen = target.observed(result, image, frame.stamp_s, latest, continuity)
        decision = self.supervisor.step(target.memory, seen)
        if decision.confirmed and decision.state is State.TRACKING:
            target.bystanders.confirm(image, result, frame.stamp_s)
        target.identity = self.appearance.remember(
            target.identity, sample, decision.learn_appearance, interval_s
        )
        target.apply(decision, result, frame.stamp_ns)

    def _sample(
        self, target: Target, result: TrackResult, image: np.ndarray, interval_s: float
    ) -> Appearance | None:
        """The appearance of the box, if it is time to sample it; always where the frame is bad."""
        config = self.supervisor.config
        uncertain = (
            target.memory.state is State.UNCERTAIN or result.supervised < config.low_threshold
        )
        try:
            sample = self.appearance.sample(
                target.identity,
                image,
                target.state,
                result,
                interval_s=interval_s,
                low_confidence=result.supervised < config.high_threshold,
                uncertain=uncertain,
                may_wait=self._samples_left <= 0,
            )
        except Exception as error:  # noqa: BLE001 - whatever a runtime raises
            self.report('verification', error)
            return None
        self._samples_left -= sample is not None and not uncertain
        return sample

    def _search(self, target: Target, image: np.ndarray, frame: Frame) -> None:
        """Search for the target if it is SEARCHING."""
        if target.memory.state is not State.SEARCHING:
            target.search = target.pursuit = None
            return
        try:
            result = self.searcher.search(target, image, frame.stamp_s, self.targets.values())
        except Exception as error:  # noqa: BLE001 - whatever a runtime raises
            self.report('search', error)
            return
        if result is None and target.output is not None:
            target.output = replace(target.output, searched_xywh=target.searched_xywh)
        elif result is not None:
            decision = self.supervisor.reacquire(
                target.memory, frame.stamp_s, result.box_xywh, target.image_size
            )
            target.begin_again(image, result, frame.stamp_s)
            target.apply(decision, result, frame.stamp_ns)

    def _update(
        self, image: np.ndarray, targets: list[Target], stamp_s: float
    ) -> list[TrackResult | None]:
        """Results in order; None where the tracker failed."""
        if not targets:
            return []
        try:
            states = [t.state.waited(stamp_s - t.state_s) for t in targets]
            found = self.tracker.update(image, states)
            verified = self.appearance.verified
            return [verified(t.identity, image, t.state, r) for t, r in zip(targets, found)]
        except Exception as error:  # noqa: BLE001 - whatever a runtime raises
            self.report('update', error)
        if len(targets) == 1 or self.device_lost:
            return [None] * len(targets)
        # one bad target, or too large a batch: each for itself
        return [result for target in targets for result in self._update(image, [target], stamp_s)]

    def report(self, where: str, error: Exception) -> None:
        """Count an error and name it for diagnostics and the log."""
        self.errors += 1
        self.last_error = f'{where}: {error_text(error)}'
        self.device_lost = self.device_lost or isinstance(error, DeviceLostError)
        logger.error('tracker failed in %s', self.last_error)
