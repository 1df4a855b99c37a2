"""A target leaves and comes back elsewhere, and nobody touches anything: the tracker says LOST and
asks, a detector sees people, the detector bridge picks the right one, the tracker goes on.

    make demo-return                  on real video, with a detector of moving shapes
    python tools/demo leave_and_return --film generated --search local

Film, tracker, detector and detector bridge are processes of their own over DDS. Exits with 1 unless
the target was declared lost, asked for, and found again under its id, with nothing else confirmed.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import rclpy
from clip import fetch_clip
from director import TARGET_ID, Director
from film import Film, generated, spliced
from graph import NAMESPACE, ROOT, SETTLE_S, node, parameters, spin, wait_for_graph
from outputs import keep_earlier
from processes import Processes
from rclpy.executors import SingleThreadedExecutor
from verdict import Verdict, verdict_of

ENOUGH = 0.8  # share of images to be processed for the figures to mean something
DRAIN_S = 2.0  # after the last image, for what is under way


def parse_arguments(args: list[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog='leave_and_return',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--film', default='real', choices=['real', 'generated'])
    parser.add_argument(
        '--search',
        default='off',
        choices=['off', 'local', 'global'],
        help='the re-detection of the tracker',
    )
    parser.add_argument(
        '--bridge',
        default='on',
        choices=['on', 'off'],
        help='off: nobody answers, the tracker is left to its search',
    )
    parser.add_argument('--rate', type=float, default=10.0, help='images a second')
    parser.add_argument(
        '--detector-delay',
        type=float,
        default=0.15,
        help='seconds that the detector takes longer than it needs',
    )
    parser.add_argument(
        '--probability',
        type=float,
        default=0.65,
        help='least probability of being the target that the detector bridge takes; 0: by place',
    )
    parser.add_argument('--tracker', nargs='+', help='another command for the tracker node')
    parser.add_argument('--output', type=Path, default=ROOT / 'demo_output' / 'return')
    return parser.parse_args(args)


def start(options: argparse.Namespace, film: Film, processes: Processes) -> None:
    """Starts tracker, detector bridge, and the detector unless the film is generated."""
    values = {'redetection.mode': options.search, 'device': 'cpu'}
    command = node('tracker_node', **values)
    processes.start('tracker', (options.tracker or command[:1]) + command[1:])
    # reach 0: the target may come back anywhere, its appearance must decide
    by_appearance = {'min_probability': options.probability, 'reach': 0.0}
    by_place = {'reach': 4.0, 'speed': 4.0}
    if options.bridge == 'on':
        processes.start(
            'bridge',
            node('detector_bridge', **(by_appearance if options.probability > 0.0 else by_place)),
        )
    processes.start(
        'recorder',
        ['nice', '-n', '5']  # encoding must not take the processor from what is shown
        + node('recorder', output=options.output / 'annotated.mp4', print_every=0),
    )
    if options.film == 'real':
        processes.start(
            'detector',
            [
                sys.executable,
                str(Path(__file__).parent),
                'detector',
                *parameters(class_id=film.label, delay=options.detector_delay),
            ],
        )


def play(
    options: argparse.Namespace,
    film: Film,
    director: Director,
    processes: Processes,
    executor: SingleThreadedExecutor,
) -> None:
    """Shows the film when everybody is there, and waits for what follows it.

    Raises:
        DemoError: A process failed or did not come up.
    """
    viewers = 2 + (options.film == 'real')  # of the images: tracker, recorder, detector
    wait_for_graph(
        processes, executor, lambda: director.graph_is_complete(viewers, options.bridge == 'on')
    )
    spin(executor, processes, SETTLE_S)
    director.begin()
    while not director.finished:
        spin(executor, processes, 0.2)
    spin(executor, processes, DRAIN_S)


def perform(options: argparse.Namespace) -> Verdict:
    """The whole scene; returns what became of the target."""
    film = generated() if options.film == 'generated' else spliced(fetch_clip(ROOT / '.cache').path)
    rclpy.init(args=[], signal_handler_options=rclpy.SignalHandlerOptions.NO)
    director = Director(NAMESPACE, film, options.rate, options.film == 'generated')
    executor = SingleThreadedExecutor()
    executor.add_node(director)
    try:
        with Processes(options.output / 'log') as processes:
            start(options, film, processes)
            play(options, film, director, processes, executor)
    finally:
        executor.shutdown()
        director.destroy_node()
        rclpy.shutdown()
    return verdict_of(film, director.record, TARGET_ID)


def main(args: list[str]) -> int:
    """Plays the scene and prints the figures; returns the exit status."""
    options = parse_arguments(args)
    keep_earlier(options.output)
    verdict = perform(options)
    figures = {**asdict(verdict), 'success': verdict.success}
    print('\n'.join(f'{name.replace("_", " "):16s} {value}' for name, value in figures.items()))
    print(f'video            {options.output / "annotated.mp4"}')
    print(f'logs             {options.output / "log"}')
    for reason in verdict.failures():
        print(f'failed: {reason}')
    if verdict.processed < ENOUGH:
        print(
            f'the processor was busy: only {100 * verdict.processed:.0f} % of the images could '
            'be processed, so this says little'
        )
    (options.output / 'verdict.json').write_text(json.dumps(figures, indent=2) + '\n', 'utf-8')
    return 0 if verdict.success else 1
