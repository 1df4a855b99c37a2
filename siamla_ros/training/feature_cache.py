"""Pairs as features of the frozen part of a network, computed once and trained on many times.

What lies before the layers that train (:mod:`siamla_ros.training.cut`) gives a pair always the same
features; runs that differ only behind it can share them. A folder of shards holds them in float16,
so that an interrupted build goes on; every run reads the same pairs, in the same order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from siamla_ros.model import SiamLA
from siamla_ros.training.config import DataConfig, TrainConfig, from_dict
from siamla_ros.training.cut import before, behind, blocks_behind, weights_before
from siamla_ros.training.loop import Batch, PairDataset, Trainer, in_batches
from siamla_ros.training.pairs import PairSource
from siamla_ros.training.precision import mixed
from siamla_ros.training.template_swap import swap_templates

SHARD = 1024
BATCH = 32


class Features(NamedTuple):
    """N pairs.

    Attributes:
        template: (N, C, h, w) float16.
        search: (N, C, H, W) float16.
        box_xyxy: (N, 4) float32 in search pixels, NaN for negatives.
    """

    template: Tensor
    search: Tensor
    box_xyxy: Tensor


def cached_features(
    folder: Path,
    model: SiamLA,
    source: PairSource,
    config: TrainConfig,
    pairs: int,
    init: str,
    workers: int,
) -> Features:
    """The features of pairs 0 .. ``pairs`` of ``config``; what ``folder`` lacks is computed.

    Args:
        source: Draws the pairs.
        init: What the frozen part of ``model`` comes from.

    Raises:
        ValueError: The folder holds pairs of another configuration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, model, source, config, init)
    features = None
    for first in tqdm(range(0, pairs, SHARD), unit='shard', desc=f'features {folder.name}'):
        path = folder / f'{first:07d}_{min(SHARD, pairs - first)}.safetensors'
        if not path.is_file():
            dataset = PairDataset(source, first, min(first + SHARD, pairs))
            shard = compute_features(model, dataset, config, workers)
            save_file(shard._asdict(), str(path.with_suffix('.tmp')))
            path.with_suffix('.tmp').replace(path)
        shard = Features(**load_file(str(path)))
        if features is None:  # whole at once: joining shards would take twice the memory
            features = Features(*(part.new_empty((pairs, *part.shape[1:])) for part in shard))
        for whole, part in zip(features, shard, strict=True):
            whole[first : first + len(part)] = part
    assert features is not None
    return features


def _claim(folder: Path, model: SiamLA, source: PairSource, config: TrainConfig, init: str) -> None:
    """Write, or compare, what the pairs and the features depend on: names, and what is in them.

    What a saved configuration does not name, because it is older, has its default.
    """
    shape = config.model
    crops = [shape.backbone, shape.template_size_px, shape.template_context]
    crops += [shape.search_size_px, shape.search_context, shape.isotropic]
    blocks = blocks_behind(config)
    others = {
        "seed": config.seed, "crops": crops, "init": init, "bf16": config.schedule.bf16,
        "weights": _digest(t.cpu().numpy().tobytes() for t in weights_before(model, blocks)),
        "objects": _digest(text.encode() for text in source.fingerprint()),
        **({"backbone_blocks": blocks} if blocks else {}),
    }  # fmt: skip
    path = folder / 'pairs.json'
    if not path.is_file():
        path.write_text(json.dumps({'data': asdict(config.data), **others}))
        return
    saved = json.loads(path.read_text())
    if from_dict(DataConfig, saved.pop('data')) != config.data or saved != others:
        raise ValueError(f'{folder}: holds pairs of another configuration; delete it first')


def _digest(parts: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()


@torch.no_grad()  # not inference_mode: the converted weights are trained afterwards
def compute_features(
    model: SiamLA, dataset: PairDataset, config: TrainConfig, workers: int
) -> Features:
    """The features of all pairs of a dataset, by the frozen part of a network."""
    device, blocks = next(model.parameters()).device, blocks_behind(config)
    model = model.eval().to(memory_format=torch.channels_last)
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    for template, search, box in in_batches(dataset, BATCH, workers, drop_last=False):
        with mixed(device, config.schedule.bf16):
            z, x = (before(model, _pixels(t, device), blocks) for t in (template, search))
        parts.append((z.half().cpu().contiguous(), x.half().cpu().contiguous(), box))
    features = Features(*(torch.cat(column) for column in zip(*parts)))
    if not all(torch.isfinite(t).all() for t in (features.template, features.search)):
        raise ValueError('features exceed the range of float16')
    return features


def _pixels(crops: Tensor, device: torch.device) -> Tensor:
    return crops.to(device).float().contiguous(memory_format=torch.channels_last)


class HeadTrainer(Trainer):
    """A run over cached features: every pass over them in a fresh order, given by the seed.

    Args:
        features: What its batches are taken from.
        others: As for :class:`Trainer`.
    """

    def __init__(
        self,
        config: TrainConfig,
        model: SiamLA,
        source: PairSource,
        folder: Path,
        features: Features,
        device: str = 'cpu',
        **others: Any,
    ) -> None:
        super().__init__(config, model, source, folder, device, **others)
        self.blocks = blocks_behind(config)
        if self.learns_features and not self.blocks:
            raise ValueError(
                'cached features need a backbone and a neck that stay as they are, and an init '
                'that has the neck; or lr_backbone above 0'
            )
        self.features = features

    def _batches(self, workers: int) -> Iterator[Batch]:
        schedule, seed = self.config.schedule, self.config.seed
        count = len(self.features.box_xyxy)
        for step in range(self.step, self.steps):
            chosen = pairs_of_step(step, schedule.batch, count, seed)
            template, search, box = (part[chosen] for part in self.features)
            if schedule.template_swap > 0:
                rng = np.random.default_rng((seed, step, 2))
                template, box = swap_templates(template, box, schedule.template_swap, rng)
            yield template[self.part], search[self.part], box[self.part]

    def _features(self, model: SiamLA, crop: Tensor) -> Tensor:
        return behind(model, crop, self.blocks)


def pairs_of_step(step: int, batch: int, count: int, seed: int) -> Tensor:
    """Indices (batch,) of the pairs of one step: whole batches of a permutation, a new one a
    pass.

    Raises:
        ValueError: Fewer pairs than a batch.
    """
    per_pass = count // batch
    if per_pass == 0:
        raise ValueError(f'cached pairs = {count}: fewer than a batch of {batch}')
    order = np.random.default_rng((seed, step // per_pass)).permutation(count)
    first = step % per_pass * batch
    return torch.from_numpy(order[first : first + batch])
