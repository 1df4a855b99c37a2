"""How much faster two processes train than one: in turn in one run, the same batches.

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 tools/process_scaling.py \\
        --config config/training/light_stage1.yaml

The network alone: crops are drawn once. Each round is a step of the whole batch in the first
process while the others wait, and a step in which each takes its part.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import torch

from siamla_ros.training import distributed
from siamla_ros.training.config import load_config
from siamla_ros.training.initialize import build_initial
from siamla_ros.training.loop import Batch, Trainer


def drawn(config, pairs: int) -> Batch:  # type: ignore[no-untyped-def]
    """Crops of noise with a box in the middle, the same in every process."""
    chance = torch.Generator().manual_seed(0)
    template, search = (
        torch.randint(0, 256, (pairs, 3, side, side), dtype=torch.uint8, generator=chance)
        for side in (config.model.template_size_px, config.model.search_size_px)
    )
    middle = torch.tensor([0.4, 0.4, 0.6, 0.6]) * config.model.search_size_px
    return template, search, middle.repeat(pairs, 1)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--config', type=Path, required=True)
    parser.add_argument('--init', default='default')
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--rounds', type=int, default=9)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    processes, device = distributed.join('cpu')
    config = load_config(args.config)
    schedule = replace(config.schedule, batch=args.batch, pairs=args.batch * 10**6, cached_pairs=0)
    config = replace(config, schedule=schedule)
    batch, ways = drawn(config, args.batch), {}
    with tempfile.TemporaryDirectory() as folder:
        for name, shared in (('one', distributed.ALONE), ('all', processes)):
            source = SimpleNamespace()  # no pair is drawn
            model = build_initial(config, args.init)
            ways[name] = Trainer(config, model, source, Path(folder), device, processes=shared)
    seconds: dict[str, list[float]] = {'one': [], 'all': []}
    for number in range(args.rounds + 1):  # the first is not counted: it allocates
        for name in ('one', 'all') if number % 2 else ('all', 'one'):
            distributed.wait()
            began = time.perf_counter()
            if name == 'all':
                ways[name]._train_step(tuple(part[processes.part(args.batch)] for part in batch))
            elif processes.first:
                with mock.patch.object(distributed, 'active', lambda: False):
                    ways[name]._train_step(batch)
            distributed.wait()
            seconds[name] += [time.perf_counter() - began] if number else []
    if processes.first:
        one, every = (np.array(seconds[name]) for name in ('one', 'all'))
        low, high = np.percentile(one / every, (10, 90))
        print(f'{args.rounds} rounds, batch {args.batch}, a thread each; pairs/s, medians')
        print(f'1 process: {args.batch / np.median(one):.1f}')
        print(f'{processes.count} processes: {args.batch / np.median(every):.1f}')
        print(f'ratio {np.median(one / every):.2f} (80 % of the rounds {low:.2f} to {high:.2f})')
    distributed.leave()
    return 0


if __name__ == '__main__':
    sys.exit(main())
