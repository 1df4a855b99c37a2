"""The check of a GPU, run on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest.importorskip('torch')

from siamla_ros.cli import main as cli
from siamla_ros.evaluation.gpu import check, faults, measure
from siamla_ros.runtime import device as devices


@pytest.fixture(autouse=True)
def patient(monkeypatch, one_thread):
    """No limit of time, and one thread: beside other work two wait for each other."""
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    monkeypatch.setattr(check, 'BUDGET_S', 1e9)
    monkeypatch.setattr(faults, 'CHILD_TIMEOUT_S', 1e6)


PARTS = [
    'parity',
    'synchronizations',
    'out of memory',
    'failed call',
    'dead context',
    'two processes',
    'latency',
    'soak',
]


def test_a_dry_run_runs_the_whole_program_and_says_what_it_is(tmp_path, capsys):
    output, page = tmp_path / 'a/found.json', tmp_path / 'a/gpu.md'
    arguments = ['--device', 'cpu', '--brief', '--output', str(output), '--page', str(page)]
    status = cli.main(['bench', '--gpu-check', *arguments])
    shown = capsys.readouterr()
    found = json.loads(output.read_text())
    assert list(found['parts']) == PARTS
    assert [name for name in PARTS if not found['parts'][name]['ok']] == [], found
    assert status == 0
    assert 'proves nothing about a GPU' in shown.err
    text = page.read_text()
    assert '**A dry run on the CPU: nothing here was measured on a GPU.**' in text
    assert text.count('skipped: no GPU in this run') == 2
    assert shown.out.strip() == text.strip()
    rows = found['parts']['parity']['rows']
    assert 'float32 eager' in rows
    assert rows['float32 eager']['box_px_max'] > 0  # crops of its own against those of OpenCV
    assert len(found['parts']['latency']['table']['light, float32 eager']['ms']) == 2
    assert found['parts']['soak']['updates'] == 10


def test_without_a_gpu_it_says_so_and_fails(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(devices, '_cuda_devices', lambda: (0, 'torch is built without CUDA'))
    output = tmp_path / 'found.json'
    assert check.main(['--output', str(output)]) == 1
    text = capsys.readouterr().err
    assert 'torch is built without CUDA' in text
    assert 'Nothing was checked on a GPU.' in text
    assert not output.exists()


def test_files_that_cannot_be_written_are_named_before_minutes_are_spent(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(check, 'check', None)
    (tmp_path / 'file').write_text('')
    for option in ('--output', '--page'):
        status = check.main(['--device', 'cpu', option, str(tmp_path / 'file/found')])
        assert status == 1 and 'file' in capsys.readouterr().err.splitlines()[-1]


def test_an_answer_of_a_process_that_is_none_is_a_failure():
    command = [sys.executable, '-c', 'print("{cut")']
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert faults._answer(child) == {'ok': False, 'error': "answered '{cut'"}


def test_it_needs_nothing_but_what_a_bare_machine_has():
    """torch, NumPy, OpenCV and safetensors; the network is built and runs."""
    script = """
import sys
for name in ('onnxruntime', 'onnx', 'tqdm', 'scipy', 'matplotlib', 'yaml', 'rclpy', 'rosbags'):
    sys.modules[name] = None
from siamla_ros.evaluation.gpu import check, faults, measure, page
plan = check._plan('cpu', True)
print(measure.parity(plan)['ok'], faults.failed_call(plan)['ok'])
"""
    result = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True)
    assert result.stdout.split() == ['True', 'True'], result.stderr


def test_what_fails_is_named_and_the_rest_goes_on(monkeypatch, capsys):
    """Also a part that finds a fault, and one that finds no time."""

    def passed(plan):
        return {'ok': True}

    def broken(plan):
        raise RuntimeError('CUDA error: unspecified launch failure')

    for module, name in ((measure, 'latency'), (faults, 'out_of_memory')):
        monkeypatch.setattr(module, name, passed)
    for name in ('failed_call', 'dead_context', 'two_processes'):
        monkeypatch.setattr(faults, name, passed)
    monkeypatch.setattr(measure, 'synchronizations', passed)
    monkeypatch.setattr(measure, 'parity', broken)
    monkeypatch.setattr(measure, 'soak', lambda plan: {'ok': False, 'same result': False})
    assert check.main(['--device', 'cpu', '--brief']) == 1
    shown = capsys.readouterr()
    assert 'gpu-check: failed: parity, soak' in shown.err
    assert 'RuntimeError: CUDA error: unspecified launch failure' in shown.out
    monkeypatch.setattr(check, 'BUDGET_S', -1.0)
    assert check.main(['--device', 'cpu', '--brief']) == 1
    assert 'not begun within -1 s' in capsys.readouterr().out


def test_differences_beyond_the_limits_fail():
    from types import SimpleNamespace

    def result(x, confidence):
        scores = dict.fromkeys(measure.SCORES, confidence)
        return SimpleNamespace(box_xywh=(x, 0.0, 48.0, 48.0), **scores)

    expected = [[result(0.0, 0.9)]]
    for found, ok in ((result(0.5, 0.9), True), (result(1.5, 0.9), False), (result(0, 0.8), False)):
        row = measure._differences(expected, [[found]], 'float32 graphs')
        assert row['ok'] is ok
    assert measure._differences(expected, [[result(1.5, 0.9)]], 'float16 eager')['ok']
