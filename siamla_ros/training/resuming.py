"""The checkpoint that a run goes on from: read, and compared with what is asked for now."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from siamla_ros.training.config import TrainConfig, differences


def read_saved(path: Path, device: torch.device) -> dict[str, Any]:
    """The content of a ``checkpoint.pt``.

    Raises:
        OSError: It cannot be read.
        ValueError: It is damaged.
    """
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, EOFError, KeyError, RuntimeError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(saved, dict) or not isinstance(saved.get('step'), int):
        raise _damaged(path, 'holds no step')
    return saved


def _damaged(path: Path, why: str) -> ValueError:
    words = why.strip().partition('\n')[0].partition('. ')[0]
    return ValueError(f'{path}: damaged ({words}): delete it, and the run begins anew')


def check_resumable(path: Path, saved: dict[str, Any] | None, config: TrainConfig) -> None:
    """Refuse to continue a run whose steps so far followed another configuration.

    Args:
        path: The checkpoint.
        saved: The configuration in it; None where an earlier version wrote none.
        config: The present one.

    Raises:
        ValueError: They differ; names every field with both values.
    """
    remedy = 'delete it, or train into another folder'
    if saved is None:
        raise ValueError(f'{path}: holds no configuration to compare with: {remedy}')
    # How a batch is divided is the machine's affair, like the number of processes.
    own = ('schedule.accumulate: ',)
    if found := [d for d in differences(saved, config.to_dict()) if not d.startswith(own)]:
        raise ValueError(
            f'{path}: was trained with another configuration ({"; ".join(found)}): restore the '
            f'configuration, {remedy}'
        )
