"""The launch file with the real launch system: the tracker becomes active and ends cleanly."""

import sys
import unittest
from pathlib import Path

import pytest

pytest.importorskip('launch_testing', reason='launch_testing is not installed')
pytest.importorskip('launch_ros', reason='launch_ros is not installed')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

import launch_testing.actions
import launch_testing.asserts
import launch_testing.markers
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

FILE = Path(__file__).resolve().parents[2] / 'launch/tracker.launch.py'


@pytest.mark.launch_test
@launch_testing.markers.keep_alive
def generate_test_description():
    """The tracker in a namespace, on the CPU."""
    tracker = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(FILE)),
        launch_arguments={
            'namespace': 'launched',
            'device': 'cpu',
            'image': 'camera/image',
        }.items(),
    )
    return LaunchDescription([tracker, launch_testing.actions.ReadyToTest()])


class TestRunning(unittest.TestCase):
    """While it runs."""

    def test_it_becomes_active_on_the_remapped_topic(self, proc_output):
        proc_output.assertWaitFor(
            'waiting for images on /launched/camera/image', timeout=60, stream='stderr'
        )


@launch_testing.post_shutdown_test()
class TestEnded(unittest.TestCase):
    """After the shutdown."""

    def test_exit_codes(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)


if __name__ == '__main__':
    sys.exit(pytest.main([__file__]))
