"""A simulated robot follows a walking target with the real nodes, and stops when it must.

    make demo-follow
    python tools/demo follow --seed 3 --method depth

The simulation renders a camera and a laser scanner; tracker, target_pose and follow_target are
processes of their own over DDS. It waits for the answers to each image, so that a busy machine makes
it slower and changes nothing else. Leaves a video of camera and map, and the figures. Exits with 1
where the target was not followed, or the robot did what it must not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
from graph import NAMESPACE, ROOT, DemoError, node, raise_on_failure
from outputs import keep_earlier
from processes import Processes

from siamla_ros.datasets.video_sink import FrameSink

sys.path.append(str(ROOT / 'tools'))

from follow_sim.counterpart import Counterpart, NoAnswerError  # noqa: E402
from follow_sim.episode import (  # noqa: E402
    AWAY_S,
    END_S,
    LEAVE_S,
    LOOKALIKE_S,
    OCCLUDER_S,
    Episode,
)
from follow_sim.loop import RATE_HZ  # noqa: E402
from follow_sim.measures import Measures  # noqa: E402
from follow_sim.node_loop import FOLLOW_TARGET, NodeLoop  # noqa: E402
from follow_sim.stage import Event, Stage  # noqa: E402

from siamla_ros.navigation.follow_config import FollowConfig  # noqa: E402
from siamla_ros.navigation.ranging import METHODS  # noqa: E402

ENABLE_S = 1.0
DISTANCE_M = FollowConfig().distance_m
EVENTS = (
    Event(ENABLE_S, 'enabled'),
    Event(OCCLUDER_S, 'a crate crosses'),
    Event(LOOKALIKE_S, 'a look-alike crosses'),
    Event(LEAVE_S, 'the target leaves'),
    Event(LEAVE_S + AWAY_S, 'it returns'),
)
CLOCK = ['-r', f'/clock:={NAMESPACE}/clock']  # other robots in this domain keep their clock


@dataclass(frozen=True)
class Outcome:
    """What the video does not count.

    Attributes:
        way_before_m: driven before the robot was enabled.
        velocities_before: velocities sent before that.
        wall_s: time that the episode took.
    """

    measures: Measures
    way_before_m: float
    velocities_before: int
    wall_s: float

    def failures(self) -> list[str]:
        """What did not happen, or should not have; empty where all went well."""
        one = self.measures
        checks = (
            (
                self.way_before_m > 0.0 or self.velocities_before > 0,
                'the robot was driven before it was enabled',
            ),
            (one.collisions > 0, f'the robot ran into {one.collisions} figures'),
            (one.lost_way_m > 0.1, f'it drove {one.lost_way_m:.2f} m while the target was LOST'),
            (not np.isfinite(one.return_s), 'the target came back and was not followed again'),
            (one.in_view < 0.7, f'the target was in view {100 * one.in_view:.0f} % of the time'),
        )
        return [words for failed, words in checks if failed]

    def figures(self) -> dict[str, float | int | None]:
        """By name, for the summary."""
        one = self.measures
        bearing = np.degrees(one.bearing_errors)
        return {
            'distance_error_median_m': round(float(np.median(one.distance_errors)), 3),
            'distance_error_p95_m': round(float(np.percentile(one.distance_errors, 95)), 3),
            'bearing_error_median_deg': round(float(np.median(bearing)), 2),
            'bearing_error_p95_deg': round(float(np.percentile(bearing, 95)), 2),
            'in_view_share': round(one.in_view, 3),
            'collisions': one.collisions,
            'figures_that_ran_into_it': one.run_into,
            'way_while_lost_m': round(one.lost_way_m, 3),
            'way_after_another_m': round(one.wrong_way_m, 3),
            'return_to_following_s': round(one.return_s, 2) if np.isfinite(one.return_s) else None,
            'way_before_enabled_m': self.way_before_m,
            'wall_s': round(self.wall_s, 1),
        }


def parse_arguments(args: list[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog='follow', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seed', type=int, default=0, help='of the episode')
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
            name.removesuffix('_node'), node(name, use_sim_time=True, **values) + CLOCK
        )


def play(options: argparse.Namespace, counterpart: Counterpart, sink: FrameSink) -> Outcome:
    """The whole episode; every moment becomes a frame of the video."""
    counterpart.wait_for_nodes()
    loop = NodeLoop(Episode(options.seed), counterpart, DISTANCE_M)
    stage = Stage(END_S, EVENTS, DISTANCE_M)
    loop.begin()
    began_s, state, enabled = time.monotonic(), None, None
    for moment in loop.steps(END_S):
        if enabled is None and loop.now_s >= ENABLE_S:
            enabled = loop.robot.way_m, len(counterpart.velocities)
            loop.enable()
            _say(moment.now_s, 'the robot is enabled')
        if moment.answer.state is not state:
            state = moment.answer.state
            _say(moment.now_s, f'{state.name}, confidence {moment.answer.confidence:.2f}')
        sink.write(stage.draw(moment, enabled is not None))
    return Outcome(loop.measures, *enabled, time.monotonic() - began_s)


def perform(options: argparse.Namespace) -> tuple[Outcome, str]:
    """The scene, and what video was written.

    Raises:
        DemoError: a process failed or did not answer.
    """
    rclpy.init(args=[], signal_handler_options=rclpy.SignalHandlerOptions.NO)
    try:
        with Processes(options.output / 'log') as processes:
            start(options, processes)
            counterpart = Counterpart(NAMESPACE, lambda: raise_on_failure(processes))
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
