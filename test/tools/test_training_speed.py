"""The tools that measure training speed, in short: what they compare is the same but for one thing.

Two processes in earnest are tested in test/training/test_distributed.py.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict
from types import SimpleNamespace

import pair_speed
import pytest

torch = pytest.importorskip('torch')
yaml = pytest.importorskip('yaml')

import process_scaling  # noqa: E402
from support.networks import tiny_checkpoint, tiny_config  # noqa: E402

from siamla_ros.training import distributed  # noqa: E402
from siamla_ros.training.loop import Trainer  # noqa: E402
from siamla_ros.training.pairs import PairSource  # noqa: E402


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / 'recipe.yaml'
    path.write_text(yaml.safe_dump({'model': asdict(tiny_config()), 'init': 'tracker'}))
    return path


def test_both_ways_of_decoding_draw_the_same_pairs_in_turn(
    recipe, tmp_path, write_images, monkeypatch, capsys
):
    for name in ('GOT_1', 'GOT_2'):
        write_images(tmp_path / 'got' / name, 3, '{:08d}.jpg')
        (tmp_path / 'got' / name / 'groundtruth.txt').write_text('9,9,20,16\n' * 3)
    drawn, pair = [], PairSource.pair

    def noted(source, index):
        drawn.append((source._reduce, index))
        return pair(source, index)

    monkeypatch.setattr(PairSource, 'pair', noted)
    options = ['--dataset', f'got={tmp_path / "got"}', '--config', str(recipe)]
    assert pair_speed.main([*options, '--pairs', '2', '--rounds', '3']) == 0
    assert Counter(drawn) == Counter((way, index) for way in (False, True) for index in range(6))
    firsts = [way for way, index in drawn if index % 2 == 0]
    assert firsts == [True, False, False, True, True, False], 'neither is always the first'
    said = capsys.readouterr().out
    assert '3 rounds of 2 pairs, the same ones both ways' in said
    ratio, low, high = map(float, re.search(r'ratio (\S+) \(.* (\S+) to (\S+)\)', said).groups())
    assert 0.0 < low <= ratio <= high


def test_one_process_steps_on_the_whole_batch_and_each_of_all_on_its_part(
    recipe, tmp_path, monkeypatch, capsys
):
    """As the first of two: the other is played."""
    steps, waits, two = [], [], distributed.Processes(0, 2)

    def step(trainer, batch):
        steps.append((trainer, distributed.active(), [part.shape[0] for part in batch]))

    monkeypatch.setattr(Trainer, '_train_step', step)
    monkeypatch.setattr(distributed, 'join', lambda device: (two, device))
    monkeypatch.setattr(distributed, 'active', lambda: True)
    monkeypatch.setattr(distributed, 'wait', lambda: waits.append(1))
    monkeypatch.setattr(distributed, 'leave', lambda: None)
    init = str(tmp_path / 'tiny.safetensors')
    tiny_checkpoint(tmp_path)
    threads = torch.get_num_threads()
    try:
        options = ['--config', str(recipe), '--init', init, '--batch', '4', '--rounds', '3']
        assert process_scaling.main(options) == 0
    finally:
        torch.set_num_threads(threads)
    ways = {'one': (False, [4, 4, 4]), 'all': (True, [2, 2, 2])}
    order = ['all', 'one', 'one', 'all', 'all', 'one', 'one', 'all']
    assert [item[1:] for item in steps] == [ways[name] for name in order]
    assert len({id(trainer) for trainer, _, _ in steps}) == 2
    assert len(waits) == 2 * len(steps), 'before and after each'
    said = capsys.readouterr().out
    assert '3 rounds, batch 4' in said and '1 process:' in said and '2 processes:' in said


def test_every_process_draws_the_same_batch():
    first, second = (
        process_scaling.drawn(SimpleNamespace(model=tiny_config()), 3) for _ in range(2)
    )
    assert all(torch.equal(one, other) for one, other in zip(first, second))
    assert [tuple(part.shape) for part in first] == [(3, 3, 64, 64), (3, 3, 96, 96), (3, 4)]
