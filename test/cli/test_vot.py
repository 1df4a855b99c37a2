"""`siamla vot` as vot-toolkit drives it: a TraX session over standard input and output."""

import os
import pty
import signal
import subprocess
import sys

import cv2
import pytest

from siamla_ros.cli import vot
from siamla_ros.cli.main import main
from siamla_ros.tracker.tracker import load_tracker

trax = pytest.importorskip('trax', reason='vot-trax has no wheel for this machine')


def test_without_a_toolkit_one_line_says_so():
    command = [sys.executable, '-m', 'siamla_ros.cli.main', 'vot', '--trackers', 'identity']
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 1
    waiting, reason = done.stderr.splitlines()
    assert waiting == vot.WAITING
    assert reason.startswith('siamla vot: no toolkit answers on standard')


def test_in_a_terminal_it_says_that_it_waits_and_ends_on_request():
    command = [sys.executable, '-m', 'siamla_ros.cli.main', 'vot', '--trackers', 'identity']
    controller, terminal = pty.openpty()
    try:
        with subprocess.Popen(
            command, stdin=terminal, stdout=terminal, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr.readline() == vot.WAITING + '\n'
            os.read(controller, 1000)  # the greeting of the protocol: it waits
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert process.stderr.read() == ''
    finally:
        os.close(controller)
        os.close(terminal)


@pytest.mark.parametrize('tracker', ['siamla', 'identity'])
def test_a_session_over_the_protocol(tmp_path, textured, tracker):
    from trax.client import Client
    from trax.image import FileImage

    path = tmp_path / '1.png'
    cv2.imwrite(str(path), textured(seed=1))
    image = {'color': FileImage.create(str(path))}
    direct = load_tracker(runtime='float', threads=1)
    state = direct.init(textured(seed=1), (10, 12, 18, 14))
    own = direct.update(textured(seed=1), [state])[0].confidence
    command = [sys.executable, '-m', 'siamla_ros.cli.main', 'vot', '--trackers', tracker]
    options = ['--option', 'threads=1'] if tracker == 'siamla' else []
    with subprocess.Popen(
        [*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        streams = (process.stdin.fileno(), process.stdout.fileno())
        client = Client(streams, log=lambda _: None)  # without a log it fails on Python 3.11
        assert client.tracker_name == tracker
        box, other = trax.Rectangle.create(10, 12, 18, 14), trax.Rectangle.create(30, 20, 16, 16)
        client.initialize(image, [(box, {})], {})
        ((found, properties),), _ = client.frame(image, {}, [])
        assert found.bounds() == pytest.approx((10, 12, 18, 14), abs=2)
        if tracker == 'siamla':
            assert float(properties.get('confidence')) == pytest.approx(own, abs=1e-5)
        client.frame(image, {}, [(other, {})])  # an object that enters later
        objects, _ = client.frame(image, {}, [])
        assert len(objects) == 2
        if tracker == 'identity':
            assert [o[0].bounds() for o in objects] == [(10, 12, 18, 14), (30, 20, 16, 16)]
        client.initialize(image, [(other, {})], {})
        assert len(client.frame(image, {}, [])[0]) == 1
        client.quit()
        assert process.wait(30) == 0


def test_a_region_that_is_no_rectangle_is_named():
    from trax import Special

    with pytest.raises(ValueError, match='must be a rectangle'):
        vot._bounds(Special.create(1))


def test_more_than_one_tracker_is_refused(capsys):
    assert main(['vot', '--trackers', 'identity', 'mil']) == 1
    assert '--trackers: 2 given, must be one' in capsys.readouterr().err
    assert main(['vot', '--trackers', 'identity', '--option', 'threads=1']) == 1
    assert '--option is for siamla, which is not among' in capsys.readouterr().err
