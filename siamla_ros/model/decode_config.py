"""How a box is chosen from the response maps: the part of a checkpoint that needs no tensors."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

SAME_PEAK_IOU = 0.2
"""Cells whose boxes overlap at least so far speak of one object."""
_LIMITS = {
    'calibration_scale': (0.05, 20.0),
    'calibration_bias': (-20.0, 20.0),
    'agreement_exponent': (0.0, 8.0),
    'second_peak_weight': (-50.0, 0.0),
    'distractor_weight': (-50.0, 0.0),
    'bystander_weight': (-50.0, 0.0),
    'filter_weight': (-50.0, 0.0),
    'wide_factor': (0.5, 4.0),
}


# Names in the headers of checkpoints that were written before version 0.2.
_FORMER_NAMES = {
    'consensus_exponent': 'agreement_exponent',
    'hold_below': 'min_update_confidence',
    'scale_penalty': 'penalty_k',
    'size_rate': 'size_lr',
    'window_weight': 'window_influence',
}


@dataclass(frozen=True)
class DecodeConfig:
    """How a box is chosen. Tuned on the validation split of the training data, see
    docs/training.md.

    Attributes:
        fusion_exponent: A in `c = p^(1-a) Q^a`.
        penalty_k: K in `exp(-k (r s - 1))`, r and s the change of aspect and of size; 0:
            none.
        window_influence: Share of the cosine window in the ranking; 0: none.
        size_lr: Rate at which the size follows, 1: at once; scaled by the confidence.
        vote_iou: Cells whose box overlaps the best one at least so far vote on the box; 1: no vote.
        min_update_confidence: Calibrated confidence below which the next search begins where this
            one did, so that what hides the target does not lead the search away; 0: every answer
            is followed, as a one-pass evaluation does, and as suits a caller who holds states.
        agreement_exponent: B in the reported `c A^b`, A the agreement of the cells on the box
            (`CellBoxes.agreement`); 0: the network's own confidence.
        calibration_scale: See `calibration_bias`.
        calibration_bias: The reported confidence is `sigmoid(scale * logit(c) + bias)`, fitted on
            validation data so that it is the probability of a box with IoU > 0.5; monotone, so that
            no ranking changes; 1 and 0 report c itself.
        second_peak_weight: Log odds that the reported confidence then gains, times the square root
            of second peak / confidence, the highest lately: where something else looks alike, the
            box may have gone over to it. 0: none. What is decided here is decided before.
        distractor_weight: Log odds that it gains, times how much the box looks like something that
            has looked like the target (`tracker.distractors.Distractors.level`). 0: not compared.
        bystander_weight: Log odds that it gains, times how surely the box has lately shown what
            stood beside the target (`tracker.bystander.BystanderMemory.level`). 0: not compared.
        filter_weight: Log odds that it gains, times what the response of the target's filter lacks
            to the usual (`tracker.logistic.shortfall`). 0: no filter is learned.
        wide_below: Calibrated confidence below which `update` searches once more, in a window that
            is square in the image, and takes what it finds there with more confidence; 0: never.
        wide_factor: Side of that window, in sides of the usual one (of a square box).
    """

    fusion_exponent: float = 0.5
    penalty_k: float = 0.05
    window_influence: float = 0.2
    size_lr: float = 0.7
    vote_iou: float = 0.6
    min_update_confidence: float = 0.0
    agreement_exponent: float = 0.0
    calibration_scale: float = 1.0
    calibration_bias: float = 0.0
    second_peak_weight: float = 0.0
    distractor_weight: float = 0.0
    bystander_weight: float = 0.0
    filter_weight: float = 0.0
    wide_below: float = 0.45
    wide_factor: float = 1.333

    def __post_init__(self) -> None:
        for f in fields(self):
            low, high = self.limits(f.name)
            value = getattr(self, f.name)
            if isinstance(value, bool) or not isinstance(value, Real):
                raise ValueError(f'{f.name} = {value!r}: must be a number in [{low:g}, {high:g}]')
            if not low <= value <= high:
                raise ValueError(f'{f.name} = {value}: must lie in [{low:g}, {high:g}]')

    @staticmethod
    def limits(name: str) -> tuple[float, float]:
        """The least and the greatest value of a field."""
        return _LIMITS.get(name, (0.0, 1.0))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DecodeConfig:
        """From a checkpoint of any version; unknown keys are refused by the constructor."""
        return cls(**{_FORMER_NAMES.get(name, name): value for name, value in values.items()})
