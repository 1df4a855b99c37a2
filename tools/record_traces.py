"""Records what the session answers, frame by frame, so that two checkouts can be compared.

python tools/record_traces.py --data FOLDER --output before.csv    # and in the other checkout
python tools/record_traces.py --compare before.csv after.csv

One row a frame: box, p, Q, confidence, state, reason, whether it is confirmed; of `--sequences`
sequences of an annotated dataset and of `--episodes` episodes in which the target is lost, made
from the same dataset. One thread on the CPU and the default settings: on one machine the same
behavior gives the same file, whose SHA-256 is printed.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path

from siamla_ros.datasets.discovery import load_dataset
from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation import splice, suites
from siamla_ros.evaluation.followers import FRAME_S
from siamla_ros.evaluation.scenarios import episodes
from siamla_ros.online.session import TrackingSession
from siamla_ros.online.targets import TargetOutput
from siamla_ros.tracker.results import TrackerLike

NAMED = ('sequence', 'frame', 'state', 'reason', 'confirmed')
NUMBERS = ('x', 'y', 'w', 'h', 'p', 'q', 'confidence')
COLUMNS = (*NAMED, *NUMBERS)
SEED = 0  # of the episodes
Row = list[str]


def rows(tracker: TrackerLike, sequences: Iterable[Sequence]) -> Iterator[Row]:
    """One row a frame, in the order of COLUMNS; numbers to the last digit.

    Raises:
        RuntimeError: The tracker failed on a frame.
    """
    for sequence in sequences:
        session = TrackingSession(tracker)
        for frame, image in enumerate(sequence.frames()):
            if frame == 0:
                output = session.start('target', sequence.init_box_xywh, image, 0.0)
            else:
                output = session.step(image, frame * FRAME_S)[0]
            yield [sequence.name, str(frame), *_cells(output)]
        if session.last_error:
            raise RuntimeError(f'{sequence.name}: {session.last_error}')


def _cells(output: TargetOutput) -> Row:
    scores = (output.score(name) for name in ('classification', 'localization', 'confidence'))
    named = (output.state.name, output.reason.name, str(output.confirmed))
    return [*named, *(repr(float(value)) for value in (*output.box_xywh, *scores))]


def lost_episodes(sequences: list[Sequence]) -> Iterator[Sequence]:
    """Every scenario of every scene in which a target can be lost."""
    scenes, _ = suites.scenes_of(sequences)
    for scene in scenes:
        donor = splice.donor_of(scene, scenes, SEED)
        yield from (episode.sequence for episode in episodes(scene, donor, SEED))


def record(path: Path, tracker: TrackerLike, data: list[Sequence], plain: int, lost: int) -> str:
    """Write the traces of `plain` sequences and `lost` episodes; the SHA-256 of the file."""
    chosen = chain(data[:plain], islice(lost_episodes(data) if lost else iter(()), lost))
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(COLUMNS)
        writer.writerows(rows(tracker, chosen))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compare(first: Path, second: Path) -> list[str]:
    """How two recordings differ, one line a difference of kind; empty if they are the same."""
    one, other = (list(csv.reader(path.open(encoding='utf-8'))) for path in (first, second))
    different = [
        (row, again) for row, again in zip_longest(one, other, fillvalue=[]) if row != again
    ]
    if not different:
        return []
    row, again = different[0]
    lines = [
        f'{len(different)} of {max(len(one), len(other)) - 1} frames differ, first',
        f'  {",".join(row) or "none"}',
        f'  {",".join(again) or "none"}',
    ]
    whole = [pair for pair in different if len(pair[0]) == len(pair[1]) == len(COLUMNS)]
    for place, name in enumerate(COLUMNS):
        pairs = [(a[place], b[place]) for a, b in whole if a[place] != b[place]]
        if pairs and name in NUMBERS:
            most = max(abs(float(a) - float(b)) for a, b in pairs)
            lines.append(f'{name}: {len(pairs)} frames, by {most:.3g} at most')
        elif pairs:
            lines.append(f'{name}: {len(pairs)} frames')
    return lines


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', type=Path, help='annotated dataset, see docs/evaluation.md')
    parser.add_argument('--output', type=Path, default=Path('traces.csv'), help='file to write')
    parser.add_argument('--sequences', type=int, default=8, help='the first ones, by name')
    parser.add_argument('--episodes', type=int, default=40, help='the first ones, by scene')
    parser.add_argument('--model', default='default', help='name of a model or a checkpoint file')
    parser.add_argument('--compare', type=Path, nargs=2, metavar='FILE', help='two recordings')
    args = parser.parse_args(argv)
    if (args.data is None) == (args.compare is None):
        parser.error('give either --data or --compare')
    return args


def main(argv: list[str] | None = None) -> int:
    """Record, or compare: 1 if two recordings differ."""
    args = _arguments(argv)
    if args.compare:
        found = compare(*args.compare)
        print('\n'.join(found) or 'the same, frame by frame')
        return bool(found)
    import cv2

    from siamla_ros import load_tracker

    cv2.setNumThreads(1)
    tracker = load_tracker(model=args.model, device='cpu', runtime='float', threads=1)
    digest = record(args.output, tracker, load_dataset(args.data), args.sequences, args.episodes)
    print(f'{args.output}  sha256 {digest}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
