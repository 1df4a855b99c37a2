"""`siamla eval` on data sets some of whose images cannot be read."""

import argparse
import json
import shutil

import cv2
import numpy as np
import pytest
from support.evaluation_doubles import Doubtful, square_scene

from siamla_ros.cli import eval as cli
from siamla_ros.datasets.sequence import DatasetError
from siamla_ros.evaluation import scenarios
from siamla_ros.evaluation.peers.registry import MAKERS


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


@pytest.fixture
def squares(tmp_path, monkeypatch):
    """Sequences a, b and c, each on a ground of its own; the third image of b is none."""
    monkeypatch.setitem(MAKERS, 'doubtful', lambda rest, label, **_: Doubtful())
    monkeypatch.setattr(scenarios.episodes, '__defaults__', (('leave_same',),))
    for seed, name in enumerate('abc'):
        scene = square_scene(name, seed, frames=8)
        folder = tmp_path / 'set' / name
        folder.mkdir(parents=True)
        for number, image in enumerate(scene.images, 1):
            cv2.imwrite(str(folder / f'{number:04d}.png'), image)
        np.savetxt(folder / 'groundtruth.txt', scene.boxes_xywh, '%d', ',')
    (tmp_path / 'set' / 'b' / '0003.png').write_bytes(b'no image')
    return tmp_path / 'set'


@pytest.mark.parametrize('way', ['session', 'lost', 'supervised'])
def test_every_way_to_evaluate_leaves_it_out_by_name(way, squares, tmp_path, capsys):
    trackers = ('--trackers', 'doubtful', 'identity', '--quiet', '--no-plots', f'--{way}')
    words = ('--dataset', squares, *trackers, '--output', tmp_path / 'out')
    damage = f'{squares}/b/0003.png is not a readable image'
    with pytest.raises(DatasetError, match=damage):
        call(*words, '--sequences', 'a', 'b', 'c')
    capsys.readouterr()
    assert call(*words) == 0
    told = capsys.readouterr()
    assert told.err.splitlines() == [f'left out: {damage}', f'written to {tmp_path}/out']
    assert told.out.endswith('\n\nleft out, damaged: b\n') and damage not in told.out
    damaged = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert list(damaged['setup']['sequences']) == ['a', 'c'] and damaged[way]
    call(*words, '--sequences', 'a', 'c')
    assert json.loads((tmp_path / 'out' / 'results.json').read_text()) == damaged
    for name in 'ac':
        (squares / name / '0002.png').write_bytes(b'')
    with pytest.raises(DatasetError, match=r'a/0002\.png is not a readable image'):
        call(*words)


def test_episodes_are_not_resumed_once_a_damaged_sequence_is_mended(squares, tmp_path):
    """It lends its pictures to the others again."""
    words = ('--dataset', squares, '--trackers', 'doubtful', '--quiet', '--no-plots', '--lost',
             '--output', tmp_path / 'out')  # fmt: skip
    call(*words)
    call(*words, '--resume')
    shutil.copy(squares / 'b' / '0002.png', squares / 'b' / '0003.png')
    with pytest.raises(ValueError, match='other frames'):
        call(*words, '--resume')


@pytest.mark.parametrize('way', ['--supervised', '--quiet'])
def test_a_video_that_is_none_is_left_out(way, moving_target, capsys):
    (moving_target / 'down' / 'video.avi').write_bytes(b'no video')
    assert call('--dataset', moving_target, '--trackers', 'identity', '--quiet', way) == 0
    told = capsys.readouterr()
    assert told.err.startswith(f'left out: file {moving_target}/down/video.avi cannot be opened')
    assert told.out.endswith('left out, damaged: down\n')
