"""`siamla bench --ros` over real DDS: every stage of an image is noted, and images are counted."""

from __future__ import annotations

import json

from siamla_ros.cli import bench_ros
from siamla_ros.cli.main import main


def test_every_process_notes_what_it_saw(tmp_path):
    out = tmp_path / 'ros.json'
    arguments = ['--size', '160x120', '--rate', '20', '--frames', '16', '--output', str(out)]
    assert main(['bench', '--ros', *arguments]) == 0
    found = json.loads(out.read_text())
    images = found['images']
    assert images['published'] == len(found['rows']) == 16
    assert 1 <= images['with a target'] <= images['processed'] <= 16
    assert set(found['milliseconds']) == set(bench_ros.SPANS)
    order = ('stamp', 'received', 'parsed', 'began', 'tracked', 'published')
    whole = [row for row in found['rows'] if 'network' in row and 'published' in row]
    for row in whole:
        moments = [row[name] for name in order]
        assert moments == sorted(moments)
        assert row['targets'] == 1
        assert 0 < row['crops'] + row['network'] + row['boxes'] <= row['tracked'] - row['began']
