"""`make test` runs each test once, in two processes, and fails if one of them does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / 'tools/run_tests.py'
FILES = ('test/ros/test_a.py', 'test/launch/test_b.py', 'test/tools/test_c.py')
FILES += ('test/geometry/test_d.py', 'test/test_e.py')


@pytest.mark.parametrize(
    ('failing', 'options', 'parts'),
    [
        (None, [], [FILES[:3], FILES[3:]]),
        ('test/ros/test_a.py', [], [FILES[:3], FILES[3:]]),
        ('test/test_e.py', [], [FILES[:3], FILES[3:]]),
        ('test/ros/test_a.py', ['--without-nodes'], [FILES[3:]]),
        (None, ['--deselect', 'test/test_e.py', '--deselect', FILES[3]], [FILES[:3]]),
    ],
)
def test_each_test_runs_once_and_every_failure_counts(tmp_path, failing, options, parts):
    (tmp_path / 'tools').mkdir()
    shutil.copy(TOOL, tmp_path / 'tools')
    (tmp_path / 'pyproject.toml').write_text('[tool.pytest.ini_options]\ntestpaths = ["test"]\n')
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(
            f'def test_it():\n    open({str(tmp_path / "ran")!r}, "a").write({name!r} + "\\n")\n'
            f'    assert {name != failing}\n'
        )
    command = [sys.executable, str(tmp_path / 'tools/run_tests.py'), *options]
    plain = {**os.environ, 'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1'}  # starts in half the time
    done = subprocess.run(command, capture_output=True, text=True, env=plain)
    asked = sorted(name for part in parts for name in part)
    assert done.returncode == (1 if failing in asked else 0), done.stdout + done.stderr
    assert sorted((tmp_path / 'ran').read_text().split()) == asked
    assert done.stdout.count(' passed') == len(parts), 'the output of each part'
