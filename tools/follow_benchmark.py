"""Measures following in simulation: seeded episodes, the package beside a naive loop.

    tools/with_env python tools/follow_benchmark.py --episodes 20

Prints a table in Markdown; `--ranges` measures bearing and range by method against the truth.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / 'tools')]

from follow_sim.episode import Episode  # noqa: E402
from follow_sim.followers import RANGE, Follower, NaiveFollower, SiamlaFollower  # noqa: E402
from follow_sim.loop import STEP_S, run  # noqa: E402
from follow_sim.measures import Measures, Moment, image_is_whole, target_box  # noqa: E402
from follow_sim.scene import CAMERA_HEIGHT_M, calibration  # noqa: E402

from siamla_ros.navigation.follow_config import OBSTACLES, FollowConfig  # noqa: E402
from siamla_ros.navigation.projection import locate  # noqa: E402
from siamla_ros.navigation.ranging import METHODS, RangeConfig, RangeError  # noqa: E402
from siamla_ros.tracker.tracker import load_tracker  # noqa: E402

CONFIG = FollowConfig(rate_hz=1.0 / STEP_S, max_linear=1.0, obstacles='scan')


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--episodes', type=int, default=20, help='seeds 0 to N - 1')
    parser.add_argument('--model', default='default', help='default or a checkpoint')
    parser.add_argument('--device', default='auto', help='auto, cpu or cuda:N')
    parser.add_argument(
        '--obstacles', default='scan', choices=OBSTACLES, help='off: without the laser scan'
    )
    parser.add_argument('--search', default='off', choices=('off', 'turn'), help='once LOST')
    parser.add_argument(
        '--followers', nargs='+', default=['siamla', 'naive'], choices=('siamla', 'naive')
    )
    parser.add_argument('--ranges', action='store_true', help='errors of the range by method')
    return parser.parse_args()


def measure(
    make: Callable[[], Follower], seeds: range, watch: Callable[[Moment], None] | None = None
) -> list[Measures]:
    """All episodes with one kind of follower."""
    results = []
    for seed in seeds:
        results.append(run(Episode(seed), make(), CONFIG.distance_m, watch))
        one = results[-1]
        print(
            f'seed {seed}: in view {one.in_view:.2f}, collisions {one.collisions}, LOST '
            f'{one.lost_way_m:.2f} m, wrong {one.wrong_way_m:.2f} m, return {one.return_s:.1f} s',
            file=sys.stderr,
            flush=True,
        )
    return results


def rows(results: list[Measures]) -> list[tuple[str, str]]:
    """Names and figures of one follower."""
    distance = np.concatenate([one.distance_errors for one in results])
    bearing = np.degrees(np.concatenate([one.bearing_errors for one in results]))
    returns = [one.return_s for one in results if math.isfinite(one.return_s)]
    median = f'{np.median(returns):.1f}' if returns else '-'
    return [
        ('distance error, median / p95 (m)', _pair(distance, 2)),
        ('bearing error, median / p95 (degrees)', _pair(bearing, 1)),
        (
            'target in view, share of the time it is there',
            f'{np.mean([r.in_view for r in results]):.2f}',
        ),
        ('collisions of a robot that drives', str(sum(one.collisions for one in results))),
        ('figures that ran into one that stands', str(sum(one.run_into for one in results))),
        ('driven while LOST, after the ramp (m)', f'{sum(one.lost_way_m for one in results):.2f}'),
        ('driven while the target is away (m)', f'{sum(one.away_way_m for one in results):.2f}'),
        ('driven after another (m)', f'{sum(one.wrong_way_m for one in results):.2f}'),
        ('followed again after the return', f'{len(returns)} of {len(results)}'),
        ('time from the return to following, median (s)', median),
    ]


def _pair(values: np.ndarray, digits: int) -> str:
    return f'{np.median(values):.{digits}f} / {np.percentile(values, 95):.{digits}f}'


class RangeErrors:
    """Watches an episode: the tracker's boxes by every method against the truth."""

    def __init__(self) -> None:
        self.errors: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
        self.refused = dict.fromkeys(METHODS, 0)
        self._camera = calibration()

    def __call__(self, moment: Moment) -> None:
        truth, box = target_box(moment.view), moment.answer.box_xywh
        if box is None or truth is None or moment.view.visible.get('target', 0.0) < 0.95:
            return
        if not image_is_whole(truth):
            return
        x, _, w, _ = truth
        bearing = math.atan2(self._camera.width / 2 - x - w / 2, self._camera.fx)
        foot = moment.view.boxes_xywh['target']
        ahead = CAMERA_HEIGHT_M * self._camera.fy / (foot[1] + foot[3] - self._camera.height / 2)
        for method in METHODS:
            config = RangeConfig(
                method=method,
                target_height_m=RANGE.target_height_m,
                target_width_m=0.48,
                camera_height_m=CAMERA_HEIGHT_M,
            )
            try:
                found = locate(self._camera, box, 0.9, config, moment.view.depth_m)
            except RangeError:
                self.refused[method] += 1
                continue
            error = abs(found.range_m - ahead / math.cos(bearing)) / (ahead / math.cos(bearing))
            self.errors[method].append((abs(found.bearing_rad - bearing), error))

    def table(self) -> str:
        """Markdown."""
        lines = ['| method | bearing, median / p95 (degrees) | range, median / p95 (%) | refused |']
        lines.append('|---|---|---|---|')
        for method, errors in self.errors.items():
            bearing, error = np.array(errors).T
            lines.append(
                f'| {method} | {_pair(np.degrees(bearing), 2)} | {_pair(100 * error, 1)} | '
                f'{self.refused[method]} of {self.refused[method] + len(errors)} |'
            )
        return '\n'.join(lines)


def main() -> int:
    """Run and print."""
    args = arguments()
    seeds, camera = range(args.episodes), calibration()
    tracker = load_tracker(model=args.model, device=args.device)
    config = FollowConfig(**{**vars(CONFIG), 'search': args.search, 'obstacles': args.obstacles})
    ranges = RangeErrors()
    makers = {
        'siamla': lambda: SiamlaFollower(tracker, camera, config),
        'naive': lambda: NaiveFollower(camera, CONFIG.distance_m),
    }
    tables = [
        rows(measure(makers[name], seeds, ranges if args.ranges and name == 'siamla' else None))
        for name in args.followers
    ]
    print(f'| measure | {" | ".join(args.followers)} |\n|---|{"---|" * len(tables)}')
    for lines in zip(*tables):
        print(f'| {lines[0][0]} | {" | ".join(value for _, value in lines)} |')
    if args.ranges:
        print('\n' + ranges.table())
    return 0


if __name__ == '__main__':
    sys.exit(main())
