"""Choose the supervisor's thresholds from validation records.

    python -m siamla_ros.calibration.thresholds records.csv --rate 30 --output thresholds.yaml

Records: what the tracker said on sequences with ground truth, one row a frame, as CSV with the
columns sequence,frame,confidence,present,iou in order of time; present is 1 while the target can be
seen and 0 while it cannot; iou is the overlap of the tracker's box with the truth and may be empty
while absent. Rows of a sequence named twice are joined. Never calibrate on the sequences that
results are reported on.

* high_threshold: exceeded by at most `wrong_share` of the frames on which the target is absent or
  the box is elsewhere.
* accept_threshold, for a recovery that decides by the confidence alone (`identity.enabled: false`):
  the same for a tenth of `wrong_share`. With identity, `evaluation.calibrate_identity` chooses it.
* low_threshold: found by running the supervisor over the records at each candidate value. Among the
  values at which LOST is declared at most `false_lost` times in 1000 frames while the box is on the
  target, it takes those that declare most disappearances within `within_frames`, and of these the
  middle one: the furthest from both mistakes.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from siamla_ros.calibration.console import hand_over
from siamla_ros.supervision.supervisor import Observation, State, Supervisor, SupervisorConfig

COLUMNS = ('sequence', 'frame', 'confidence', 'present', 'iou')
ON_TARGET_IOU = 0.5  # from here a box is right
OFF_TARGET_IOU = 0.1  # below here it is wrong; between, it is neither
FOLLOWED_IOU = 0.3  # from here losing the target would be the supervisor's mistake
BOX, IMAGE_SIZE = (40.0, 40.0, 20.0, 20.0), (100, 100)  # records are judged by confidence only


@dataclass(frozen=True)
class Track:
    """One sequence: N confidences in [0, 1], N presence flags, N overlaps (0 while absent)."""

    name: str
    confidence: np.ndarray
    present: np.ndarray
    iou: np.ndarray


@dataclass(frozen=True)
class Goals:
    """What the thresholds must achieve."""

    wrong_share: float = 0.03
    false_lost: float = 1.0
    within_frames: int = 10


@dataclass(frozen=True)
class Outcome:
    """How a supervisor did on records: counts over all sequences."""

    followed_frames: int
    false_lost: int
    disappearances: int
    lost_in_time: int
    delays: tuple[int, ...]

    @property
    def false_lost_per_1000(self) -> float:
        """LOST declared while the box was on the target, in 1000 frames on which it was."""
        return 1000.0 * self.false_lost / max(self.followed_frames, 1)

    @property
    def in_time_share(self) -> float:
        """Share of the disappearances declared LOST within the goal."""
        return self.lost_in_time / max(self.disappearances, 1)


@dataclass(frozen=True)
class Calibration:
    """The thresholds and what they were found to do on the records."""

    low_threshold: float
    high_threshold: float
    accept_threshold: float
    outcome: Outcome
    recall_high: float
    recall_accept: float
    warnings: tuple[str, ...]


def read_records(path: Path) -> list[Track]:
    """Read a CSV of records. Raises ValueError naming the file, line, column and value."""
    rows: dict[str, list[tuple[float, bool, float]]] = {}
    with open(path, newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f'{path}: column {missing[0]} is missing, needs {",".join(COLUMNS)}')
        for row in reader:
            where = f'{path}, line {reader.line_num}'
            present = _number(row, 'present', where) > 0.5
            iou = _number(row, 'iou', where) if present else 0.0
            confidence = _number(row, 'confidence', where)
            rows.setdefault(row['sequence'], []).append((confidence, present, iou))
    if not rows:
        raise ValueError(f'{path}: no records')
    return [
        Track(name, *(np.array(column) for column in zip(*values))) for name, values in rows.items()
    ]


def _number(row: dict[str, str], column: str, where: str) -> float:
    try:
        value = float(row[column])
    except (TypeError, ValueError):
        raise ValueError(f'{where}: {column} is {row[column]!r}, must be a number') from None
    if not 0.0 <= value <= 1.0:
        raise ValueError(f'{where}: {column} is {value!r}, must lie in [0, 1]')
    return value


def judge(
    tracks: Sequence[Track], config: SupervisorConfig, rate_hz: float, within_frames: int = 10
) -> Outcome:
    """Run the supervisor over the records; after a LOST it starts anew once the box is right."""
    followed = false_lost = in_time = gone = 0
    delays: list[int] = []
    for track in tracks:
        states = _states(track, config, rate_hz)
        on_target = track.present & (track.iou >= FOLLOWED_IOU)
        declared = _entries(states, State.LOST)
        followed += int(np.sum(on_target & (states != State.LOST)))
        false_lost += int(np.sum(on_target[declared]))
        for start, end in absences(track.present):
            if end - start < within_frames or states[start - 1] == State.LOST:
                continue  # back too soon to tell, or lost before
            gone += 1
            lost = [index for index in declared if start <= index < end]
            if lost:
                delays.append(lost[0] - start + 1)
                in_time += delays[-1] <= within_frames
    return Outcome(followed, false_lost, gone, in_time, tuple(delays))


def _states(track: Track, config: SupervisorConfig, rate_hz: float) -> np.ndarray:
    supervisor = Supervisor(config)
    memory = supervisor.start(0.0, BOX, IMAGE_SIZE).memory
    states = np.full(len(track.confidence), State.TRACKING)
    for index, confidence in enumerate(track.confidence):
        stamp = (index + 1) / rate_hz
        if memory.state is State.LOST and track.iou[index] >= ON_TARGET_IOU:
            decision = supervisor.start(stamp, BOX, IMAGE_SIZE, again=True)
        else:
            seen = Observation(stamp, float(confidence), 0.0, BOX, IMAGE_SIZE)
            decision = supervisor.step(memory, seen)
        memory = decision.memory
        states[index] = memory.state
    return states


def _entries(states: np.ndarray, state: State) -> np.ndarray:
    """Indices at which a state is entered."""
    before = np.concatenate(([State.TRACKING], states[:-1]))
    return np.flatnonzero((states == state) & (before != state))


def absences(present: np.ndarray) -> list[tuple[int, int]]:
    """Half-open runs of frames without the target, those at the very start left out."""
    edges = np.diff(np.concatenate(([1], present.astype(int), [1])))
    runs = zip(np.flatnonzero(edges == -1).tolist(), np.flatnonzero(edges == 1).tolist())
    return [(start, end) for start, end in runs if start > 0]


def calibrate(
    tracks: Sequence[Track],
    rate_hz: float,
    goals: Goals | None = None,
    config: SupervisorConfig | None = None,
) -> Calibration:
    """Choose the thresholds; `config` gives the hysteresis that they will run with.

    Raises ValueError if the records hold no frame with the target, or none without.
    """
    goals, config = goals or Goals(), config or SupervisorConfig()
    confidence = np.concatenate([track.confidence for track in tracks])
    present = np.concatenate([track.present for track in tracks])
    iou = np.concatenate([track.iou for track in tracks])
    right = confidence[present & (iou >= ON_TARGET_IOU)]
    wrong = confidence[~present | (iou < OFF_TARGET_IOU)]
    if not len(right) or not len(wrong):
        raise ValueError(
            f'records hold {len(right)} frames on the target and {len(wrong)} without it or beside '
            'it, must hold both'
        )
    high, accept = (
        _exceeded_by(wrong, share) for share in (goals.wrong_share, goals.wrong_share / 10)
    )
    low, outcome = _choose_low(
        tracks, replace(config, low_threshold=0.0, high_threshold=high), rate_hz, goals
    )
    recalls = [float(np.mean(right >= limit)) for limit in (high, accept)]
    return Calibration(low, high, accept, outcome, *recalls, _warnings(outcome, recalls, goals))


def _exceeded_by(values: np.ndarray, share: float) -> float:
    """The least threshold, in hundredths, that at most this share of the values reaches."""
    steps = np.arange(1, 101) / 100.0
    return float(next((step for step in steps if np.mean(values >= step) <= share), 1.0))


def _choose_low(
    tracks: Sequence[Track], config: SupervisorConfig, rate_hz: float, goals: Goals
) -> tuple[float, Outcome]:
    steps = np.arange(1, int(round(config.high_threshold * 100)) + 1, 2) / 100.0
    outcomes = {
        float(step): judge(
            tracks, replace(config, low_threshold=float(step)), rate_hz, goals.within_frames
        )
        for step in steps
    }
    fewest = min(outcome.false_lost_per_1000 for outcome in outcomes.values())
    limit = max(goals.false_lost, fewest)
    allowed = {low: o for low, o in outcomes.items() if o.false_lost_per_1000 <= limit}
    most = max(outcome.lost_in_time for outcome in allowed.values())
    best = [low for low, outcome in allowed.items() if outcome.lost_in_time == most]
    low = best[len(best) // 2]
    return low, outcomes[low]


def _warnings(outcome: Outcome, recalls: Sequence[float], goals: Goals) -> tuple[str, ...]:
    found = []
    if outcome.false_lost_per_1000 > goals.false_lost:
        found.append(f'no low_threshold keeps false LOST below {goals.false_lost:g} in 1000 frames')
    if not outcome.disappearances:
        found.append('no disappearance in the records: low_threshold rests on false LOST alone')
    for name, recall in zip(('high_threshold', 'accept_threshold'), recalls):
        if recall < 0.5:
            found.append(f'{name} is reached on only {recall:.0%} of the frames on the target')
    return tuple(found)


def as_yaml(result: Calibration) -> str:
    """Parameters for config/tracker.yaml, with what they were found to do as comments."""
    outcome = result.outcome
    delays = sorted(outcome.delays)
    median = f'{delays[len(delays) // 2]} frames' if delays else 'none'
    lines = [
        '# Chosen by siamla_ros.calibration.thresholds on validation records:',
        f'# false LOST {outcome.false_lost_per_1000:.2f} in 1000 frames '
        f'({outcome.false_lost} in {outcome.followed_frames})',
        f'# LOST in time after {outcome.lost_in_time} of {outcome.disappearances} disappearances, '
        f'median delay {median}',
        f'# frames on the target that reach high_threshold {result.recall_high:.1%}, '
        f'accept_threshold {result.recall_accept:.1%}',
        *(f'# WARNING: {warning}' for warning in result.warnings),
        '/**:',
        '  ros__parameters:',
        '    supervisor:',
        f'      low_threshold: {result.low_threshold:.2f}',
        f'      high_threshold: {result.high_threshold:.2f}',
        '# for a recovery without identity:',
        f'#   hint_threshold: {min(result.low_threshold, result.accept_threshold):.2f}',
        f'#   accept_threshold: {result.accept_threshold:.2f}',
    ]
    return '\n'.join(lines) + '\n'


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 2 when the records cannot be used."""
    parser = argparse.ArgumentParser(
        prog='siamla_ros.calibration.thresholds',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('records', type=Path, help='CSV file of records')
    parser.add_argument('--rate', type=float, default=30.0, help='images a second (default 30)')
    parser.add_argument('--wrong-share', type=float, default=Goals.wrong_share)
    parser.add_argument('--false-lost', type=float, default=Goals.false_lost)
    parser.add_argument('--within-frames', type=int, default=Goals.within_frames)
    parser.add_argument('--output', type=Path, help='YAML file (default: standard output)')
    options = parser.parse_args(arguments)
    if not 0.0 < options.rate < 1e6:
        parser.error(f'--rate is {options.rate}, must lie in (0, 1e6)')
    goals = Goals(options.wrong_share, options.false_lost, options.within_frames)
    return hand_over(
        lambda: as_yaml(calibrate(read_records(options.records), options.rate, goals)),
        options.output,
    )


if __name__ == '__main__':
    sys.exit(main())
