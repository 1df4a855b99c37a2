"""Parts of a batch on threads of their own: each once, at the same time, and errors passed on."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

from siamla_ros.geometry.crops import context_window
from siamla_ros.model.checkpoint import read_checkpoint
from siamla_ros.runtime import side_by_side
from siamla_ros.runtime.factory import build_runtime
from siamla_ros.runtime.side_by_side import SideBySide, thread_count

MEET_S = 60.0  # what is not at work at the same time fails, however busy the machine


@pytest.fixture
def three():
    made = SideBySide(3)
    yield made
    made.close()


@pytest.mark.parametrize('count', [1, 2, 3, 10])
def test_each_part_is_done_once(three, count):
    done = []
    three.run(done.append, count)
    assert sorted(done) == list(range(count))


def test_as_many_are_at_work_as_there_are_threads(three):
    together = threading.Barrier(3, timeout=MEET_S)
    three.run(lambda number: together.wait(), 6)


def test_an_error_comes_when_the_others_are_done(three):
    ended, failed = [], threading.Event()

    def work(number):
        if number == 0:
            failed.set()
            raise RuntimeError('out of memory')
        assert failed.wait(MEET_S)
        ended.append(number)

    with pytest.raises(RuntimeError, match='out of memory'):
        three.run(work, 6)
    assert sorted(ended) == [1, 2, 3, 4, 5]
    three.run(ended.append, 3)  # and it goes on


def test_windows_run_side_by_side_from_as_many_as_threads_on():
    runtime, _ = build_runtime(read_checkpoint('default'), 'cpu', 'onnxruntime', 2, half=False)
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    window = context_window((20.0, 30.0, 40.0, 40.0), 3.75)
    template = runtime.template(image, window, (0.0, 0.0, 0.0))
    session, batches = runtime._alone, []
    together = threading.Barrier(2, timeout=MEET_S)

    class Watched:
        def run(self, outputs, feed):
            batches.append(len(feed['crops']))
            together.wait()
            return session.run(outputs, feed)

    runtime._alone = Watched()
    for count in (1, 2, 7):
        runtime.respond(image, [window] * count, [(0.0, 0.0, 0.0)] * count, [template] * count)
    assert sorted(batches) == [1, 1, 3, 4]
    runtime.close()


@pytest.mark.parametrize('prepared', [False, True])
def test_a_runtime_that_nobody_holds_is_gone_at_once(prepared):
    """Where 8 bits are faster, the one in float that they were compared with is let go."""
    pytest.importorskip('onnxruntime')
    from siamla_ros.runtime.onnx_runtime import OnnxRuntime

    runtime = OnnxRuntime(read_checkpoint('default'), 2)
    if prepared:
        runtime.prepare_batches()
    gone = weakref.ref(runtime)
    gc.disable()
    try:
        del runtime
        assert gone() is None
    finally:
        gc.enable()


def test_threads_are_counted_as_the_library_does(monkeypatch, tmp_path):
    """One a core: processors that share one count once."""
    monkeypatch.setattr(side_by_side.os, 'sched_getaffinity', lambda pid: {0, 1, 2})
    monkeypatch.setattr(side_by_side, 'SIBLINGS', str(tmp_path / '{}'))
    assert thread_count(0) == 3  # where the kernel does not say
    for cpu, siblings in enumerate(['0,1', '0,1', '2,3']):
        (tmp_path / str(cpu)).write_text(siblings)
    assert thread_count(0) == 2
    assert thread_count(5) == 5
