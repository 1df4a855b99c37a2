"""The node goes on through every fault; the tracker of forty lines, given the same, does not."""

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from support.faults import FAULTS, START_S, Bench, outcome


def test_the_node_goes_on_through_all_faults_in_one_life(ros):
    bench = Bench('node', 100)
    try:
        assert bench.follows(START_S)
        found = {fault.name: outcome(bench, fault) for fault in FAULTS}
    finally:
        bench.close()
    assert found == dict.fromkeys((fault.name for fault in FAULTS), 'goes on')


@pytest.mark.parametrize(
    'name, expected', [('box of NaN', 'dies'), ('target leaves the image', 'lies')]
)
def test_the_baseline_fails_so_the_faults_are_faults(ros, name, expected):
    number = [fault.name for fault in FAULTS].index(name)
    bench = Bench('naive', 200 + number)
    try:
        assert bench.follows(START_S)
        assert outcome(bench, FAULTS[number]) == expected
    finally:
        bench.close()
