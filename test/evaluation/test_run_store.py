"""Stored runs that are damaged, and processes that are killed: named, not a traceback."""

import os
import signal

import numpy as np
import pytest
from support.scenes import picture

from siamla_ros.cli.main import main
from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.parallel import run_tasks
from siamla_ros.evaluation.peers.base import IdentityTracker
from siamla_ros.evaluation.run_store import RunStore
from siamla_ros.evaluation.runner import run_sequence


class Fatal(IdentityTracker):
    """Its process is killed, as for want of memory."""

    def init(self, image_bgr, box_xywh):
        os.kill(os.getpid(), signal.SIGKILL)


def make_fatal():
    return [Fatal()]


def sequence():
    return Sequence('square', [picture(100)] * 3, np.tile([100.0, 100.0, 24.0, 24.0], (3, 1)))


@pytest.mark.parametrize('kept', [0, 10, -30])
def test_a_stored_run_that_is_damaged_is_named(tmp_path, kept):
    store, tracker = RunStore(tmp_path / 'runs', cells=False, keep=True), IdentityTracker()
    store.save(tracker, sequence(), run_sequence(tracker, sequence()))
    assert store.load(tracker, sequence()) is not None
    (path,) = (tmp_path / 'runs').rglob('*.npz')
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r'square\.npz: damaged .* leave out --resume'):
        store.load(tracker, sequence())


def test_a_process_that_is_killed_ends_the_evaluation_with_the_reason():
    with pytest.raises(ChildProcessError, match=r'--jobs 1: a process ended without an answer'):
        list(run_tasks([(0, sequence())], make_fatal, cells=False, jobs=1))


def test_a_new_evaluation_removes_the_runs_of_another_and_nothing_else(moving_target, tmp_path):
    """The folder of trained models was removed, which has the same name."""
    words = ['eval', '--dataset', str(moving_target), '--trackers', 'identity', '--quiet']
    words += ['--no-plots', '--output', str(tmp_path / 'out')]
    assert main(words) == 0
    runs = tmp_path / 'out/runs'
    own = sorted(runs.glob('identity/*.npz'))
    own[0].rename(runs / 'identity/another.npz')
    own[1].write_bytes(own[1].read_bytes()[:100])
    (runs / 'trained').mkdir()
    (runs / 'trained/model.safetensors').write_bytes(b'weights')
    np.savez(runs / 'trained/tracked_windows.npz', boxes=np.zeros(3))
    assert main(words) == 0
    assert sorted(runs.glob('identity/*.npz')) == own
    assert {path.name for path in (runs / 'trained').iterdir()} == {
        'model.safetensors',
        'tracked_windows.npz',
    }
