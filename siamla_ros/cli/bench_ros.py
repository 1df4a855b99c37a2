"""`siamla bench --ros`: where the time of an image goes between camera and detection, and how many
images are lost.

A camera, the tracker node and a listener run as processes of their own, as on a robot; then the
same camera with a plain subscriber, which takes images as messages and copies them into an array.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from siamla_ros.cli.stage_plot import check_plot, draw
from siamla_ros.evaluation import report

MODULE = 'siamla_ros.ros.bench_transport'
START_S, END_S, POLL_S = 120.0, 30.0, 0.05
# Stage -> the moments between which it lies, or the time that was added up under its name.
SPANS = {
    'publish (camera)': ('stamp', 'sent'),
    'stamp to arrival in the node': ('stamp', 'received'),
    'parse': ('received', 'parsed'),
    'wait for the worker': ('parsed', 'began'),
    'crops': 'crops',
    'network': 'network',
    'boxes': 'boxes',
    'supervision, identity': ('crops', 'network', 'boxes', 'began', 'tracked'),
    'publish (node)': ('tracked', 'published'),
    'delivery to the listener': ('published', 'arrived'),
    'stamp to detection': ('stamp', 'arrived'),
}
Rows = dict[str, dict[str, int]]


def run(args: argparse.Namespace) -> int:
    """Measure, print the tables, write the file; 0. ValueError names what is wrong.

    Raises:
        ValueError: No ROS, no image arrived, a process failed, or a plot with another suffix.
        ModuleNotFoundError: A plot without matplotlib.
    """
    if args.plot:
        check_plot(args.plot)
    if importlib.util.find_spec('rclpy') is None:
        raise ValueError('--ros: rclpy is not in this environment; source ROS (siamla doctor)')
    if not args.rate > 0:
        raise ValueError(f'--rate {args.rate}: must be > 0')
    load = os.getloadavg()[0]
    rows = _joined(_measure(args, ['camera', 'tracker', 'listener']))
    plain = _joined(_measure(args, ['camera_alone', 'plain']))
    content = figures(rows, plain)
    print(tables(content))
    width, height = args.size
    print(
        f'\n{args.frames} images of {width}x{height} at {args.rate:g} Hz, {os.cpu_count()} cores, '
        f'load of the machine before {load:.1f}'
    )
    if args.output:
        content |= {'versions': report.versions(), 'load_before': load, 'rows': rows}
        args.output.parent.mkdir(parents=True, exist_ok=True)
        report.write_json(args.output, content)
    if args.plot:
        draw(content['milliseconds'], args.plot)
    return 0


def _measure(args: argparse.Namespace, roles: Sequence[str]) -> list[Rows]:
    """Run these processes until the first of them, the camera, ends; what each has noted."""
    namespace = f'/siamla_bench_{os.getpid()}'
    given = [*(str(v) for v in args.size), str(args.rate), str(args.frames)]
    with tempfile.TemporaryDirectory() as folder:
        paths = {role: Path(folder) / role for role in roles}
        running = {
            role: subprocess.Popen(
                [sys.executable, '-m', MODULE, role, str(path), *given]
                + ['--ros-args', '-r', f'__ns:={namespace}'],
            )
            for role, path in paths.items()
        }
        try:
            _wait_for_first(running, START_S + 3 * args.frames / args.rate)
            for role in roles[1:]:
                running[role].send_signal(signal.SIGINT)
            for role, process in running.items():
                if process.wait(END_S):
                    raise ValueError(f'--ros: the process {role} ended with {process.returncode}')
        except subprocess.TimeoutExpired as error:
            raise ValueError('--ros: a process did not end; is the machine too busy?') from error
        finally:
            for process in running.values():
                process.kill()
                process.wait()
        return [json.loads(path.read_text(encoding='utf-8')) for path in paths.values()]


def _wait_for_first(running: dict[str, subprocess.Popen], limit_s: float) -> None:
    """Until the first process has ended; another would wait for it for ever.

    Raises:
        ValueError: Another ended before it.
        subprocess.TimeoutExpired: It did not end.
    """
    (_, first), *others = running.items()
    end_s = time.monotonic() + limit_s
    while first.poll() is None:
        for role, process in others:
            if process.poll() is not None:
                raise ValueError(
                    f'--ros: the process {role} ended with {process.returncode} at the start'
                )
        if time.monotonic() > end_s:
            raise subprocess.TimeoutExpired(first.args, limit_s)
        time.sleep(POLL_S)


def _joined(noted: Sequence[Rows]) -> list[dict[str, int]]:
    """One row for each image that counts, with what every process has noted of it."""
    camera, *others = noted
    return [
        {
            'stamp': int(stamp),
            **row,
            **{k: v for rows in others for k, v in rows.get(stamp, {}).items()},
        }
        for stamp, row in camera.items()
    ]


def figures(rows: list[dict[str, int]], plain: list[dict[str, int]]) -> dict[str, Any]:
    """Counts, milliseconds of every stage, and the node's overhead beside a plain subscriber.

    Raises:
        ValueError: No image came through.
    """
    stages = {name: _milliseconds(rows, span) for name, span in SPANS.items()}
    overhead = [
        (row['published'] - row['stamp'] - row['network']) / 1e6
        for row in rows
        if {'published', 'network'} <= row.keys()
    ]
    converted = _milliseconds(plain, ('stamp', 'converted'))
    if not overhead or not converted:
        raise ValueError('--ros: no image came through with a target; see siamla doctor')
    return {
        'images': {
            'published': len(rows),
            'processed': sum('published' in row for row in rows),
            'with a target': len(overhead),
            'detections received': sum('arrived' in row for row in rows),
            'taken by the plain subscriber': len(converted),
        },
        'milliseconds': stages,
        'overhead_ms': overhead,
        'plain_ms': converted,
        'overhead_ratio': float(np.median(overhead) / np.median(converted)),
    }


def _milliseconds(rows: list[dict[str, int]], span: str | tuple[str, ...]) -> list[float]:
    """Of the rows that hold what it takes."""
    names = (span,) if isinstance(span, str) else span
    known = [row for row in rows if set(names) <= row.keys()]
    if isinstance(span, str):
        return [row[span] / 1e6 for row in known]
    *parts, begin, end = span
    return [(row[end] - row[begin] - sum(row[p] for p in parts)) / 1e6 for row in known]


def tables(content: dict[str, Any]) -> str:
    """Counts and stages, for a terminal."""
    rows = [
        [name, *(f'{np.quantile(values, q):.2f}' if values else '-' for q in (0.5, 0.95, 0.99))]
        for name, values in {
            **content['milliseconds'],
            'overhead: stamp to publication without the network': content['overhead_ms'],
            'plain subscriber: stamp to copy': content['plain_ms'],
        }.items()
    ]
    images = content['images']
    lost = images['published'] - images['processed']
    counts = '\n'.join(f'{name}: {count}' for name, count in images.items())
    return (
        f'{report.markdown_table(["stage", "ms median", "95 %", "99 %"], rows)}\n\n{counts}\n'
        f'lost: {lost}\noverhead / plain subscriber: {content["overhead_ratio"]:.2f}'
    )
