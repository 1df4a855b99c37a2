"""A simulated robot follows a walking target with the real nodes, and stops when it must.

    make demo-follow
    python tools/demo follow --seed 3 --method depth

The simulation renders a camera and a laser scanner; tracker, target_pose and follow_target are
processes of their own over DDS. It waits for the answers to each image, so that a busy machine
makes it slower and changes nothing else. Leaves a video of camera and map, and the figures. Exits
with 1 where the target was not followed, or the robot did what it must not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import rclpy
from graph import NAMESPACE, ROOT, DemoError, node, raise_on_failure, raise_on_refusal
from outputs import keep_earlier
from processes import Processes

from siamla_ros.datasets.video_sink import FrameSink

sys.path.append(str(ROOT / 'tools'))

from follow_sim.counterpart import Counterpart, NoAnswerError
from follow_sim.episode import (
    AWAY_S,
    DISTRACTOR_S,
    END_S,
    LEAVE_S,
    OCCLUDER_S,
    Episode,
)
from follow_sim.loop import RATE_HZ
from follow_sim.node_loop import FOLLOW_TARGET, NodeLoop
from follow_sim.outcome import Outcome
from follow_sim.stage import Event, Stage

from siamla_ros.navigation.follow_config import FollowConfig
from siamla_ros.navigation.ranging import METHODS

ENABLE_S = 1.0
DISTANCE_M = FollowConfig().distance_m
EVENTS = (
    Event(ENABLE_S, 'enabled'),
    Event(OCCLUDER_S, 'a crate crosses'),
    Event(DISTRACTOR_S, 'a similar person crosses'),
    Event(LEAVE_S, 'the target leaves'),
    Event(LEAVE_S + AWAY_S, 'it returns'),
)
# Its own: a second demo in this domain would answer images, and other robots keep their clock.
OWN = f'{NAMESPACE}_{os.getpid()}'
CLOCK = ['-r', f'/clock:={OWN}/clock']


def parse_arguments(args: list[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog='follow', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seed', type=int, default=0, help='of the episode')
    parser.add_argument(
        '--seconds', type=float, default=END_S, help='end earlier; the target returns at 22'
    )
    parser.add_argument('--method', default='height', choices=METHODS, help='of the range')
    parser.add_argument('--device', default='auto', help='of the tracker: auto, cpu or cuda:N')
    parser.add_argument('--model', default='default', help='name of a model or a checkpoint file')
    parser.add_argument('--output', type=Path, default=ROOT / 'demo_output' / 'follow')
    return parser.parse_args(args)


def start(options: argparse.Namespace, processes: Processes) -> None:
    """Starts the three nodes on the simulated clock."""
    nodes = {
        'tracker_node': {'device': options.device, 'model': options.model},
        'target_pose': {'method': options.method},
        'follow_target': {**FOLLOW_TARGET, 'distance_m': DISTANCE_M},
    }
    for name, values in nodes.items():
        processes.start(
            name.removesuffix('_node'), node(name, OWN, use_sim_time=True, **values) + CLOCK
        )


def check(processes: Processes) -> None:
    """DemoError if a node has ended or refuses to work."""
    raise_on_failure(processes)
    raise_on_refusal(processes)


def play(options: argparse.Namespace, counterpart: Counterpart, sink: FrameSink) -> Outcome:
    """The whole episode; every moment becomes a frame of the video."""
    counterpart.wait_for_nodes()
    loop = NodeLoop(Episode(options.seed), counterpart, DISTANCE_M)
    stage = Stage(END_S, EVENTS, DISTANCE_M)
    loop.begin()
    began_s, state, enabled = time.monotonic(), None, None  # enabled: what was driven before
    for moment in loop.steps(options.seconds):
        if enabled is None and loop.now_s >= ENABLE_S:
            enabled = loop.robot.way_m, len(counterpart.velocities)
            loop.enable()
            _say(moment.now_s, 'the robot is enabled')
        if moment.answer.state is not state:
            state = moment.answer.state
            _say(moment.now_s, f'{state.name}, confidence {moment.answer.confidence:.2f}')
        sink.write(stage.draw(moment, enabled is not None))
    return Outcome(loop.measures, *(enabled or (0.0, 0)), time.monotonic() - began_s)


def perform(options: argparse.Namespace) -> tuple[Outcome, str]:
    """The scene, and what video was written.

    Raises:
        DemoError: a process failed or did not answer.
    """
    rclpy.init(args=[], signal_handler_options=rclpy.SignalHandlerOptions.NO)
    try:
        with Processes(options.output / 'log') as processes:
            start(options, processes)
            counterpart = Counterpart(OWN, lambda: check(processes))
            try:
                with FrameSink(options.output / 'follow.mp4', RATE_HZ) as sink:
                    return play(options, counterpart, sink), sink.describe()
            except NoAnswerError as error:
                raise DemoError(f'{error}; see {options.output / "log"}') from error
            finally:
                counterpart.close()
    finally:
        rclpy.try_shutdown()


def _say(now_s: float, text: str) -> None:
    print(f'{now_s:5.1f} s  {text}', flush=True)


def main(args: list[str]) -> int:
    """Plays the scene and prints the figures; returns the exit status."""
    options = parse_arguments(args)
    keep_earlier(options.output)
    outcome, video = perform(options)
    figures, failures = outcome.figures(), outcome.failures()
    (options.output / 'summary.json').write_text(json.dumps(figures, indent=2) + '\n', 'utf-8')
    print('\n'.join(f'{name.replace("_", " "):28s} {value}' for name, value in figures.items()))
    print(f'video                        {video}')
    print(f'logs                         {options.output / "log"}')
    for reason in failures:
        print(f'failed: {reason}')
    return 1 if failures else 0
