"""The benchmark of the lost target: every follower through the same episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation import suites
from siamla_ros.evaluation.followers import Trace, by_threshold, supervised
from siamla_ros.evaluation.lost_metrics import (
    EpisodeTally,
    Figures,
    figures,
    tally,
    tuning_objective,
)
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.peers.siamla import SiamlaTracker
from siamla_ros.evaluation.report import markdown_table
from siamla_ros.evaluation.run_store import RunStore, shard_of
from siamla_ros.evaluation.runner import Run
from siamla_ros.evaluation.scenarios import Episode, episodes
from siamla_ros.evaluation.splice import FrameList, Scene, donor_of
from siamla_ros.evaluation.stored import Maker, run_of, trace_of

THRESHOLDS = 40  # tried, at even shares of the peer's own scores
PATIENCE = (1, 2, 3, 5, 8)  # frames in a row below the threshold
Follow = Callable[[Sequence], Trace]

COLUMNS = {
    'lost_median': 'frames to LOST: median',
    'lost_worst': 'worst',
    'lost_in_time': 'LOST in 10',
    'false_lost_per_1000': 'false LOST /1000',
    'visible_lost': 'visible, LOST',
    'confirmed_away': 'confirmed while away',
    'found_in_time': 'found in 30',
    'found_median': 'frames to find',
    'found_ever': 'found ever',
    'wrong_found': 'wrong finds',
    'switched': 'switched',
}


@dataclass(frozen=True)
class EpisodeResult:
    """One follower in one episode, without the frames."""

    episode: Episode
    tally: EpisodeTally


def evaluate(
    trackers: list[EvalTracker],
    scenes: list[Scene],
    modes: list[str],
    seed: int,
    quiet: bool = False,
    store: RunStore | None = None,
    shard: tuple[int, int] = (1, 1),
    notes: Iterable[str] = (),
) -> tuple[str, dict[str, Any]]:
    """The tables as text, and everything for JSON.

    scenes: all of them, for each lends its pictures to others; shard: only every n-th is played,
    from the i-th on, for (i, n).
    modes: of siamla's re-detection, each a row of its own. Peers keep tracking and decide by their
    score; threshold and patience are tuned on these very episodes, which flatters them.
    store: holds what was followed before; what it lacks is added.
    notes: lines to put below the tables.
    """
    own = {
        (name := f'{tracker.name}, search {mode}'): partial(
            trace_of,
            store,
            Maker(name, tracker.describe),
            supervised(tracker.tracker, mode).follow,
        )
        for tracker in trackers
        if isinstance(tracker, SiamlaTracker)
        for mode in modes
    }
    peers = [tracker for tracker in trackers if not isinstance(tracker, SiamlaTracker)]
    played = shard_of(scenes, shard)
    if not played:
        raise ValueError(f'--shard {shard[0]}/{shard[1]}: {len(scenes)} scenes only')
    with suites.progress('scenes', len(played), quiet) as bar:
        episodes_played = _spliced(suites.counted(played, bar), scenes, seed)
        results, recorded = play(episodes_played, own, peers, bar, store)
    notes = list(notes)
    for name, runs in recorded.items():
        if not all(np.isfinite(run.confidence).all() for _, run in runs):
            notes.append(f'{name}: no score, so it cannot report a lost target')
            continue
        label, rows = _tuned(name, runs)
        results[label] = rows
    text, content = tables(results)
    return '\n'.join([text, '', *notes]).rstrip(), {**content, 'notes': notes}


def _spliced(scenes: Iterable[Scene], donors: list[Scene], seed: int) -> Iterator[Episode]:
    """Every scene in every scenario that it has room for."""
    for scene in scenes:
        yield from episodes(scene, donor_of(scene, donors, seed), seed)


def play(
    of: Iterable[Episode],
    own: dict[str, Follow],
    peers: list[EvalTracker],
    bar: tqdm,
    store: RunStore | None = None,
) -> tuple[dict[str, list[EpisodeResult]], dict[str, list[tuple[Episode, Run]]]]:
    """Every follower through every episode; the frames are made once and then dropped.

    Returns:
        What each of `own` results, and what each peer's boxes and scores were.
    """
    results: dict[str, list[EpisodeResult]] = {name: [] for name in own}
    recorded: dict[str, list[tuple[Episode, Run]]] = {peer.name: [] for peer in peers}
    for episode in of:
        bar.set_description(episode.sequence.name)
        light = _without_frames(episode)
        for name, follow in own.items():
            results[name].append(EpisodeResult(light, tally(episode, follow(episode.sequence))))
        for peer in peers:
            recorded[peer.name].append((light, run_of(store, peer, episode.sequence)))
    return results, recorded


def _without_frames(episode: Episode) -> Episode:
    whole = episode.sequence
    bare = Sequence(whole.name, FrameList([]), whole.boxes_xywh, whole.absent)
    return Episode(episode.scenario, bare, episode.gone, episode.back, episode.distractor_xywh)


def _tuned(name: str, runs: list[tuple[Episode, Run]]) -> tuple[str, list[EpisodeResult]]:
    """The threshold and patience under which the peer does best on these episodes."""
    best: tuple[float, str, list[EpisodeResult]] | None = None
    scores = np.concatenate([run.confidence[1:] for _, run in runs])
    for threshold in np.unique(np.quantile(scores, np.linspace(0.01, 0.9, THRESHOLDS))):
        for patience in PATIENCE:
            rows = [
                EpisodeResult(episode, tally(episode, by_threshold(run, threshold, patience)))
                for episode, run in runs
            ]
            value = tuning_objective(_figures(rows))
            if best is None or value > best[0]:
                best = value, f'{name}, score < {threshold:.4g} for {patience}', rows
    return best[1], best[2]


def _figures(rows: list[EpisodeResult]) -> Figures:
    crosses = [bool(np.isfinite(row.episode.distractor_xywh[-1]).all()) for row in rows]
    return figures([row.tally for row in rows], sum(crosses))


def tables(results: dict[str, list[EpisodeResult]]) -> tuple[str, dict[str, Any]]:
    """All scenarios together, then each: as text, and the figures by follower and scenario."""
    parts, content = [], {}
    scenarios = list(
        dict.fromkeys(row.episode.scenario for rows in results.values() for row in rows)
    )
    for scenario in ('all', *scenarios):
        table = []
        for name, rows in results.items():
            chosen = [row for row in rows if scenario in ('all', row.episode.scenario)]
            result = _figures(chosen)
            content.setdefault(name, {})[scenario] = asdict(result)
            cells = [_cell(key, getattr(result, key)) for key in COLUMNS]
            table.append([name, *cells])
        count = len(chosen) if results else 0
        header = ['follower', *COLUMNS.values()]
        parts.append(f'{scenario} ({count} episodes)\n\n{markdown_table(header, table)}')
    return '\n\n'.join(parts), content


def _cell(key: str, value: float) -> str | float:
    if not np.isfinite(value):
        return value
    if key in ('lost_median', 'lost_worst', 'found_median'):
        return f'{value:.0f}'
    return f'{value:.2f}' if key == 'false_lost_per_1000' else f'{100 * value:.1f} %'
