"""Models that one recipe gave with several seeds, as `siamla stability` compares them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from siamla_ros.model.checkpoint import Checkpoint, read_checkpoint


def by_seed(reference: str | Path, models: Iterable[str | Path]) -> dict[int, Checkpoint]:
    """The checkpoints by the seed of their training, the reference first.

    Args:
        reference: A shipped model or a file.
        models: Files of the others.

    Raises:
        WeightsError: A file is missing or damaged.
        ValueError: A checkpoint does not say how it was trained, or differs from the reference in
            more or less than the seed; names the file and each field with both values.
    """
    first = read_checkpoint(reference)
    recipe = _recipe(first)
    found = {recipe['seed']: first}
    for checkpoint in map(read_checkpoint, models):
        other = _recipe(checkpoint)
        if differing := _differences(recipe, other):
            raise ValueError(
                f'{checkpoint.path}: was not trained as {first.path} ({"; ".join(differing)}); '
                'only the seed may differ'
            )
        if other['seed'] in found:
            raise ValueError(
                f'{checkpoint.path}: seed = {other["seed"]}: must be another than that of '
                f'{found[other["seed"]].path}'
            )
        found[other['seed']] = checkpoint
    return found


def _recipe(checkpoint: Checkpoint) -> dict[str, Any]:
    """The configuration of the training, and what else made the weights."""
    recipe = checkpoint.provenance.get('recipe')
    if not isinstance(recipe, dict) or not isinstance(recipe.get('seed'), int):
        raise ValueError(
            f'{checkpoint.path}: provenance.recipe.seed is missing; must be a model that '
            '`siamla train` wrote'
        )
    known = {name: checkpoint.provenance.get(name) for name in ('init', 'pairs')}
    return {**recipe, 'weights at the start': known['init'], 'pairs seen': known['pairs']}


def _differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    from siamla_ros.training.config import differences

    found = differences({**one, 'seed': 0}, {**other, 'seed': 0})
    return [text.replace(', now ', ' and ') for text in found]
