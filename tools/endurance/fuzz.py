"""Feeds random bad input: whatever is raised beside the expected refusals is a fault."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from endurance.fuzz_inputs import Kind
from endurance.progress import Progress

ROUND = 500  # inputs of one kind in a row
MOST_FAULTS = 20  # that are written down in full
SAVE_EVERY_S = 10.0


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Image libraries write a line on stderr for each damaged file."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def input_of(seed: int, name: str, number: int) -> random.Random:
    """The source of one input: a fault is repeated from these three."""
    return random.Random(f'{seed}/{name}/{number}')


def feed(kind: Kind, seed: int, number: int) -> tuple[bool, str]:
    """One input: whether it was accepted, and the trace of a fault."""
    try:
        kind.feed(input_of(seed, kind.name, number))
    except kind.allowed:
        return False, ''
    except Exception:  # noqa: BLE001 - just what is looked for
        return False, traceback.format_exc(limit=-4)
    return True, ''


def run(
    kinds: Sequence[Kind], goal: int, seed: int, progress: Progress, limit_s: float
) -> dict[str, Any]:
    """Feed until `goal` inputs were fed over all runs with this seed, or for `limit_s` seconds."""
    figures = progress.of(f'fuzz, seed {seed}')
    by_kind = figures.setdefault('kinds', {})
    faults = figures.setdefault('faults', [])
    now_s = time.monotonic()
    end_s, saved_s, turn = now_s + limit_s, now_s, 0
    with quiet_libraries():
        while figures['done'] < goal and time.monotonic() < end_s:
            kind = kinds[turn % len(kinds)]
            turn += 1
            counts = by_kind.setdefault(kind.name, {'fed': 0, 'accepted': 0, 'faults': 0})
            for number in range(counts['fed'], counts['fed'] + min(ROUND, goal - figures['done'])):
                accepted, trace = feed(kind, seed, number)
                counts['fed'] += 1
                counts['accepted'] += accepted
                figures['done'] += 1
                if trace:
                    counts['faults'] += 1
                    faults.append({'kind': kind.name, 'number': number, 'trace': trace})
                    del faults[MOST_FAULTS:]
            if time.monotonic() - saved_s > SAVE_EVERY_S:
                saved_s = time.monotonic()
                progress.save()
    progress.save()
    return figures
