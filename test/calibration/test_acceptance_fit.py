"""What a search accepts: the samples that are recorded, and the model that is fitted to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.evaluation_doubles import ColorTracker, square_scene

from siamla_ros.calibration.acceptance_fit import fit_acceptance, log_odds
from siamla_ros.calibration.search_samples import SearchSamples, record_search
from siamla_ros.evaluation.scenarios import episodes
from siamla_ros.supervision.acceptance import AcceptanceModel


def search(seed: int, places: int, right: bool) -> SearchSamples:
    """Thirty images with so many places; the first is the target's, if any is."""
    random = np.random.default_rng(seed)
    frame = np.repeat(np.arange(30), places)
    hit = np.tile(np.arange(places) == 0, 30) & right
    similarity = np.where(hit, 0.7, 0.6) + random.normal(0, 0.05, len(frame))
    color = np.where(hit, 0.9, 0.8) + random.normal(0, 0.05, len(frame))
    confidence = np.clip(np.where(hit, 0.9, 0.8) + random.normal(0, 0.05, len(frame)), 0, 1)
    distractor_level = 0.1 * np.ones(len(confidence))
    response = 0.6 * np.ones(len(confidence))
    parts = [confidence, 0.02 * confidence, similarity, color, distractor_level, response]
    values = np.column_stack(parts)
    return SearchSamples(f's{seed}', frame, np.clip(values, 0, 1), hit, ~hit)


def searches() -> list[SearchSamples]:
    """Targets come back where nothing else looks like them; elsewhere there are many alike."""
    lone = [search(seed, 1, True) for seed in range(12)]
    return lone + [search(50 + seed, 3, False) for seed in range(12)]


def test_other_places_count_against_one_where_they_did_so_in_the_material():
    start = AcceptanceModel(other_weight=0.0)
    found = fit_acceptance(searches(), start)
    assert found.model.other_weight < -0.5
    assert found.model.similarity_weight > 0 and found.model.second_peak_weight <= 0
    assert found.auroc > 0.95 and (found.right, found.wrong) == (360, 1080)


def test_little_material_leaves_the_model():
    few = [search(1, 1, True)]
    found = fit_acceptance(few)
    assert found.model == AcceptanceModel() and math.isnan(found.auroc)
    assert fit_acceptance([]).model == AcceptanceModel()


def test_places_of_one_image_speak_against_each_other_and_those_of_others_do_not():
    item = search(3, 2, True)
    model = AcceptanceModel()
    alone = log_odds(AcceptanceModel(other_weight=0.0), item)
    found = log_odds(model, item)
    for first, second in zip(range(0, 60, 2), range(1, 60, 2)):
        against = model.other_weight / (1.0 + np.exp(-alone[[second, first]]))
        assert found[[first, second]] == pytest.approx(alone[[first, second]] + against)
    one = search(3, 1, True)
    assert log_odds(model, one) == pytest.approx(log_odds(AcceptanceModel(other_weight=0.0), one))


def test_samples_without_appearance_are_left_out():
    item = search(3, 2, True)
    item.values[:10, 2] = np.nan
    found = fit_acceptance([item])
    assert found.right + found.wrong == 50


def test_a_recorded_search_accepts_nothing_and_knows_the_truth():
    scene, donor = square_scene(), square_scene('donor', seed=5)
    for image in donor.images:
        image[:] = image // 3
    episode = next(episodes(scene, donor, 0, ('leave_same',)))
    found = record_search(ColorTracker(), episode.sequence)
    assert found.right.sum() > 30  # never accepted, the returned target is looked at to the end
    assert not (found.right & found.wrong).any()
    assert found.frame[found.right].min() >= episode.back
    assert found.frame.max() == len(episode.sequence) - 1
    assert np.isfinite(found.values).all()
