"""The scene of `python tools/demo leave_and_return`, real processes over DDS, unattended: a target
leaves, is declared lost and asked for, comes back elsewhere among others of its class and is taken
up again under its id by the detector bridge.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

DEMO = Path(__file__).resolve().parents[2] / 'tools/demo'
DOUBLES = str(Path(__file__).resolve().parents[1] / 'support/ros_doubles.py')
LIMIT_S = 240.0


SEARCHES = ('off', 'local')


@pytest.fixture(scope='module')
def scenes(tmp_path_factory):
    """Plays the scene with both kinds of search at once, each in a domain of its own: most of their
    time is waiting. By search: folder, exit code and what was printed.
    """
    folders = {search: tmp_path_factory.mktemp(search) for search in SEARCHES}
    words = [sys.executable, str(DEMO), 'leave_and_return', '--film', 'generated']
    running = {}
    for number, (search, folder) in enumerate(folders.items()):
        # nothing of this test's own domain: tests before it may still be leaving
        domain = str(1 + (int(os.environ['ROS_DOMAIN_ID']) + 50 + number) % 100)
        running[search] = subprocess.Popen(
            [*words, '--search', search, '--output', folder]
            + ['--tracker', sys.executable, DOUBLES, 'color'],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, 'ROS_DOMAIN_ID': domain},
        )
    try:
        texts = {search: child.communicate(timeout=LIMIT_S)[0] for search, child in running.items()}
    finally:
        for child in running.values():
            child.kill()
            child.wait()
    return {
        search: (folders[search], running[search].returncode, texts[search]) for search in texts
    }


@pytest.mark.parametrize('search', SEARCHES)
def test_a_target_that_leaves_is_asked_for_and_taken_up_again(scenes, search):
    folder, code, text = scenes[search]
    assert code == 0, text
    figures = json.loads((folder / 'verdict.json').read_text())
    # The color double falls silent at once: what is above 10 is a machine with other work.
    assert figures['lost_after'] <= 25 and figures['requested_after'] <= 30, text
    assert figures['found_after'] <= 80 and figures['same_id'], text
    assert figures['offered_wrong'] >= 30, 'the detector offered other squares of the same class'
    assert figures['taken_wrong'] == figures['false_confirmations'] == 0, text
    if search == 'off':
        assert figures['how'] == 'REINITIALIZED', text
    assert (folder / 'annotated.mp4').stat().st_size > 10_000
    bridge = (folder / 'log/bridge.log').read_text()
    assert "no box for 'target'" in bridge and 'Traceback' not in bridge
