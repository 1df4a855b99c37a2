"""What `siamla bench --ros` makes of the moments that its processes note."""

from __future__ import annotations

import subprocess
import sys

import pytest

from siamla_ros.cli import bench_ros
from siamla_ros.cli.main import main

MS = 10**6
STAMP = 1_700_000_000 * 10**9


def image(number: int, **moments_ms: float) -> dict[str, int]:
    """A row; moments count from the stamp, `crops`, `network` and `boxes` are lengths."""
    stamp = STAMP + number * 33 * MS
    lengths = 'crops', 'network', 'boxes'
    values = {k: round(v * MS) + (0 if k in lengths else stamp) for k, v in moments_ms.items()}
    return {'stamp': stamp, **values}


WHOLE = {
    'sent': 1, 'received': 3, 'parsed': 3.5, 'began': 5, 'crops': 0.5, 'network': 6, 'boxes': 0.25,
    'tracked': 13, 'published': 14, 'arrived': 16,
}  # fmt: skip


def test_every_stage_is_the_time_between_its_moments():
    found = bench_ros.figures([image(0, **WHOLE)], [image(0, sent=1, converted=4)])
    assert {name: values[0] for name, values in found['milliseconds'].items()} == {
        'publish (camera)': 1.0,
        'stamp to arrival in the node': 3.0,
        'parse': 0.5,
        'wait for the worker': 1.5,
        'crops': 0.5,
        'network': 6.0,
        'boxes': 0.25,
        'supervision, identity': 1.25,  # 8 ms without the three above
        'publish (node)': 1.0,
        'delivery to the listener': 2.0,
        'stamp to detection': 16.0,
    }
    assert found['overhead_ms'] == [8.0]
    assert found['overhead_ratio'] == 2.0


def test_images_that_got_lost_on_the_way_are_counted_and_spoil_no_stage():
    rows = [image(0, **WHOLE), image(1, sent=2), image(2, sent=1, received=9, parsed=10)]
    found = bench_ros.figures(rows, [image(0, sent=1, converted=4), image(1, sent=1)])
    assert found['images'] == {
        'published': 3,
        'processed': 1,
        'with a target': 1,
        'detections received': 1,
        'taken by the plain subscriber': 1,
    }
    assert found['milliseconds']['publish (camera)'] == [1.0, 2.0, 1.0]
    assert found['milliseconds']['parse'] == [0.5, 1.0]
    assert found['milliseconds']['network'] == [6.0]
    assert 'lost: 2' in bench_ros.tables(found)


def test_processes_are_joined_by_the_stamp_of_an_image_that_the_camera_counts():
    camera = {'5': {'sent': 7}, '6': {'sent': 8}}
    tracker = {'4': {'received': 5}, '5': {'received': 9, 'parsed': 10}}
    assert bench_ros._joined([camera, tracker, {'6': {'arrived': 20}}]) == [
        {'stamp': 5, 'sent': 7, 'received': 9, 'parsed': 10},
        {'stamp': 6, 'sent': 8, 'arrived': 20},
    ]


def test_no_image_with_a_target_is_an_error():
    with pytest.raises(ValueError, match='no image came through with a target'):
        bench_ros.figures([image(0, sent=1)], [image(0, converted=4)])


def test_a_process_that_ends_at_the_start_is_named_and_nobody_waits_for_it():
    code = {'camera': 'import time; time.sleep(60)', 'tracker': 'raise SystemExit(3)'}
    running = {k: subprocess.Popen([sys.executable, '-c', v]) for k, v in code.items()}
    try:
        with pytest.raises(ValueError, match='the process tracker ended with 3 at the start'):
            bench_ros._wait_for_first(running, 50.0)
    finally:
        running['camera'].kill()
        running['camera'].wait()


def test_without_ros_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(bench_ros.importlib.util, 'find_spec', lambda name: None)
    assert main(['bench', '--ros']) != 0
    assert '--ros: rclpy is not in this environment' in capsys.readouterr().err
