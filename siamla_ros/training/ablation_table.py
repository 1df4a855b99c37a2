"""The ablation's results as markdown: means and spread over the seeds, and the full method minus
the baseline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from siamla_ros.evaluation.report import markdown_table
from siamla_ros.training.ablation import ALTERNATIVES, EXPONENTS, LADDER, VARIANTS, Variant

COLUMNS = {
    'auc': 'AUC',
    'sr50': 'SR0.5',
    'sr75': 'SR0.75',
    'spearman': 'Spearman(c, IoU)',
    'alignment_rank': 'alignment rank',
    'alignment_gap': 'alignment gap',
    'ece': 'ECE',
    'ece_platt': 'ECE, Platt',
    'auroc_erased': 'AUROC erased',
}
SEQUENCE_COLUMNS = {
    'success_auc': 'AUC',
    'sr_050': 'SR0.5',
    'sr_075': 'SR0.75',
    'spearman': 'Spearman(c, IoU)',
    'spearman_within': 'within a target',
    'ece': 'ECE',
    'ece_platt': 'ECE, Platt',
}
BASELINE, FULL = LADDER[0].name, LADDER[-1].name
Results = list[dict[str, Any]]


def variant_table(
    found: Results,
    variants: Sequence[Variant],
    part: str = 'figures',
    columns: Mapping[str, str] = COLUMNS,
) -> str:
    """One row a variant that there is: mean and standard deviation over its seeds.

    Args:
        found: Results of networks.
        variants: In the order of the rows.
        part: Of each result.
        columns: Key in that part -> its title.
    """
    rows = []
    for variant in variants:
        mine = [r[part] for r in found if r['variant'] == variant.name and part in r]
        if mine:
            cells = [_spread([m[key] for m in mine]) for key in columns]
            rows.append([variant.title, str(len(mine)), *cells])
    return markdown_table(['', 'seeds', *columns.values()], rows)


def step_table(found: Results, part: str, columns: Mapping[str, str]) -> str:
    """What every rung changes against the one below it, seed by seed, and the whole ladder.

    Args: As for :func:`variant_table`. A row needs both of its rungs in one seed.
    """
    by = {(r['variant'], r['seed']): r[part] for r in found if part in r}
    seeds = sorted({seed for _, seed in by})
    rows = []
    for lower, upper in (*pairwise(v.name for v in LADDER), (BASELINE, FULL)):
        both = [s for s in seeds if (lower, s) in by and (upper, s) in by]
        changes = [
            ', '.join(f'{by[upper, s][key] - by[lower, s][key]:+.3f}' for s in both)
            for key in columns
        ]
        if both:
            rows.append([f'{upper} - {lower}', ', '.join(map(str, both)), *changes])
    return markdown_table(['', 'seeds', *columns.values()], rows)


def exponent_table(found: Results, variant: str = FULL) -> str:
    """One row a fusion exponent of one variant; nothing is trained anew."""
    mine = [r['exponents'] for r in found if r['variant'] == variant]
    rows = [
        [f'a = {a:g}', *(_spread([m[f'{a:g}'][key] for m in mine]) for key in COLUMNS)]
        for a in EXPONENTS
    ]
    return markdown_table(['c = p^(1-a) Q^a', *COLUMNS.values()], rows)


def variant_tables(found: Results) -> str:
    """The full method and its variants, and what each changes in every seed."""
    rows = []
    for variant in ALTERNATIVES[1:]:
        changes = [
            [f'{one[key] - other[key]:+.3f}' for one, other in _pairs(found, variant.name)]
            for key in ('spearman', 'auroc_erased', 'auc')
        ]
        rows.append([variant.title, *(', '.join(cells) or '-' for cells in changes)])
    header = ['against the full method, seed by seed', 'Spearman(c, IoU)', 'AUROC erased', 'AUC']
    return '\n\n'.join(
        [
            'Held-out tracks, mean ± standard deviation over the seeds:',
            variant_table(found, ALTERNATIVES),
            markdown_table(header, rows),
        ]
    )


def _pairs(found: Results, name: str) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    """Figures of a variant and of the full method, for every seed that has both."""
    by = {(r['seed'], r['variant']): r['figures'] for r in found}
    for seed, variant in sorted(by):
        if variant == name and (seed, FULL) in by:
            yield by[seed, name], by[seed, FULL]


def _spread(values: list[float]) -> str:
    if not values:
        return '-'
    mean = f'{np.mean(values):.3f}'
    return mean if len(values) < 2 else f'{mean} ± {np.std(values, ddof=1):.3f}'


def tables(found: Results) -> str:
    """All tables, with a line above each."""
    parts = [
        'Held-out tracks, mean ± standard deviation over the seeds:',
        variant_table(found, VARIANTS),
        'Each rung minus the one below it, seed by seed:',
        step_table(found, 'figures', COLUMNS),
    ]
    if any(r['variant'] == FULL for r in found):
        parts += [
            'Fusion exponent of the full model, without training anew:',
            exponent_table(found),
        ]
    measured = [r for r in found if 'sequences_of' in r]
    places = {(r['sequences_of']['of'], r['sequences_of']['targets']) for r in measured}
    for name, targets in sorted(places):
        place = {'of': name, 'targets': targets}
        mine = [r for r in measured if place.items() <= r['sequences_of'].items()]
        parts += [
            f'Whole sequences of {name}, {targets} targets:',
            variant_table(mine, VARIANTS, 'sequences', SEQUENCE_COLUMNS),
            'Each rung minus the one below it, seed by seed:',
            step_table(mine, 'sequences', SEQUENCE_COLUMNS),
        ]
    return '\n\n'.join(parts)
