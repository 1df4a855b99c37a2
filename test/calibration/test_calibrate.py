"""`siamla calibrate`: what is fitted to samples, and that what is written is what is read."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.bystander_scenes import Judging
from support.evaluation_doubles import square_scene
from support.ros_doubles import IdentityTracker

from siamla_ros.calibration import workflow
from siamla_ros.calibration.evidence_fit import auroc, fit_evidence, presence_of
from siamla_ros.calibration.frame_samples import COLUMNS, FrameSamples, record
from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.platt import fit_beside
from siamla_ros.evaluation.splice import FrameList
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.supervision.presence import EvidenceModel
from siamla_ros.tracker.logistic import peak_ratio, platt


def sigmoid(value):
    return 1.0 / (1.0 + np.exp(-value))


def sequence(name: str, right: np.ndarray, seed: int, gone: int | None = None) -> FrameSamples:
    """Right boxes are confident and similar; wrong ones often confident, never as similar."""
    random = np.random.default_rng(seed)
    count = len(right)
    confidence = sigmoid(np.where(right, 3.0, 0.0) + random.normal(0, 1.5, count))
    peak = confidence * np.where(right, 0.02, 0.3) * random.random(count)
    similarity = np.clip(np.where(right, 0.75, 0.5) + random.normal(0, 0.08, count), 0, 1)
    color = np.clip(np.where(right, 0.95, 0.85) + random.normal(0, 0.05, count), 0, 1)
    distractor_level = 0.4 * random.random(count)
    response = np.clip(np.where(right, 0.6, 0.4) + random.normal(0, 0.1, count), 0, 1)
    bystander_level = np.where(right, 0.0, 1.0) * (random.random(count) < 0.5)
    parts = [confidence, peak, similarity, color, distractor_level, response, bystander_level]
    values = np.column_stack(parts)
    absent = np.zeros(count, bool)
    if gone is not None:
        absent[gone:] = True
    iou = np.where(absent, math.nan, np.where(right, 0.8, 0.0))
    return FrameSamples(name, values, iou, absent, gone)


def samples() -> list[FrameSamples]:
    found = [sequence(f'good{k}', np.ones(100, bool), k) for k in range(8)]
    found += [sequence(f'drift{k}', np.arange(100) < 60, 50 + k) for k in range(4)]
    found += [sequence(f'away{k}', np.arange(80) < 40, 90 + k, gone=40) for k in range(6)]
    return found


def test_the_fit_tells_right_from_wrong_and_keeps_the_signs():
    found = fit_evidence(samples())
    model = found.model
    assert found.auroc > 0.97 and found.auroc_confident > 0.9
    assert model.confidence_weight > 0 and model.similarity_weight > 0 and model.color_weight >= 0
    assert model.second_peak_weight <= 0 and model.filter_weight < 0
    assert found.lost_in_time == 1.0 and found.lost_falsely == 0.0


def test_a_column_that_speaks_the_wrong_way_weighs_nothing():
    turned = []
    for item in samples():
        values = item.values.copy()
        values[:, 3] = 1.0 - values[:, 3]
        turned.append(FrameSamples(item.name, values, item.iou, item.absent, item.gone))
    assert fit_evidence(turned).model.color_weight == 0.0


def test_little_material_hardly_moves_the_weights():
    start = EvidenceModel(similarity_weight=9.0)
    few = [sequence('a', np.arange(40) < 30, 3)]
    moved = abs(fit_evidence(few, start).model.similarity_weight - 9.0)
    many = [sequence(f'b{k}', np.arange(40) < 30, k) for k in range(60)]
    assert moved < abs(fit_evidence(many, start).model.similarity_weight - 9.0)


@pytest.mark.parametrize('share', [0.0, 1.0])
def test_one_kind_alone_cannot_be_fitted(share):
    with pytest.raises(ValueError, match='must hold both'):
        fit_evidence([sequence('a', np.full(50, share == 1.0), 1)])


# The confidences of these samples have nothing against them yet.
MODEL = EvidenceModel(second_peak_weight=-4.56, distractor_weight=0.0)


def test_presence_is_that_of_the_supervisor():
    item = sequence('away', np.arange(80) < 40, 5, gone=40)
    found = presence_of(MODEL, item)
    assert (found[5:40] > 0.0).all() and found[60:].max() < -1.0


def test_frames_that_were_not_sampled_count_without_appearance():
    item = sequence('away', np.arange(80) < 40, 5, gone=40)
    item.values[:, 2:4] = math.nan
    found = presence_of(MODEL, item)
    assert np.isfinite(found).all() and found[30] > 0.0 > found[70]


def test_auroc_of_known_scores():
    right = np.array([True, True, False, False])
    assert auroc(np.array([3.0, 2.0, 1.0, 0.0]), right) == 1.0
    assert auroc(np.array([1.0, 1.0, 1.0, 1.0]), right) == 0.5
    assert math.isnan(auroc(np.zeros(2), np.ones(2, bool)))


def test_platt_is_composed_with_what_the_checkpoint_had():
    before = DecodeConfig(calibration_scale=1.3, calibration_bias=2.0)
    fitted = workflow.fit_all(samples(), before)
    assert fitted.ece_after < fitted.ece_before
    raw = np.linspace(0.05, 0.95, 9)
    logit = np.log(raw / (1 - raw))
    old = sigmoid(1.3 * logit + 2.0)
    scale = fitted.decode.calibration_scale / 1.3
    bias = fitted.decode.calibration_bias - scale * 2.0
    new = sigmoid(fitted.decode.calibration_scale * logit + fitted.decode.calibration_bias)
    again = sigmoid(scale * np.log(old / (1 - old)) + bias)
    np.testing.assert_allclose(new, again, atol=1e-6)
    assert 'lost_below' in fitted.report() and 'ECE' in fitted.report()


@pytest.mark.parametrize(
    ('silent', 'value', 'name'), [(5, 1.0, 'filter_weight'), (6, 0.0, 'bystander_weight')]
)
def test_each_weight_is_that_of_its_column(silent, value, name):
    told = {'filter_weight', 'bystander_weight'}
    found = samples()
    for item in found:
        item.values[:, silent] = value
    fitted = workflow.fit_all(found, DecodeConfig()).decode
    assert getattr(fitted, name) == pytest.approx(0.0, abs=0.01)
    assert all(getattr(fitted, other) < -0.5 for other in told - {name})


class JudgingTracker(Judging, IdentityTracker):
    """It stays where it was, and notes how old the surroundings are."""


def test_time_goes_on_while_no_box_is_followed():
    scene, tracker = square_scene('a', 0), JudgingTracker(0.01)
    boxes = np.array(scene.boxes_xywh)
    found = record(tracker, Sequence('a', FrameList(scene.images), boxes))
    assert found.values.shape == (len(boxes) - 1, len(COLUMNS))
    ages_s = [memory.age_s for memory in tracker.noted]
    np.testing.assert_allclose(ages_s, np.arange(1, len(boxes)) / 30)


def test_nothing_to_calibrate_by_is_said():
    hidden = FrameSamples('a', np.full((5, 5), 0.5), np.full(5, math.nan), np.ones(5, bool))
    with pytest.raises(ValueError, match='no frame has a true box'):
        workflow.fit_all([hidden], DecodeConfig())


def test_what_is_written_is_read_and_used(tmp_path):
    torch = pytest.importorskip('torch')
    from siamla_ros.model import build_model
    from siamla_ros.model.checkpoint import load_model, save_checkpoint
    from siamla_ros.model.config import ModelConfig
    from siamla_ros.supervision.acceptance import fitted_models
    from siamla_ros.tracker.tracker import load_tracker

    model = build_model(ModelConfig())
    source = save_checkpoint(tmp_path / 'a.safetensors', model, DecodeConfig(), {'seed': 1})
    assert source.calibration == {}
    fitted = workflow.fit_all(samples(), source.decode)
    saved = workflow.write(source, fitted, tmp_path / 'b.safetensors')
    assert (saved.provenance, saved.model) == (source.provenance, source.model)
    assert saved.decode == fitted.decode
    weights = load_model(saved).state_dict()
    for name, value in load_model(source).state_dict().items():
        assert torch.equal(value, weights[name]), name
    tracker = load_tracker(str(saved.path), device='cpu', runtime='torch')
    assert fitted_models(tracker.calibration) == (fitted.evidence.model, fitted.acceptance.model)


def test_the_weights_of_second_peaks_and_distractors_are_found_again():
    random = np.random.default_rng(1)
    confidence, ratio = random.uniform(0.05, 0.95, 20000), random.uniform(0.0, 1.0, 20000)
    level = random.uniform(0.0, 0.8, 20000)
    lacking = 0.5 * random.random(20000)
    chance = platt(confidence, 1.2, 0.5 - 2.0 * ratio - 3.0 * level - 4.0 * lacking)
    against = np.column_stack([level, lacking])
    hit = random.random(20000) < chance
    *found, weights = fit_beside(confidence, lambda scale, bias: ratio, against, hit)
    assert found == pytest.approx([1.2, 0.5, -2.0], abs=0.3)
    assert weights == pytest.approx((-3.0, -4.0), abs=0.5)
    hit = random.random(20000) < confidence
    *_, beside, weights = fit_beside(confidence, lambda *_: ratio, against, hit)
    assert (beside, *weights) == pytest.approx((0.0, 0.0, 0.0), abs=0.3)
    assert max(beside, *weights) <= 0.0


def test_where_the_confidence_speaks_against_itself_the_scaling_stays_within_its_limits():
    right = np.random.default_rng(0).random(500) < 0.7
    confidence, second_peak = np.where(right, 0.6, 0.7), np.where(right, 0.0, 0.4)

    def ratio(scale, bias):
        return peak_ratio(platt(confidence, scale, bias), platt(second_peak, scale, bias))

    scale, bias, weight, (alike,) = fit_beside(confidence, ratio, np.zeros((500, 1)), right)
    DecodeConfig(
        calibration_scale=scale,
        calibration_bias=bias,
        second_peak_weight=weight,
        distractor_weight=alike,
    )
    assert weight < 0.0
