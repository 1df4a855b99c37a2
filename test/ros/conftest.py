"""A ROS domain of its own for each session."""

import os
from pathlib import Path

import pytest

from siamla_ros.online.dds_profile import profile_variables

# Domains up to 101 stay clear of the ports that Linux gives to others.
os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
PROFILE = Path(__file__).resolve().parents[2] / 'config/fastdds_profile.xml'
for variable in profile_variables(os.environ.get('ROS_DISTRO', '')):
    os.environ.setdefault(variable, str(PROFILE))


@pytest.fixture(scope='module')
def ros():
    """rclpy, initialized for the module; skips where there is no ROS or no built messages."""
    rclpy = pytest.importorskip('rclpy', reason='needs ROS 2')
    pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')
    rclpy.init()
    yield rclpy
    rclpy.try_shutdown()


@pytest.fixture(scope='module')
def graphs(ros):
    """Makes graphs with a tracker node, and takes them down at the end of the module."""
    from support.graph import Graph

    made = []

    def make(kind='color', **parameters):
        made.append(Graph(kind, parameters))
        return made[-1]

    yield make
    for graph in made:
        graph.close()


@pytest.fixture(scope='module')
def shared_graph(graphs):
    """One graph with the color tracker for all tests of a module."""
    return graphs('color')


@pytest.fixture
def graph(shared_graph):
    """The shared graph without targets and with an empty mailbox."""
    shared_graph.reset()
    return shared_graph


@pytest.fixture
def spawn(tmp_path):
    """Starts nodes; `module` or a file, then ROS arguments. None survives the test."""
    from support.processes import Process

    children = []

    def start(name, what, *arguments):
        head = [what] if what.endswith('.py') else ['-m', f'siamla_ros.ros.{what}']
        children.append(Process(tmp_path, name, *head, *map(str, arguments)))
        return children[-1]

    yield start
    for process in children:
        if process.child.poll() is None:
            process.child.kill()
            process.child.wait()
