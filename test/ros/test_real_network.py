"""What is promised of the whole node, with the network that ships, over real DDS; figures are
printed (`pytest -s`).
"""

import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')
pytest.importorskip('torch', reason='torch is not installed')

from support.graph import wait_until
from support.scenes import SIDE

from siamla_ros.ros.messages import box_of, stamp_ns_of

RATE_HZ, STEP_PX = 30.0, 2
BEHIND = 15  # images: half a second


@pytest.fixture(scope='module')
def real(graphs):
    return graphs('real', device='cpu', redetection__mode='off')


def walk(graph, xs):
    """Pictures at 30 Hz; stamps by x."""
    stamps, due_s = {}, time.monotonic()
    for x in xs:
        stamps[x] = graph.show(x)
        due_s += 1.0 / RATE_HZ
        time.sleep(max(due_s - time.monotonic(), 0.0))
    return stamps


def test_a_box_half_a_second_old_is_caught_up_with(real):
    took_s, seen_of_40 = [], []
    for _ in range(3):
        real.reset()
        xs = range(20, 100, STEP_PX)
        stamps = walk(real, xs)
        now = xs[-1]
        seen = {stamp_ns_of(status.header.stamp) for status in list(real.mail['status'])}
        seen_of_40.append(len(seen))
        # A box for an image that the tracker missed is refused: name one that it spoke of.
        old = max(x for x in xs[:-BEHIND] if stamps[x] in seen)
        began_s = time.monotonic()
        real.init_out.publish(real.box((old, 100, SIDE, SIDE), stamp_ns=stamps[old]))
        while not any(array.detections for array in list(real.mail['detections'])):
            assert time.monotonic() - began_s < 10.0, 'never caught up'
            now += STEP_PX
            stamps.update(walk(real, [now]))
        took_s.append(time.monotonic() - began_s)
        first = next(array for array in real.mail['detections'] if array.detections)
        x = box_of(first.detections[0].bbox)[0]
        truth = next(
            at for at, stamp_ns in stamps.items() if stamp_ns == stamp_ns_of(first.header.stamp)
        )
        assert abs(x - truth) < SIDE / 3, 'the box is where the target was in that very image'
        assert stamp_ns_of(first.header.stamp) > stamps[old], 'output is of the present'
    print(
        '\nstamped 0.5 s in the past, caught up after',
        [f'{s * 1e3:.0f} ms' for s in took_s],
        'images seen before, of 40:',
        seen_of_40,
    )


def test_two_ids_at_once_and_clear(real):
    real.reset()
    for name in ('first', 'second'):
        real.init_out.publish(real.box((100, 100, SIDE, SIDE), name))

    def both():
        walk(real, [100])
        arrays = list(real.mail['detections'])
        return arrays and {item.id for item in arrays[-1].detections} == {'first', 'second'}

    began_s = time.monotonic()
    wait_until(both, 'not both')
    print(f'\nboth confirmed after {1e3 * (time.monotonic() - began_s):.0f} ms')
    began_s = time.monotonic()
    assert real.clear_target('first').success
    print(f'one forgotten after {1e3 * (time.monotonic() - began_s):.0f} ms')
    assert [item.id for item in real.see(100)[0].detections] == ['second']
    assert real.clear().success
    detections, status = real.see(100)
    assert detections.detections == [] and not status.id
