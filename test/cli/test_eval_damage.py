"""`siamla eval` on data sets some of whose images cannot be read."""

import argparse
import json

import pytest

from siamla_ros.cli import eval as cli
from siamla_ros.datasets.sequence import DatasetError


def call(*arguments):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return cli.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.mark.parametrize('jobs', [1, 2])
def test_a_sequence_whose_images_are_damaged_is_left_out_by_name(
    tmp_path, damaged_set, capsys, jobs
):
    line = damaged_set(4)
    trackers = ('--trackers', 'identity', 'other=identity', '--quiet', '--no-plots')
    words = ('--dataset', tmp_path / 'set', *trackers, '--output', tmp_path / 'out')
    assert call(*words, '--jobs', jobs) == 0
    told = capsys.readouterr()
    assert told.err.splitlines().count(line) == 1
    assert told.out.endswith('left out, damaged: b\n')
    content = json.loads((tmp_path / 'out' / 'results.json').read_text())
    for name in ('identity', 'other'):
        rows = content['scores'][name]['sequences']
        assert [row['sequence'] for row in rows] == ['a', 'c']
    assert list(content['setup']['sequences']) == ['a', 'c']
    with pytest.raises(DatasetError, match=r'0003\.png is not a readable image'):
        call(*words, '--sequences', 'b', '--jobs', jobs)
    for name in ('a', 'c'):
        (tmp_path / 'set' / name / '0002.png').write_bytes(b'')
    with pytest.raises(DatasetError, match=r'000\d\.png is not a readable image'):
        call(*words, '--jobs', jobs)
