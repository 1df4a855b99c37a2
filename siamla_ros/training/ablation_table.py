"""The ablation's results as markdown: means and spread over the seeds, and the full method minus
the baseline.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
BASELINE, FULL = LADDER[0].name, LADDER[-1].name
Results = list[dict[str, Any]]


def variant_table(found: Results, variants: Sequence[Variant]) -> str:
    """One row a variant: mean and standard deviation over its seeds."""
    rows = []
    for variant in variants:
        mine = [r['figures'] for r in found if r['variant'] == variant.name]
        cells = [_spread([m[key] for m in mine]) for key in COLUMNS]
        rows.append([variant.title, str(len(mine)), *cells])
    return markdown_table(['', 'seeds', *COLUMNS.values()], rows)


def difference_table(found: Results) -> str:
    """Full minus baseline, a row a seed that has both."""
    rows = []
    for seed in sorted({r['seed'] for r in found}):
        pair = {r['variant']: r['figures'] for r in found if r['seed'] == seed}
        if BASELINE in pair and FULL in pair:
            cells = [f'{pair[FULL][key] - pair[BASELINE][key]:+.3f}' for key in COLUMNS]
            rows.append([f'seed {seed}', *cells])
    return markdown_table(['full - baseline', *COLUMNS.values()], rows)


def exponent_table(found: Results, variant: str = FULL) -> str:
    """One row a fusion exponent of one variant; nothing is trained anew."""
    mine = [r['exponents'] for r in found if r['variant'] == variant]
    rows = [
        [f'a = {a:g}', *(_spread([m[f'{a:g}'][key] for m in mine]) for key in COLUMNS)]
        for a in EXPONENTS
    ]
    return markdown_table(['c = p^(1-a) Q^a', *COLUMNS.values()], rows)


def sequences_table(found: Results) -> str:
    """Whole evaluation sequences: a row a seed, baseline, full and the difference."""
    by = {(r['seed'], r['variant']): r['sequences'] for r in found if 'sequences' in r}
    rows = []
    for seed in sorted({seed for seed, _ in by}):
        base, full = by.get((seed, BASELINE)), by.get((seed, FULL))
        if base and full:
            cells = [x[key] for key in ('success_auc', 'spearman', 'ece') for x in (base, full)]
            rows.append([f'seed {seed}', *cells, f'{full["spearman"] - base["spearman"]:+.3f}'])
    names = ('AUC', 'Spearman', 'ECE')
    header = [f'{name}, {variant}' for name in names for variant in ('baseline', 'full')]
    return markdown_table(['', *header, 'Spearman, full - baseline'], rows)


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
        'Full SiamLA minus its baseline, each seed alone:',
        difference_table(found),
        'Fusion exponent of the full model, without training anew:',
        exponent_table(found),
    ]
    if any('sequences' in r for r in found):
        parts += ['Whole sequences of the evaluation set:', sequences_table(found)]
    return '\n\n'.join(parts)
