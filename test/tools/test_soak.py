"""The soak tool in short: it finds what it looks for, and goes on where it was interrupted."""

from __future__ import annotations

import json

import pytest
import soak
from endurance import fuzz
from endurance.fuzz_inputs import Kind, kinds
from endurance.progress import Progress
from endurance.usage import Usage, growth, usage

INPUTS = 3000


def test_bad_input_and_updates_in_short(tmp_path, capsys):
    state = tmp_path / 'soak.json'
    options = ['--engine', 'double', '--state', str(state)]
    assert soak.main([*options, '--fuzz', str(INPUTS), '--seed', '5', '--updates', '700']) == 0
    phases = json.loads(state.read_text())
    fed = phases['fuzz, seed 5']
    assert fed['done'] == INPUTS == sum(kind['fed'] for kind in fed['kinds'].values())
    assert fed['faults'] == [] and 0 < sum(k['accepted'] for k in fed['kinds'].values()) < INPUTS
    updates = phases['updates']
    assert updates['done'] == 700 and 400 < updates['confirmed'] <= 640 and updates['inits'] >= 2
    assert 'seed 5' in capsys.readouterr().out
    assert soak.main([*options, '--updates', '1000']) == 0
    assert json.loads(state.read_text())['updates']['done'] == 1000, 'goes on, not anew'


@pytest.mark.parametrize('kind', kinds(), ids=lambda kind: kind.name)
def test_every_kind_accepts_some_inputs(kind):
    """Else it tests one refusal again and again."""
    with fuzz.quiet_libraries():
        results = [fuzz.feed(kind, 5, number) for number in range(1000)]
    assert [trace for _, trace in results if trace] == []
    assert any(accepted for accepted, _ in results)


def test_a_fault_is_named_with_what_repeats_it(tmp_path):
    def feed(rng):
        if rng.random() < 0.01:
            raise KeyError('surprise')
        raise ValueError('refused')

    figures = fuzz.run(
        [Kind('broken', feed, (ValueError,))], 1000, 7, Progress(tmp_path / 'state'), 60.0
    )
    faults = figures['faults']
    assert 0 < figures['kinds']['broken']['faults'] < 50 and 'surprise' in faults[0]['trace']
    with pytest.raises(KeyError):
        feed(fuzz.input_of(7, 'broken', faults[0]['number']))


def test_a_leak_is_seen_past_the_warm_up():
    start = [Usage(50.0 + 10 * number, 5, 3, 16.0) for number in range(20)]  # loading
    steady = [Usage(250.0, 9, 4, 32.0)] * 80
    assert growth(start + steady) == (0.0, 0.0, 0.0, 0.0)
    leaking = [Usage(250.0 + number, 9 + number // 10, 4, 32.0) for number in range(80)]
    assert growth(start + leaking)[:2] == (60.0, 6.0)
    assert growth(steady[:3]) == (0.0, 0.0, 0.0, 0.0)


def test_handles_are_counted(tmp_path):
    before = usage()
    with (tmp_path / 'file').open('w'):
        assert usage().handles == before.handles + 1
    assert before.memory_mb > 10.0 and before.threads >= 1


def test_a_state_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / 'state'
    path.write_text('[1')
    with pytest.raises(ValueError, match='holds no progress'):
        Progress(path)
