"""The findings of `siamla bench --gpu-check` as a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def page(found: dict[str, Any]) -> str:
    """Markdown: the machine, what passed, and the tables."""
    parts = found['parts']
    lines = ['# GPU check', '']
    if found['device'] == 'cpu':
        lines += ['**A dry run on the CPU: nothing here was measured on a GPU.**', '']
    lines += ['`make gpu-check` on ' + ', '.join(f'{k} {v}' for k, v in found['machine'].items())]
    rows = [[name, _verdict(part), f'{part.get("took s", 0)}'] for name, part in parts.items()]
    lines += ['', *_table(['part', 'result', 's'], rows)]
    lines += _parity(parts['parity']) + _calls(parts['synchronizations'])
    lines += _latency(parts['latency'])
    for name in ('soak', 'out of memory', 'failed call', 'dead context', 'two processes'):
        values = {k: v for k, v in parts[name].items() if k not in ('ok', 'took s')}
        lines += ['', f'{name}: ' + '; '.join(f'{key} {value}' for key, value in values.items())]
    return '\n'.join(lines)


def _verdict(part: dict[str, Any]) -> str:
    if 'skipped' in part:
        return f'skipped: {part["skipped"]}'
    return 'passed' if part['ok'] else f'**failed** {part.get("error", "")}'.strip()


def _parity(part: dict[str, Any]) -> list[str]:
    rows = [
        [name, f'{v["box_px_max"]:.3f}', f'{v["score_max"]:.4f}', str(v['limits'])]
        for name, v in part.get('rows', {}).items()
    ]
    header = ['against float32 on the CPU', 'box px, largest', 'score, largest', 'limits']
    return ['', *_table(header, rows)] if rows else []


def _calls(part: dict[str, Any]) -> list[str]:
    rows = part.get('rows', {})
    if not rows:
        return []
    calls = [call for call in next(iter(rows.values())) if call != 'ok']
    table = [[kind, *(f'{row[call]:g}' for call in calls)] for kind, row in rows.items()]
    return ['', *_table(['calls per update, 4 targets', *calls], table)]


def _latency(part: dict[str, Any]) -> list[str]:
    lines = []
    for name, measured in part.get('table', {}).items():
        rows = [
            [case, *(f'{ms[key]:.2f}' for key in ('p50', 'p95', 'p99'))]
            for case, ms in measured['ms'].items()
        ]
        lines += ['', f'{name}: {measured["how"]}', '']
        lines += _table(['frame, targets', 'p50 ms', 'p95 ms', 'p99 ms'], rows)
    return lines


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ['| ' + ' | '.join(row) + ' |' for row in (header, ['---'] * len(header), *rows)]
