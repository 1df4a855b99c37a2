"""The ablation: what each part of the method gives, all else equal.

One initialization, one schedule, several seeds. Every variant of a seed is trained on the same
cached features, in the same order, from the same random heads.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from siamla_ros.datasets.scenes import read_split
from siamla_ros.datasets.training_pack import load_pack, without_tracks
from siamla_ros.datasets.yaml_file import read_mapping
from siamla_ros.model import SiamLA
from siamla_ros.training.ablation_measure import View, answers_of, figures, views_of
from siamla_ros.training.checkpointing import decode_for, write_checkpoint
from siamla_ros.training.config import TrainConfig, from_dict
from siamla_ros.training.feature_cache import Features, HeadTrainer, cached_features
from siamla_ros.training.initialize import build_initial
from siamla_ros.training.pairs import PairSource
from siamla_ros.training.sources import check_video, pair_source
from siamla_ros.training.validate import validation_tracks

EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Variant:
    """One network of the ablation: what it changes of the recipe's model and loss."""

    name: str
    title: str
    model: dict[str, Any]
    loss: dict[str, Any]

    def config(self, recipe: TrainConfig, seed: int) -> TrainConfig:
        """The recipe with this variant's switches."""
        return replace(
            recipe,
            model=replace(recipe.model, **self.model),
            loss=replace(recipe.loss, **self.loss),
            seed=seed,
        )


_HARD = {'dynamic_labels': False, 'smoothing': 0.0, 'weighted_regression': False}
_LADL = {'dynamic_labels': True, 'smoothing': 0.0, 'weighted_regression': True}
_LALS = {'dynamic_labels': True, 'weighted_regression': True}
LADDER = (
    Variant('baseline', 'baseline: hard labels, plain regression', {'quality': 'none'}, _HARD),
    Variant('ladl', '+ LADL', {'quality': 'none'}, _LADL),
    Variant('lals', '+ LALS', {'quality': 'none'}, _LALS),
    Variant('laqp', '+ LAQP without LAFA', {'quality': 'laqp'}, _LALS),
    Variant('lafa', '+ LAFA: full SiamLA', {'quality': 'laqp_lafa'}, _LALS),
)
CONTROLS = (
    Variant('centerness', 'center-ness in place of LAQP', {'quality': 'centerness'}, _LALS),
)
VARIANTS = (*LADDER, *CONTROLS)
"""In the order of the table. Trained are both ends of the ladder first."""
_FULL = {'quality': 'laqp_lafa'}
ALTERNATIVES = (
    LADDER[-1],
    Variant('eps_0', 'no smoothing (LADL without LALS)', _FULL, _LADL),
    Variant('eps_01', 'LALS with eps 0.1', _FULL, {**_LALS, 'smoothing': 0.1}),
    Variant('eps_04', 'LALS with eps 0.4', _FULL, {**_LALS, 'smoothing': 0.4}),
    Variant(
        'plain', 'hard labels 0.9 (plain smoothing)', _FULL, {**_LALS, 'dynamic_labels': False}
    ),
    *(
        Variant(name, f'{name.replace("_", " ")} modulators', _FULL, {**_LALS, 'modulator': name})
        for name in ('quality_focal', 'varifocal')
    ),
)
"""The full method first, then with one of its choices made otherwise."""


@dataclass(frozen=True)
class AblationConfig:
    """The settings that all networks share.

    Attributes:
        train: The recipe; ``train.seed`` is ignored, and all variants of a seed share its
            ``train.schedule.cached_pairs``.
        seeds: Seeds 0 .. ``seeds`` - 1: of the pairs, the heads' first weights and the
            order.
        probes: Places from which each frame of the held-out tracks is searched.
    """

    train: TrainConfig = field(default_factory=TrainConfig)
    seeds: int = 3
    probes: int = 4


def load_ablation(path: Path) -> AblationConfig:
    """Read a YAML file; keys that it lacks keep their defaults.

    Raises:
        ValueError: Unknown key, wrong type, no cached pairs, a backbone that trains, or windows of
            a tracker whose heads are random.
    """
    config = from_dict(AblationConfig, read_mapping(path))
    if not config.train.schedule.cached_pairs:
        raise ValueError('train.schedule.cached_pairs: must be above 0, the variants share them')
    if (rate := config.train.schedule.lr_backbone) > 0:
        raise ValueError(
            f'train.schedule.lr_backbone = {rate:g}: must be 0, the variants share their features'
        )
    data = config.train.data
    if data.video > 0 and data.tracked > 0:
        raise ValueError(
            f'train.data.tracked = {data.tracked:g}: must be 0, random heads follow no scene'
        )
    return config


@dataclass(frozen=True)
class Place:
    """Where things come from and go to; with ``only_seed`` several processes can share the work.

    Attributes:
        video: Scenes of annotated video, needed where ``data.video`` is above 0.
        video_split: Names scenes that are not trained on.
    """

    data: Path
    init: str
    output: Path
    workers: int = 1
    only_seed: int | None = None
    video: Path | None = None
    video_split: Path | None = None

    def of(self, variant: Variant, seed: int) -> Path:
        """The folder of one network."""
        return self.output / f'seed{seed}' / variant.name

    def results(self, variants: tuple[Variant, ...]) -> list[Path]:
        """The files of results that are there, by seed."""
        pattern = '*' if self.only_seed is None else self.only_seed
        folders = sorted(self.output.glob(f'seed{pattern}'))
        paths = [folder / v.name / 'result.json' for folder in folders for v in variants]
        return [path for path in paths if path.is_file()]


def run(
    config: AblationConfig, place: Place, variants: tuple[Variant, ...]
) -> Iterator[dict[str, Any]]:
    """Train and measure what is not there yet; results in the order in which they are done.

    Args:
        variants: Of ``VARIANTS`` or ``ALTERNATIVES``.

    Raises:
        ValueError: The output folder holds results of other settings, or the recipe asks for video
            and there is none, or the other way round.
    """
    check_video(config.train.data.video, place.video, 'train.')
    _claim(config, place)
    views: list[View] = []
    for seed in range(config.seeds):
        ordered = sorted(variants, key=lambda variant: variant not in (LADDER[0], LADDER[-1]))
        missing = [r for r in ordered if not (place.of(r, seed) / 'result.json').is_file()]
        if not missing or place.only_seed not in (None, seed):
            continue
        source = _source(replace(config.train, seed=seed), place)
        features = _features(config, place, seed, source)
        for variant in missing:
            model, minutes = _trained(variant, config, place, seed, source, features)
            views = views or _views(model, config, place)
            recipe = variant.config(config.train, seed)
            result = _measured(variant, seed, recipe, model, views)
            result['minutes'] = minutes
            (place.of(variant, seed) / 'result.json').write_text(json.dumps(result, indent=1))
            yield result


def _claim(config: AblationConfig, place: Place) -> None:
    """Write, or compare, the settings; what older ones do not name has its default."""
    init, path = Path(place.init).name, place.output / 'settings.json'
    place.output.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        path.write_text(json.dumps({'init': init, 'settings': asdict(config)}, indent=1))
        return
    saved = json.loads(path.read_text())
    if from_dict(AblationConfig, saved['settings']) != config or saved['init'] != init:
        raise ValueError(f'{place.output}: holds results of other settings; choose another folder')


def _features(config: AblationConfig, place: Place, seed: int, source: PairSource) -> Features:
    recipe = replace(config.train, seed=seed)
    model, folder = build_initial(recipe, place.init), place.output / f'seed{seed}' / 'features'
    name = Path(place.init).name
    pairs = recipe.schedule.cached_pairs
    return cached_features(folder, model, source, recipe, pairs, name, place.workers)


def _source(recipe: TrainConfig, place: Place) -> PairSource:
    held_out = read_split(place.video_split) if place.video_split else ()
    pack = without_tracks(load_pack(place.data, 'train', recipe.data.sampling), held_out)
    initial = build_initial(recipe, place.init)
    return pair_source(pack, recipe, initial, place.output, place.video, held_out)


def _views(model: SiamLA, config: AblationConfig, place: Place) -> list[View]:
    tracks = validation_tracks(place.data)
    if not tracks:
        raise ValueError(f'{place.data}: no held-out track of enough frames to measure anything on')
    return views_of(model, tracks, config.probes)


def _trained(
    variant: Variant,
    config: AblationConfig,
    place: Place,
    seed: int,
    source: PairSource,
    features: Features,
) -> tuple[SiamLA, float]:
    recipe, folder = variant.config(config.train, seed), place.of(variant, seed)
    initial = build_initial(recipe, place.init)
    trainer = HeadTrainer(recipe, initial, source, folder, features)
    trainer.resume()
    start = time.monotonic()
    trainer.run(workers=0)
    facts = {
        'init': Path(place.init).name,
        'pairs': recipe.schedule.pairs,
        'ablation': variant.name,
    }
    write_checkpoint(folder / 'model.safetensors', trainer.ema, recipe, **facts)
    (folder / 'checkpoint.pt').unlink(missing_ok=True)
    return trainer.ema, (time.monotonic() - start) / 60


def _measured(
    variant: Variant, seed: int, recipe: TrainConfig, model: SiamLA, views: list[View]
) -> dict[str, Any]:
    """The figures of one network; with a third branch also those of every fusion exponent."""
    answers, decode = answers_of(model, views), decode_for(recipe)
    result = {'variant': variant.name, 'seed': seed}
    result['figures'] = figures(views, answers, recipe.model, decode)
    if recipe.model.quality != 'none':
        result['exponents'] = {
            f'{a:g}': figures(views, answers, recipe.model, replace(decode, fusion_exponent=a))
            for a in EXPONENTS
        }
    return result


def results(output: Path) -> list[dict[str, Any]]:
    """What is there of an ablation, finished or not."""
    return [json.loads(p.read_text()) for p in sorted(output.glob('seed*/*/result.json'))]
