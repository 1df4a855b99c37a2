"""What is recorded of an episode to fit `identity` by."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.evaluation_doubles import ColorTracker, square_scene

from siamla_ros.calibration.episode_samples import record
from siamla_ros.evaluation import scenarios
from siamla_ros.evaluation.followers import frame_of, settings_for
from siamla_ros.online.engine import Engine


@pytest.fixture(scope='module')
def episode():
    return scenarios.occlusion(15)(square_scene('a', seed=0), square_scene('b', seed=9), 0)


def test_every_followed_frame_is_looked_at_and_its_truth_noted(episode):
    story = record(ColorTracker(), episode)
    before = [s for s in story.shots if s.frame < story.gone]
    assert {s.frame for s in before} == set(range(1, story.gone))
    assert not any(s.searching for s in before) and all(s.overlap > 0.5 for s in before)
    away = [s for s in story.shots if story.gone <= s.frame < story.back]
    assert all(s.overlap == 0.0 for s in away)


def test_the_extra_looks_teach_the_target_nothing(episode):
    """What is known of it when it goes is what the node would know."""
    story = record(ColorTracker(), episode)
    tracker = ColorTracker()
    engine = Engine(tracker, settings_for(tracker, 'global'))
    for index, image in zip(range(episode.gone), episode.sequence.frames()):
        frame = frame_of(image, index)
        if index == 0:
            box = tuple(float(v) for v in episode.sequence.init_box_xywh)
            engine.start('target', '', box, frame, live=True)
        engine.process(frame)
    assert story.known == replace(engine.targets['target'].identity, views=())
