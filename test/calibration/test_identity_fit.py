"""What is fitted to recorded looks, on records whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from siamla_ros.calibration import identity_fit
from siamla_ros.calibration.calibrate_identity import as_yaml
from siamla_ros.calibration.episode_samples import Shot, Story
from siamla_ros.identity import model as identity
from siamla_ros.identity.model import Identity, IdentityConfig, Measured, Spread
from siamla_ros.redetection.redetector import RecoveryConfig

GONE, BACK, END = 40, 60, 100
NOTICED = 6  # frames after it has gone that its look-alike is followed
HERE, THERE = (10.0, 10.0, 20.0, 20.0), (200.0, 90.0, 20.0, 20.0)


def story(seed: int, level: float, alike: float = 0.1, telling: bool = True) -> Story:
    """A target whose similarity is about `level`, and a look-alike that has `alike` less while the
    target is away; without `telling` both look the same.
    """
    rng = np.random.default_rng(seed)
    known = Identity(
        confidence=Spread(20, 3.0, 0.1),
        likeness=Spread(20, level, 0.02**2),
        color=Spread(20, 0.95, 0.02**2),
    )
    shots = []
    for frame in range(END):
        searching, away = frame >= GONE + NOTICED, GONE <= frame < BACK
        less = alike if away and telling else 0.0
        seen = Measured(
            float(rng.normal(3.0, 0.3)),
            float(rng.normal(level - less, 0.02)),
            float(rng.normal(0.95 - less, 0.02)),
        )
        box, overlap = (THERE, 0.0) if away else (HERE, 0.8)
        shots.append(Shot(frame, searching, box, overlap, seen, known))
    return Story(f'story_{seed}', 'test', GONE, BACK, tuple(shots), known, HERE)


STORIES = [story(seed, level) for seed, level in enumerate([0.6, 0.7, 0.8, 0.9] * 4)]


def test_what_is_usual_is_the_mean_over_targets():
    found = identity_fit.usual(STORIES)
    assert found['usual_likeness'] == pytest.approx(0.75)
    assert found['likeness_spread'] == pytest.approx(0.02)


def test_what_tells_gets_a_weight_and_what_does_not_gets_little():
    found = identity_fit.weights(IdentityConfig(), STORIES)
    assert found['likeness_weight'] > 2 * found['confidence_weight'] >= 0.0
    assert found['color_weight'] > 2 * found['confidence_weight']


def test_the_weights_have_not_seen_what_searches_are_judged_by():
    swapped = [
        replace(
            story,
            shots=tuple(
                replace(shot, overlap=0.8 - shot.overlap) if shot.searching else shot
                for shot in story.shots
            ),
        )
        for story in STORIES
    ]
    alone = identity_fit.weights(IdentityConfig(), STORIES)
    assert identity_fit.weights(IdentityConfig(), swapped) == pytest.approx(alone)


def test_thresholds_find_the_target_and_not_its_likeness():
    result = identity_fit.fit(STORIES, 0.02, 0.001)
    config = IdentityConfig(**result.identity)
    found = identity_fit.search(config, STORIES, result.accept_threshold)
    assert (found.wrong, found.in_time) == (0, len(STORIES))
    assert identity_fit.auc(config, STORIES) > 0.99
    assert 0.0 <= result.identity_threshold <= identity_fit.MOST_DOUBT


def test_an_episode_without_looks_changes_nothing():
    blind = Story('blind', 'test', GONE, BACK, (), STORIES[0].known, HERE)
    alone = identity_fit.weights(IdentityConfig(), STORIES)
    assert identity_fit.weights(IdentityConfig(), [*STORIES, blind]) == pytest.approx(alone)


def test_who_cannot_be_told_apart_is_counted_as_wrong():
    twins = [story(seed, 0.8, telling=False) for seed in range(8)]
    config = IdentityConfig(usual_likeness=0.8, bias=6.0)
    found = identity_fit.search(config, twins, 0.5)
    assert found.wrong == len(twins) and found.wrong_share == 1.0


def test_a_find_takes_as_many_looks_as_recovery_asks():
    config = IdentityConfig(bias=8.0)
    lone = story(0, 0.8)
    shots = [shot for shot in lone.shots if shot.frame >= BACK]
    need = RecoveryConfig().confirm_frames
    few = Story('few', 'test', GONE, BACK, tuple(shots[: need - 1]), lone.known, HERE)
    enough = Story('enough', 'test', GONE, BACK, tuple(shots[:need]), lone.known, HERE)
    assert identity_fit.search(config, [few], 0.5).right == 0
    assert identity_fit.search(config, [enough], 0.5).right == 1


def test_records_of_one_kind_are_refused():
    lone = story(0, 0.8)
    shots = tuple(shot for shot in lone.shots if shot.overlap)
    right = Story('x', 'test', GONE, BACK, shots, lone.known, HERE)
    with pytest.raises(ValueError, match='must hold both'):
        identity_fit.weights(IdentityConfig(), [right])
    unsearched = [
        replace(story, shots=tuple(s for s in story.shots if not s.searching)) for story in STORIES
    ]
    with pytest.raises(ValueError, match='records of searches hold 0'):
        identity_fit.fit(unsearched, 0.02, 0.005)
    with pytest.raises(ValueError, match='two looks'):
        identity_fit.usual([Story('x', 'test', GONE, BACK, (), Identity(), HERE)])


def test_the_yaml_is_what_the_node_takes():
    yaml = pytest.importorskip('yaml')
    result = identity_fit.fit(STORIES, 0.02, 0.001)
    found = yaml.safe_load(as_yaml(result))['/**']['ros__parameters']
    config = IdentityConfig(**found['identity'])
    assert identity.deviations(config, STORIES[0].known, STORIES[0].shots[0].seen) is not None
    RecoveryConfig(**found['recovery'], hint_threshold=0.0)
