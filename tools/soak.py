"""Long runs: what the node holds and how late it is after hours, overload, cycles and bad input.

    make soak                                    all of it: hours
    tools/with_env python tools/soak.py --fuzz 100000 --seed 7
    tools/with_env python tools/soak.py --minutes 5 --cycles 20 --engine double

An interrupted run goes on where it stopped: the figures are in the file of --state. Exits with 1 if
an input was answered by anything but its refusal, or if the node did not end as it should.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / 'tools'), str(ROOT / 'test')]

from endurance import fuzz, updates  # noqa: E402
from endurance.fuzz_inputs import kinds  # noqa: E402
from endurance.progress import Progress  # noqa: E402


def parse_arguments(args: list[str] | None) -> argparse.Namespace:
    """Reads the command line; a phase without an argument is left out."""
    parser = argparse.ArgumentParser(
        prog='soak', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--fuzz', type=int, default=0, metavar='N', help='random inputs')
    parser.add_argument('--seed', type=int, help='of the inputs; default: the time')
    parser.add_argument('--updates', type=int, default=0, metavar='N', help='in this process')
    parser.add_argument('--minutes', type=float, default=0.0, help='of images through the graph')
    parser.add_argument('--rate', type=float, default=15.0, help='of these images, in Hz')
    parser.add_argument('--overload', type=float, default=0.0, metavar='S', help='1080p at 60 Hz')
    parser.add_argument('--viewers', type=float, default=0.0, metavar='S', help='of the page')
    parser.add_argument('--cycles', type=int, default=0, metavar='N', help='of the lifecycle')
    parser.add_argument('--engine', default='network', choices=['network', 'double'])
    parser.add_argument(
        '--limit', type=float, default=1e9, metavar='S', help='for each of the first two'
    )
    parser.add_argument('--state', type=Path, default=ROOT / '.cache' / 'soak.json')
    return parser.parse_args(args)


def run_in_process(options: argparse.Namespace, progress: Progress) -> bool:
    """Bad input and updates; whether all was well."""
    good = True
    if options.fuzz:
        seed = int(time.time()) if options.seed is None else options.seed
        print(f'fuzz: seed {seed}', flush=True)
        good = not fuzz.run(kinds(), options.fuzz, seed, progress, options.limit)['faults']
    if options.updates:
        print('updates', flush=True)
        figures = updates.run(
            make_tracker(options.engine), options.updates, progress, options.limit
        )
        good &= 'error' not in figures
    return good


def make_tracker(engine: str) -> updates.TrackerLike:
    """The network that ships, or a tracker of the tests."""
    if engine == 'network':
        from siamla_ros import load_tracker

        return load_tracker(device='cpu')
    from support.ros_doubles import ColorTracker

    return ColorTracker()


def run_graph(options: argparse.Namespace, progress: Progress) -> bool:
    """The phases that need ROS; whether the node ended as it should."""
    # Another run, or a robot in the same network, would send its images here too.
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    from endurance import phases
    from endurance.graph import Graph, tracker_command

    graph = Graph(tracker_command(options.engine, ROOT), options.state.with_suffix('.log'))
    try:
        if options.minutes:
            print('graph', flush=True)
            phases.steady(graph, options.minutes, options.rate, progress)
        if options.overload:
            print('overload', flush=True)
            phases.overload(graph, options.overload, progress)
        if options.viewers:
            print('viewers', flush=True)
            phases.viewers(graph, options.viewers, progress)
        if options.cycles:
            print('cycles', flush=True)
            phases.cycles(graph, options.cycles, progress)
    finally:
        code = graph.close()
    print(f'exit code of the node: {code}')
    return code == 0


def main(args: list[str] | None = None) -> int:
    """Runs what is asked for, prints the figures, returns the exit code."""
    options = parse_arguments(args)
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT: ignored in a script's background job
        signal.signal(number, signal.default_int_handler)
    progress = Progress(options.state)
    good = True
    try:
        good = run_in_process(options, progress)
        if options.minutes or options.overload or options.viewers or options.cycles:
            good &= run_graph(options, progress)
    except KeyboardInterrupt:
        print('interrupted: the same command goes on')
    progress.save()
    print(json.dumps(progress.phases, indent=1))
    print(f'figures: {options.state}')
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
