"""What counts as a hop, a file and a record type on the way of an image."""

from __future__ import annotations

import importlib.util
import sys
import threading

import measure_code
import pytest
import trace_image

CALLBACK = """
from dataclasses import dataclass
@dataclass
class Frame:
    number: int
@dataclass
class NodeSettings:
    rate: int
class Source:
    def __init__(self, sink, helper):
        self.sink, self.helper = sink, helper
    def _on_message(self, number):
        return list(map(self.sink, [Frame(number)], [NodeSettings(3)]))
    def idle(self):
        self.helper()
"""
WORKER = """
from typing import NamedTuple
class Answer(NamedTuple):
    box: int
def sink(frame, settings):
    return work(frame)
def work(frame):
    return [Answer(frame.number)]
def tick():
    return Answer(0)
"""


@pytest.fixture
def modules(tmp_path):
    loaded = []
    for name, text in (('image_source', CALLBACK), ('worker', WORKER)):
        (tmp_path / f'{name}.py').write_text(text)
        spec = importlib.util.spec_from_file_location(f'traced_{name}', tmp_path / f'{name}.py')
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        loaded.append(module)
    yield loaded
    for module in loaded:
        del sys.modules[module.__name__]


def traced(root, action):
    """What a recorder sees of an action, which runs on a thread of its own."""
    recorder = trace_image.Recorder(str(root))
    thread = threading.Thread(target=lambda: (sys.setprofile(recorder), action()))
    thread.start()
    thread.join()
    return recorder.stop()


def test_calls_through_a_library_count_and_configuration_does_not(modules, tmp_path):
    source, worker = modules
    way = traced(tmp_path, lambda: source.Source(worker.sink, worker.tick)._on_message(1))
    assert way.files == {'image_source.py', 'worker.py'}
    assert way.hops == {('image_source.py', 'worker.py')}
    assert way.records == {'Frame', 'Answer'}
    assert trace_image.describe(way) == '1 hops, 2 files, 2 record types'


def test_nothing_counts_before_the_callback(modules, tmp_path):
    source, worker = modules
    way = traced(tmp_path, lambda: source.Source(worker.sink, worker.tick).idle())
    assert way == trace_image.Way(frozenset(), frozenset(), frozenset())


def test_what_only_some_images_meet_does_not_count():
    ways = [
        trace_image.Way(
            frozenset({('a', 'b'), ('a', name)}), frozenset('ab'), frozenset({'R', name})
        )
        for name in 'cd'
    ]
    expected = trace_image.Way(frozenset({('a', 'b')}), frozenset('ab'), frozenset({'R'}))
    assert trace_image.common(ways) == expected


def test_a_checkout_that_is_not_built_is_not_measured(tmp_path):
    assert 'not measured: it is not built' in measure_code.way_of_an_image(tmp_path)
