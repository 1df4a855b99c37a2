"""The whole of `siamla calibrate`: record, fit, write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from siamla_ros.calibration.acceptance_fit import AcceptanceFit, fit_acceptance
from siamla_ros.calibration.evidence_fit import EvidenceFit, fit_evidence
from siamla_ros.calibration.frame_samples import FrameSamples, record, record_episodes
from siamla_ros.calibration.search_samples import SearchSamples, record_searches
from siamla_ros.datasets.sequence import Sequence as TargetSequence
from siamla_ros.evaluation.confidence import reliability
from siamla_ros.evaluation.platt import fit_beside
from siamla_ros.evaluation.suites import scenes_of
from siamla_ros.model.checkpoint import Checkpoint, save_calibrated
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.model.factory import build_backbone
from siamla_ros.model.siamla import FILTER_CHANNELS
from siamla_ros.supervision.presence import EvidenceModel
from siamla_ros.tracker.logistic import peak_ratio, platt, recent_peak_ratio, shortfall
from siamla_ros.tracker.tracker import Tracker

MOST_SCENES = 24  # of which episodes are made
MEASURED = -1e-9  # a weight with which something is measured and counts for nothing


@dataclass(frozen=True)
class Calibration:
    """What was fitted, and the expected calibration error before and after."""

    decode: DecodeConfig
    evidence: EvidenceFit
    acceptance: AcceptanceFit
    ece_before: float
    ece_after: float

    def report(self) -> str:
        """A few lines for a person."""
        fit, found, decode = self.evidence, self.acceptance, self.decode
        return '\n'.join(
            [
                f'confidence: scale {decode.calibration_scale}, bias {decode.calibration_bias}, '
                f'second peak {decode.second_peak_weight}, distractors {decode.distractor_weight}, '
                f'filter {decode.filter_weight}, bystanders {decode.bystander_weight}; '
                f'ECE {self.ece_before:.3f} -> {self.ece_after:.3f}',
                f'evidence: AUROC {fit.auroc:.3f}, {fit.auroc_confident:.3f} at confidence >= 0.5',
                f'LOST within 10 frames {fit.lost_in_time:.1%}, '
                f'falsely on {fit.lost_falsely:.1%} of the targets',
                *(f'  {name}: {value:g}' for name, value in asdict(fit.model).items()),
                f'acceptance: AUROC {found.auroc:.3f} over {found.right} samples of targets and '
                f'{found.wrong} of others',
                *(f'  {name}: {value:g}' for name, value in asdict(found.model).items()),
            ]
        )


def as_if_alone(checkpoint: Checkpoint) -> dict[str, float]:
    """Options of `load_tracker` with which nothing counts against a recorded confidence; what could
    is measured all the same, but for filters where the backbone has too many channels.
    """
    channels = build_backbone(checkpoint.model.backbone).channels
    return {
        'second_peak_weight': 0.0,
        'distractor_weight': MEASURED,
        'bystander_weight': MEASURED,
        'filter_weight': MEASURED if channels <= FILTER_CHANNELS else 0.0,
    }


def record_all(
    tracker: Tracker,
    sequences: Sequence[TargetSequence],
    seed: int,
    on_sequence: Callable[[str], None] = lambda name: None,
) -> tuple[list[FrameSamples], list[SearchSamples]]:
    """Samples of the sequences, then of episodes made of at most `MOST_SCENES` of them; and what
    searches see in both.
    """
    samples = []
    for sequence in sequences:
        on_sequence(sequence.name)
        samples.append(record(tracker, sequence))
    step = -(-len(sequences) // MOST_SCENES)
    scenes, _ = scenes_of(list(sequences)[::step])
    for item in record_episodes(tracker, scenes, scenes, seed):
        on_sequence(item.name)
        samples.append(item)
    searches = []
    for found in record_searches(tracker, sequences, scenes, seed):
        on_sequence(f'{found.name}, search')
        searches.append(found)
    return samples, searches


def fit_all(
    samples: Sequence[FrameSamples], decode: DecodeConfig, searches: Sequence[SearchSamples] = ()
) -> Calibration:
    """Platt scaling and the weights of second peaks, distractors, filters and bystanders on the
    recorded sequences, the evidence model on everything, and what a search accepts on the searches;
    without searches that stays as built in.

    Args:
        samples: Recorded with nothing against the confidences (`as_if_alone`).
        decode: Whose scaling is refined.
        searches: Recorded likewise.

    Raises:
        ValueError: The samples hold no right boxes, or no wrong ones.
    """
    plain = [item for item in samples if item.gone is None]
    confidence, right, weight = _judged(plain)

    def ratio(scale: float, bias: float) -> np.ndarray:
        parts = (recent_peak_ratio(*platt(s.values[:, :2], scale, bias).T) for s in plain)
        return np.concatenate([part[np.isfinite(s.iou)] for s, part in zip(plain, parts)])

    seen = np.concatenate([s.values[np.isfinite(s.iou), 4:] for s in plain])
    against = np.column_stack([seen[:, 0], shortfall(seen[:, 1]), seen[:, 2]])
    scale, bias, beside, weights = fit_beside(confidence, ratio, against, right, weight)
    frames = [replace(s, values=_rescaled(s.values, scale, bias, beside, True)) for s in samples]
    others = [replace(s, values=_rescaled(s.values, scale, bias, beside, False)) for s in searches]
    after = _judged([s for s in frames if s.gone is None])[0]
    after = platt(after, 1.0, against @ np.array(weights))
    return Calibration(
        replace(
            decode,
            calibration_scale=round(scale * decode.calibration_scale, 4),
            calibration_bias=round(scale * decode.calibration_bias + bias, 4),
            second_peak_weight=round(beside, 4),
            distractor_weight=round(weights[0], 4),
            filter_weight=round(weights[1], 4),
            bystander_weight=round(weights[2], 4),
        ),
        fit_evidence(frames, EvidenceModel()),
        fit_acceptance(others),
        reliability(confidence, right).ece,
        reliability(after, right).ece,
    )


def write(checkpoint: Checkpoint, calibration: Calibration, path: Path) -> Checkpoint:
    """The same weights with what was fitted to them."""
    fitted = {
        kind: {name: float(value) for name, value in asdict(model).items()}
        for kind, model in (
            ('evidence', calibration.evidence.model),
            ('acceptance', calibration.acceptance.model),
        )
    }
    return save_calibrated(checkpoint, path, calibration.decode, fitted)


def _judged(samples: Sequence[FrameSamples]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence, whether the box is right, and weights by which each sequence counts the same."""
    parts = [(s.values[k, 0], s.right[k]) for s in samples if (k := np.isfinite(s.iou)).any()]
    if not parts:
        raise ValueError('no frame has a true box: nothing to calibrate by')
    weight = [np.full(len(part[0]), 1.0 / len(part[0])) for part in parts]
    scale = sum(len(part[0]) for part in parts) / len(parts)
    confidence, right = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    return confidence, right, np.concatenate(weight) * scale


def _rescaled(
    values: np.ndarray, scale: float, bias: float, beside: float, in_a_row: bool
) -> np.ndarray:
    """Samples under the new scaling of confidence and second peak; in_a_row: of one target's images
    one after the other, so that second peaks are remembered.
    """
    scaled = values.copy()
    scaled[:, :2] = platt(values[:, :2], scale, bias)
    ratio = (recent_peak_ratio if in_a_row else peak_ratio)(*scaled[:, :2].T)
    scaled[:, 0] = platt(scaled[:, 0], 1.0, beside * ratio)
    return scaled
