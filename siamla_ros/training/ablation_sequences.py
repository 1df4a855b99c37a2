"""Networks of an ablation on whole annotated sequences, followed frame by frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.cells import spearman
from siamla_ros.evaluation.confidence import CORRECT_IOU, agreement, reliability
from siamla_ros.evaluation.damage import Damage
from siamla_ros.evaluation.metrics import mean_scores
from siamla_ros.evaluation.peers.ort import THREADS
from siamla_ros.evaluation.peers.siamla import SiamlaTracker
from siamla_ros.evaluation.runner import Run
from siamla_ros.evaluation.suites import one_pass
from siamla_ros.model.checkpoint import read_checkpoint
from siamla_ros.runtime.export import export_onnx
from siamla_ros.training.ablation_measure import scaled_by_others


def measure(
    results: list[Path],
    sequences: list[Sequence],
    where: str,
    threads: int,
    damage: Damage,
) -> None:
    """Add the figures of whole sequences to results; those that have them are left alone.

    Args:
        results: Files `result.json`, each beside the weights `model.safetensors`.
        sequences: With ground truth.
        where: What the sequences are; figures of others, or of another number, are made anew.
        threads: Of the CPU; 0: as in an evaluation.
        damage: Which sequences are left out.
    """
    asked = {'of': where, 'asked': len(sequences)}
    for path in results:
        result = json.loads(path.read_text())
        if asked.items() <= result.get('sequences_of', {}).items():
            continue
        weights = path.with_name('model.safetensors')
        runs = followed(weights, sequences, threads, damage)
        result['sequences'] = figures(runs)
        result['sequences_of'] = {**asked, 'targets': len(runs)}
        path.write_text(json.dumps(result, indent=1))


def followed(
    weights: Path,
    sequences: list[Sequence],
    threads: int = 0,
    damage: Damage | None = None,
) -> list[Run]:
    """The runs of a network over sequences, as `siamla eval` makes them."""
    export_onnx(read_checkpoint(weights))
    tracker = SiamlaTracker(str(weights), 'cpu', weights.parent.name, threads=threads or THREADS)
    return one_pass([tracker], sequences, cells=False, damage=damage)[tracker.name]


def figures(runs: list[Run]) -> dict[str, float]:
    """Scores as the mean over the targets, and what the confidence is worth over their frames.

    Returns:
        `success_auc`, `sr_050`, `sr_075`; `spearman` of confidence and IoU over all frames and
        `spearman_within` as the mean over the targets; `ece`, and `ece_platt` with the scaling of
        every target fitted on the others.
    """
    scores = mean_scores(run.scores for run in runs)
    counts = [int(run.judged.sum()) for run in runs]
    confidence, hit = (
        np.concatenate([part[run.judged] for part, run in zip(parts, runs, strict=True)])
        for parts in ([r.confidence for r in runs], [r.iou > CORRECT_IOU for r in runs])
    )
    within = [spearman(run.confidence[run.judged], run.iou[run.judged]) for run in runs]
    scaled = scaled_by_others(confidence, hit, np.repeat(np.arange(len(runs)), counts))
    agreed = agreement(runs)
    return {
        'success_auc': scores.success_auc,
        'sr_050': scores.sr_050,
        'sr_075': scores.sr_075,
        'spearman': agreed['spearman'],
        'spearman_within': _mean_of_known(within),
        'ece': agreed['ece'],
        'ece_platt': reliability(scaled, hit).ece,
    }


def _mean_of_known(values: list[float]) -> float:
    """NaN if none is known: a target has no rank correlation where its scores never change."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float('nan')
