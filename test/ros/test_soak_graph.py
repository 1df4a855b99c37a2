"""The soak tool's phases with a node of its own, in seconds: counts that do not depend on speed."""

import json

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

import soak
from endurance import phases as work


def test_images_overload_and_cycles_in_short(tmp_path, monkeypatch):
    monkeypatch.setattr(work, 'VIEWER_TURNS', 2)
    state = tmp_path / 'soak.json'
    short = ['--minutes', '0.05', '--overload', '1', '--viewers', '3', '--cycles', '2']
    short += ['--engine', 'double']
    assert soak.main([*short, '--state', str(state)]) == 0, state.with_suffix('.log').read_text()
    phases = json.loads(state.read_text())
    steady, busy = phases['graph']['runs'][0], phases['overload']['runs'][0]
    assert 0 < steady['processed'] <= steady['sent'] and steady['with a detection'] > 0
    assert 0 < busy['processed'] <= busy['sent'] and busy['service calls'] > 0
    assert busy['longest_answer_ms'] >= busy['answer_p50_ms'] > 0
    seen = phases['viewers']['runs'][0]
    assert seen['pictures'] > 0 and seen['0 viewers']['images'] > 0 < seen['16 viewers']['images']
    assert phases['cycles']['done'] == 2 and phases['cycles']['failed'] == {}
    assert phases['cycles']['silent'] == 0
    assert 'Traceback' not in state.with_suffix('.log').read_text()
