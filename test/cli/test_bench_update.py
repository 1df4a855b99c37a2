"""`siamla bench` from inside the tracker: counts and places of targets, stages, what it refuses."""

from __future__ import annotations

import itertools
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from siamla_ros.cli import bench, bench_update
from siamla_ros.cli.main import main
from siamla_ros.evaluation.peers import registry
from siamla_ros.evaluation.peers.base import TrackerUnavailable

pytest.importorskip('onnxruntime')


@pytest.fixture(scope='module')
def tracker():
    from siamla_ros.tracker.tracker import load_tracker

    return load_tracker(device='cpu', runtime='onnxruntime', threads=1)


@pytest.fixture
def ticks():
    """A clock that goes on by one at each look."""
    return itertools.count().__next__


CLIP = bench.drawn_clip((160, 120), 3)


def test_places_lie_in_the_image_and_begin_with_the_box():
    found = bench_update.places(CLIP.box_xywh, 9, CLIP.images[0])
    assert len(set(found)) == 9
    assert found[0] == CLIP.box_xywh
    for x, y, w, h in found:
        assert (w, h) == CLIP.box_xywh[2:]
        assert x >= 0 and y >= 0 and x + w <= 160 and y + h <= 120


def test_every_target_is_updated_on_every_frame_in_one_call(monkeypatch, tracker, ticks):
    sizes, update = [], tracker.update
    watched = SimpleNamespace(
        init=tracker.init,
        update=lambda image, states: sizes.append(len(states)) or update(image, states),
    )
    times = bench_update.targets_ms(watched, CLIP.images, CLIP.box_xywh, [1, 5], 2, ticks)
    assert {count: found.shape for count, found in times.items()} == {1: (2, 3), 5: (2, 3)}
    assert all((found == 1e3).all() for found in times.values())  # one tick around each update
    assert sizes == [1] * 6 + [5] * 12 + [1] * 6  # the order turns; as many to warm up


def test_the_share_of_a_target_is_taken_within_a_round():
    times = {1: np.array([[4.0], [8.0]]), 8: np.array([[16.0], [48.0]])}  # 0.5 and 0.75 of one
    line = bench_update.targets_table(times).splitlines()[-1]
    assert [cell.strip() for cell in line.strip('|').split('|')] == [
        '8', '32.00', '46.40', '4.00', '0.62 (0.50-0.75)',
    ]  # fmt: skip


def test_stages_are_parts_of_the_whole(tracker, ticks):
    times = bench_update.stages_ms(tracker, CLIP.images, CLIP.box_xywh, 2, ticks)
    assert tuple(times) == bench_update.STAGES
    # Of respond, which is crops and network, the crops are taken off; each look is one tick.
    expected = {'crops': 1e3, 'network': 0.0, 'boxes': 1e3, 'rest': -1e3}
    for name, value in expected.items():
        np.testing.assert_array_equal(times[name], np.full((2, 3), value))


def test_busy_processes_end_with_the_block(monkeypatch):
    begun, popen = [], subprocess.Popen

    def start(command):
        begun.append(popen(command))
        return begun[-1]

    monkeypatch.setattr(subprocess, 'Popen', start)
    with bench_update.busy_processes(2):
        assert [process.poll() for process in begun] == [None, None]
    assert [process.poll() for process in begun] == [-9, -9]


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--targets', '2', '--trackers', 'identity'], 'identity: --targets and --stages look'),
        (['--targets', '0'], '--targets 0: must be at least 1'),
        (['--threads', '0'], '--threads 0: must be at least 1'),
        (['--beside', '-1'], '--beside -1: must be at least 0'),
    ],
)
def test_what_cannot_be_measured_is_refused(capsys, arguments, words):
    assert main(['bench', '--quiet', '--frames', '2', '--rounds', '1', *arguments]) != 0
    assert words in capsys.readouterr().err


def test_a_runtime_and_threads_go_to_each_tracker(monkeypatch):
    made = []
    monkeypatch.setitem(
        registry.MAKERS, 'siamla', lambda rest, label, **given: made.append((rest, label, given))
    )
    registry.make_tracker('siamla@float', 'cpu', {'runtime': 'auto', 'size_lr': 0.5}, 3)
    registry.make_tracker('old=siamla:a@b.safetensors@torch')
    registry.make_tracker('siamla:a@b.safetensors')
    assert [(rest, label, given['options']) for rest, label, given in made] == [
        ('', 'siamla@float', {'runtime': 'float', 'size_lr': 0.5}),
        ('a@b.safetensors', 'old', {'runtime': 'torch'}),
        ('a@b.safetensors', 'siamla', {}),
    ]
    assert [given['threads'] for *_, given in made] == [3, registry.THREADS, registry.THREADS]
    with pytest.raises(TrackerUnavailable, match="tracker 'identity@float'"):
        registry.make_tracker('identity@float')
