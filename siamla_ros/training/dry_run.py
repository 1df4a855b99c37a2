"""What a run would take, measured on its first steps: `siamla train --dry-run`."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from siamla_ros.training.config import TrainConfig
from siamla_ros.training.feature_cache import BATCH, HeadTrainer, compute_features
from siamla_ros.training.loop import PairDataset, Trainer

STEPS = 3  # that are measured, after one that is not: it allocates


@dataclass(frozen=True)
class Estimate:
    """What a run would take.

    Attributes:
        pairs: In all.
        batch: Pairs in a step of all processes; ``own`` of them are those of this one.
        steps: In all.
        objects: Trained on, and held out for validation.
        weights: Parameters, and those of them that train.
        pair_s: To make a pair, in one process; 0 where pairs are cached.
        step_s: Of the network and the optimizer.
        cached: Pairs whose features are computed first, and seconds and bytes for each.
        memory: Bytes at most by name of where.
        workers: Processes that make pairs.
        flop: Floating-point operations for a pair, forwards and backwards.
    """

    pairs: int
    batch: int
    own: int
    steps: int
    objects: tuple[int, int]
    weights: tuple[int, int]
    pair_s: float
    step_s: float
    cached: tuple[int, float, int]
    memory: dict[str, int]
    workers: int
    flop: float = 0.0

    @property
    def making_s(self) -> float:
        """To make the pairs of a step, in all workers."""
        return self.pair_s * self.own / max(self.workers, 1)

    @property
    def seconds(self) -> float:
        """Of the whole run; workers make pairs while the network learns from others."""
        both = self.making_s + self.step_s
        step_s = both if self.workers == 0 else max(self.making_s, self.step_s)
        return self.cached[0] * self.cached[1] + self.steps * step_s

    def lines(self) -> list[str]:
        """The estimate in words."""
        memory = ', '.join(f'{_bytes(size)} {where}' for where, size in self.memory.items())
        found = [
            f'objects: {self.objects[0]} to train on, {self.objects[1]} held out and validated',
            f'pairs: {self.pairs} in {self.steps} steps of {self.batch}, '
            f'{self.batch // self.own} processes',
            f'weights: {self.weights[0]} parameters, {self.weights[1]} train',
            f'memory: {memory}',
            f'computation: {self.flop / 1e9:.3g} GFLOP a pair',
        ]
        if self.cached[0]:
            count, seconds, size = self.cached
            found.append(
                f'cached pairs: {count}, {_bytes(count * size)} in memory and on disk, '
                f'{_duration(count * seconds)} to compute'
            )
        rate = self.batch / self.step_s
        limit = 'the network' if self.making_s <= self.step_s else 'making pairs'
        enough = math.ceil(self.pair_s * self.own / self.step_s - 1e-6)
        making = f'making {self.batch / self.making_s:.0f}, ' if self.pair_s else ''
        found.append(f'pairs/s: {making}network {rate:.0f}; the limit is {limit}')
        if self.pair_s and self.workers < enough:
            found.append(f'workers: {enough} a process would keep up, --workers is {self.workers}')
        return [*found, f'time: {_duration(self.seconds)}, without validation']


def without_preparation(config: TrainConfig) -> TrainConfig:
    """The same run without what it prepares first: similar objects, video, most cached pairs. All
    of its steps are those in which the backbone learns.
    """
    data, cached = replace(config.data, similar=0.0, video=0.0), config.schedule.cached_pairs
    cached = min(cached, config.schedule.batch)
    schedule = replace(config.schedule, cached_pairs=cached, backbone_from=0.0)
    return replace(config, data=data, schedule=schedule)


def measure(trainer: Trainer, config: TrainConfig, workers: int) -> Estimate:
    """Trains a few steps and tells what the run would take.

    Args:
        trainer: Of `without_preparation`; its weights are spoilt.
        config: Of the run.
        workers: Processes that make pairs.
    """
    schedule, device = config.schedule, trainer.device
    batches = iter(trainer._batches(0))
    making, training, counter = [], [], FlopCounterMode(display=False)
    for number in range(min(1 + STEPS, trainer.steps)):
        spent, batch = _timed(lambda: next(batches), device)
        making.append(spent)
        with counter if number == 0 else nullcontext():
            training.append(_timed(lambda batch=batch: trainer._train_step(batch), device)[0])
        trainer.step += 1
    own = trainer.part.stop - trainer.part.start
    cached = (0, 0.0, 0)
    if isinstance(trainer, HeadTrainer):
        few = min(BATCH, schedule.cached_pairs)
        spent, features = _timed(lambda: _features(trainer, few), device)
        size = sum(part.nbytes for part in features) // few
        cached = (schedule.cached_pairs, spent / few, size)
    memory = {'of this process': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    if device.type == 'cuda':
        memory[f'of {device}'] = torch.cuda.max_memory_allocated(device)
    return Estimate(
        pairs=schedule.pairs,
        batch=schedule.batch,
        own=own,
        steps=schedule.pairs // schedule.batch,
        objects=(len(trainer.source.pack.tracks), len(trainer.tracks)),
        weights=(
            sum(p.numel() for p in trainer.model.parameters()),
            sum(p.numel() for p in trainer.optimizer.parameters),
        ),
        pair_s=0.0 if cached[0] else _usual(making) / own,
        step_s=_usual(training),
        cached=cached,
        memory=memory,
        workers=workers,
        flop=counter.get_total_flops() / own,
    )


def _features(trainer: HeadTrainer, count: int):  # type: ignore[no-untyped-def]
    dataset = PairDataset(trainer.source, 0, count)
    return compute_features(trainer.model, dataset, trainer.config, 0)


def _timed(call: Callable, device: torch.device) -> tuple[float, object]:
    began = time.perf_counter()
    result = call()
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    return time.perf_counter() - began, result


def _usual(seconds: list[float]) -> float:
    """The mean without the first, which is slower, where there are others."""
    kept = seconds[1:] or seconds
    return max(sum(kept) / len(kept), 1e-9)


def _bytes(size: float) -> str:
    for unit in ('kB', 'MB'):
        size /= 1000
        if size < 1000:
            return f'{size:.0f} {unit}'
    return f'{size / 1000:.1f} GB'


def _duration(seconds: float) -> str:
    """In the unit that a reader plans with."""
    for unit, length in (('days', 86400.0), ('h', 3600.0), ('min', 60.0)):
        if seconds >= 2 * length:
            return f'{seconds / length:.1f} {unit}'
    return f'{seconds:.0f} s'
