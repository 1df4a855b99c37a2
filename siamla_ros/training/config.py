"""Typed training configuration: one YAML file is one run. Every part of the method is a switch
here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from siamla_ros.datasets.yaml_file import read_mapping
from siamla_ros.model import ModelConfig, preset
from siamla_ros.training import limits

SAMPLING = {
    'voc': 5.0, 'bsds': 4.0, 'coco': 3.0, 'coco128': 4.0, 'caltech': 3.0,
    'uav123+otb+vot+lasot': 4.0, 'fod': 2.0, 'ccp': 2.0, '*': 1.0,
}  # fmt: skip
MODULATORS = ('none', 'quality_focal', 'varifocal')
STARTS = ('none', 'backbone', 'tracker')


@dataclass(frozen=True)
class DataConfig:
    """What pairs are drawn. Probabilities of a pair unless stated otherwise.

    Attributes:
        sampling: Weight of each group of datasets of the pack.
        max_gap: Frames between the two pictures of a pair at most; 0: any two of a track.
        other: The search region shows another object (negative).
        erased: The target is covered in its own scene (negative).
        similar: Share of the other objects, and of those beside a cut-out, that are drawn among the
            ones that resemble it most (:mod:`siamla_ros.training.similar_objects`).
        synthetic: Cut-outs on photographs instead of the pack's pictures.
        far: The target is anywhere in the search region, not near its middle.
        occlude: A positive's target is hidden in part.
        distractor: A patch is pasted beside a positive's target.
        deform: The search region is turned and bent a little, and the box with it.
        box_jitter: Both boxes are drawn wider or closer than the object (:class:`BoxJitter`).
        scale_error: Standard deviation of the natural logarithm of the size that the target is
            assumed to have in a search: what the network does not correct adds up over frames.
        aspect_error: The same for its aspect.
        degrade: Strength of blur, noise and compression.
        border_photo: Beyond the picture's border a photograph fills the crop, not the mean color.
        video: From scenes of video instead of the pack
            (:class:`siamla_ros.training.video_pairs.VideoPairs`); what follows concerns these.
        tracked: The window lies where the initial weights searched when they followed the scene.
        elsewhere: The target is out of view, in a frame in which it is there (negative).
        careless: The template's box alone is drawn carelessly.
        tiny: Both crops are as coarse as those of a target of a few pixels.
        inverted: Dark and bright are exchanged, as between two thermal cameras.
    """

    sampling: dict[str, float] = field(default_factory=lambda: dict(SAMPLING))
    max_gap: int = 0
    other: float = 0.12
    erased: float = 0.13
    similar: float = 0.0
    synthetic: float = 0.3
    far: float = 0.3
    occlude: float = 0.2
    distractor: float = 0.3
    deform: float = 0.3
    box_jitter: float = 0.6
    scale_error: float = 0.16
    aspect_error: float = 0.10
    degrade: float = 1.0
    border_photo: float = 0.4
    video: float = 0.0
    tracked: float = 0.3
    elsewhere: float = 0.1
    careless: float = 0.4
    tiny: float = 0.06
    inverted: float = 0.03

    def __post_init__(self) -> None:
        limits.check_limits(self, limits.DATA, 'data.')
        limits.check_weights(self.sampling)
        if (both := self.other + self.erased) > 1:
            raise ValueError(f'data.other + data.erased = {both:g}: must be <= 1')


@dataclass(frozen=True)
class LossConfig:
    """The method's switches.

    Attributes:
        dynamic_labels: LADL: positive targets follow the IoU of the predicted box; off: hard
            labels.
        smoothing: LALS: eps in ``y = (1-eps) q + eps s``; with hard labels it is plain smoothing
            ``1 - eps/2``.
        label_warmup: Part of the steps over which q replaces 1 in the label.
        modulator: none, quality_focal or varifocal.
        weighted_regression: Regression weighted by the label; off: plain mean over positives.
        regression_weight: Weight of the regression loss.
        quality_weight: Weight of the quality loss.
        negative_quality: The quality branch learns 0 on hard negatives (another object, erased
            target).
        keep_boxes: Weight of the difference to the boxes of the start where these are right
            (:mod:`siamla_ros.training.box_teacher`); 0: none.
    """

    dynamic_labels: bool = True
    smoothing: float = 0.2
    label_warmup: float = 0.05
    modulator: str = 'none'
    weighted_regression: bool = True
    regression_weight: float = 2.0
    quality_weight: float = 1.0
    negative_quality: bool = True
    keep_boxes: float = 0.0

    def __post_init__(self) -> None:
        limits.check_limits(self, limits.LOSS, 'loss.')
        limits.check_choice('loss.modulator', self.modulator, MODULATORS)


@dataclass(frozen=True)
class ScheduleConfig:
    """Optimization.

    Attributes:
        pairs: Pairs seen in all.
        batch: Pairs in a step.
        accumulate: Parts in which each process takes its pairs of a step, one after the other, so
            that a larger batch fits the memory. The gradient is that of the whole batch; it takes
            one more forward pass (:mod:`siamla_ros.training.accumulation`).
        lr_heads: Learning rate of layers that start from random weights.
        lr_init: Learning rate of heads that start from published weights.
        lr_backbone: Learning rate of the neck and of the last ``backbone_blocks`` blocks (not of
            their depth-wise filters with ``cached_pairs``); 0 freezes the backbone.
        backbone_from: Share of the steps before which the backbone does not learn.
        l2_sp: Share of the way back to the initial weights after every step at the peak rate, for
            layers that started from them (L2-SP, Li et al., ICML 2018): little data must not undo
            what the published tracker learnt from much.
        wise_ft_alpha: Share of the way from the initial to the trained weights that is kept at the
            end (WiSE-FT, Wortsman et al., CVPR 2022).
        cached_pairs: Different pairs, of which the frozen part sees each once and what trains as
            often as ``pairs`` asks (:mod:`siamla_ros.training.feature_cache`); 0: every pair is
            new.
        template_swap: With cached pairs, share of a batch whose template is exchanged for that of
            another pair, so that the pair becomes a negative
            (:mod:`siamla_ros.training.template_swap`).
        bf16: Forward passes in bfloat16, where the processor has it
            (:mod:`siamla_ros.training.precision`).
        freeze_boxes: The regression branch stays as it is; the scores are trained on its boxes.
    """

    pairs: int = 100_000
    batch: int = 32
    accumulate: int = 1
    lr_heads: float = 1.5e-3
    lr_init: float = 1e-4
    lr_backbone: float = 0.0
    backbone_blocks: int = 4
    backbone_from: float = 0.0
    weight_decay: float = 1e-4
    warmup: float = 0.02
    ema: float = 0.998
    clip_norm: float = 5.0
    bf16: bool = False
    checkpoint_every: int = 200
    validate_every: int = 1000
    l2_sp: float = 0.0
    wise_ft_alpha: float = 1.0
    cached_pairs: int = 0
    template_swap: float = 0.0
    freeze_boxes: bool = False

    def __post_init__(self) -> None:
        limits.check_limits(self, limits.SCHEDULE, 'schedule.')
        if self.pairs < self.batch:
            raise ValueError(
                f'schedule.pairs = {self.pairs}: must be at least a batch of {self.batch}'
            )
        if self.cached_pairs and self.cached_pairs < self.batch:
            raise ValueError(
                f'schedule.cached_pairs = {self.cached_pairs}: must be 0, or at least a batch of '
                f'{self.batch}'
            )
        if self.template_swap > 0 and not self.cached_pairs:
            raise ValueError(
                f'schedule.template_swap = {self.template_swap:g}: needs cached_pairs above 0'
            )


@dataclass(frozen=True)
class TrainConfig:
    """One training run. ``init``: what the weights start from (none, backbone, tracker)."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    init: str = 'tracker'
    seed: int = 0

    def __post_init__(self) -> None:
        limits.check_limits(self, limits.RUN)
        limits.check_choice('init', self.init, STARTS)
        schedule = self.schedule
        if schedule.cached_pairs and schedule.lr_backbone > 0 and self.model.backbone != 'fbnet':
            raise ValueError(
                f'schedule.lr_backbone = {schedule.lr_backbone:g}: must be 0 with cached_pairs; '
                f'only fbnet can be cut, not {self.model.backbone!r}'
            )
        if self.loss.keep_boxes > 0 and self.init != 'tracker':
            raise ValueError(
                f'loss.keep_boxes = {self.loss.keep_boxes:g}: needs init: tracker, '
                f'{self.init!r} has random boxes'
            )
        if self.schedule.freeze_boxes and self.init != 'tracker':
            raise ValueError(
                f'schedule.freeze_boxes: needs init: tracker, {self.init!r} has random boxes'
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint or a YAML file."""
        return asdict(self)


def differences(saved: Mapping[str, Any], present: Mapping[str, Any], where: str = '') -> list[str]:
    """Fields in which two configurations, as plain values, differ: ``field: saved, now new``."""
    found = []
    for key in dict.fromkeys([*saved, *present]):
        old, new = (values.get(key, 'absent') for values in (saved, present))
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f'{where}{key}.')
        elif old != new:
            found.append(f'{where}{key}: {old!r}, now {new!r}')
    return found


def from_dict(cls: type, values: dict[str, Any], where: str = '') -> Any:
    """A configuration from nested plain values; ``preset`` in ``model`` names what its other keys
    change.

    Raises:
        ValueError: An unknown key (with its path) or a value of another type.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f'training configuration: {where[:-1]} = {values!r}: must be a mapping')
    known = {f.name: f for f in fields(cls)}
    arguments, values = {}, dict(values)
    base = preset(values.pop('preset')) if cls is ModelConfig and 'preset' in values else cls()
    for key, value in values.items():
        path = f'{where}{key}'
        if key not in known:
            raise ValueError(
                f'training configuration: unknown key {path!r}; known are {", ".join(known)}'
            )
        default = getattr(base, key)
        if is_dataclass(default):
            arguments[key] = from_dict(type(default), {} if value is None else value, f'{path}.')
        else:
            arguments[key] = _typed(path, value, default)
    return replace(base, **arguments)


def _typed(path: str, value: Any, default: Any) -> Any:
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, type(default)) or (
        isinstance(value, bool) != isinstance(default, bool)
    ):
        hint = '; YAML takes 1e-3 for text, write 1.0e-3' if isinstance(default, float) else ''
        raise ValueError(
            f'training configuration: {path} = {value!r}: expected {type(default).__name__}{hint}'
        )
    return value


def unknown_weights(sampling: Mapping[str, float], tracks: Iterable[Sequence[Any]]) -> str:
    """A line that names weights, other than the usual ones, which no data set has; else nothing.

    Args:
        sampling: As in `DataConfig`.
        tracks: Of records, which know their data set.
    """
    if sampling == SAMPLING:
        return ''
    present = {track[0].dataset for track in tracks}
    unknown = {name for key in sampling for name in key.split('+')} - present - {'*'}
    named, known = (', '.join(sorted(names)) for names in (unknown, present))
    return f'data.sampling: no data set is called {named}; there are: {known}\n' if unknown else ''


def load_config(path: Path) -> TrainConfig:
    """Read a YAML file; keys that it lacks keep their defaults.

    Raises:
        OSError: It cannot be read.
        ValueError: No YAML, an unknown key, a wrong type, or a value beyond its limits.
    """
    return from_dict(TrainConfig, read_mapping(path))
