"""Stored runs that are damaged, and processes that are killed: named, not a traceback."""

import os
import signal

import numpy as np
import pytest
from support.scenes import picture

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
