"""One run in several processes, as `torchrun` starts them: equal parts of every batch.

Each step sees the same batch as one process does. What a loss is divided by is counted over all
processes, so that the sum of their gradients is that of the whole batch.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True)
class Processes:
    """Which of how many this is."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes files and logs."""
        return self.rank == 0

    def part(self, batch: int) -> slice:
        """The part of a batch of this process.

        Raises:
            ValueError: The batch cannot be divided by the number of processes.
        """
        if batch % self.count:
            raise ValueError(
                f'schedule.batch = {batch}: must be a multiple of the {self.count} processes'
            )
        size = batch // self.count
        return slice(self.rank * size, (self.rank + 1) * size)


ALONE = Processes()
LONGEST_WAIT = timedelta(hours=12)  # while the first process computes features of cached pairs


def join(device: str) -> tuple[Processes, str]:
    """Join the other processes if `torchrun` started this one.

    Args:
        device: `cpu` (gloo) or `cuda...` (NCCL).

    Returns:
        The processes, and the device of this one.
    """
    if int(os.environ.get('WORLD_SIZE', '1')) == 1:
        return ALONE, device
    if device.startswith('cuda'):
        device = f'cuda:{os.environ["LOCAL_RANK"]}'
        torch.cuda.set_device(device)
    if not distributed.is_initialized():
        # Optimizers import it. Imported later it keeps the group alive, whose threads then outlive
        # `leave` and abort the process at its exit.
        importlib.import_module('torch._dynamo')
        backend = 'nccl' if device.startswith('cuda') else 'gloo'
        distributed.init_process_group(backend, timeout=LONGEST_WAIT)
    return Processes(distributed.get_rank(), distributed.get_world_size()), device


def leave() -> None:
    """End the work with the others, if there are any."""
    if active():
        distributed.destroy_process_group()


def active() -> bool:
    """Whether there are other processes."""
    return distributed.is_available() and distributed.is_initialized()


def wait() -> None:
    """Until every process is here."""
    if active():
        distributed.barrier()


def is_batch_norm(layer: nn.Module) -> bool:
    """Whether it is one, of this process or of all."""
    return isinstance(layer, (nn.BatchNorm2d, nn.SyncBatchNorm))


def with_shared_statistics(
    model: nn.Module, processes: Processes, device: torch.device
) -> nn.Module:
    """The model, where batch norm trains normalizing by the whole batch and not by a process's
    part of it; its weights stay the same tensors.

    Args:
        model: In training mode, what is frozen in it in evaluation mode.
        processes: Share every batch.
        device: Of the model.

    Raises:
        ValueError: Batch norm trains in several processes on CPUs, where torch cannot synchronize
            it: they would not train as one.
    """
    if processes.count == 1 or not any(is_batch_norm(m) and m.training for m in model.modules()):
        return model
    if device.type != 'cuda':
        raise ValueError(
            f'batch norm trains in {processes.count} processes on {device.type}, where it cannot '
            'be synchronized: train on GPUs or in one process, or set schedule.lr_backbone = 0'
        )
    return nn.SyncBatchNorm.convert_sync_batchnorm(model)


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of a value without gradient over all processes; itself where there is one."""
    if not active():
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / distributed.get_world_size()


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace the gradients by their means over all processes."""
    if not active():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return
    together = torch.cat([g.flatten() for g in gradients])
    distributed.all_reduce(together)
    together /= distributed.get_world_size()
    for gradient, part in zip(gradients, together.split([g.numel() for g in gradients])):
        gradient.copy_(part.view_as(gradient))
