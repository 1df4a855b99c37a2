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

RATE_HZ = 30.0
BEHIND = 15  # images: half a second
LIMIT_S, AGAIN = 60.0, 150


@pytest.fixture(scope='module')
def real(graphs):
    return graphs('real', device='cpu', redetection__mode='off')


class Walk:
    """The target to and fro by 2 px an image, and never so far that a window misses it, however few
    images the tracker sees; place by stamp.
    """

    def __init__(self, graph):
        self.graph, self.place_of = graph, {}
        self.due_s = time.monotonic()

    def on(self, images=1):
        for _ in range(images):
            step = len(self.place_of) % 28
            x = 100 + 2 * min(step, 28 - step)
            self.place_of[self.graph.show(x)] = x
            self.due_s = max(self.due_s + 1.0 / RATE_HZ, time.monotonic())
            time.sleep(max(self.due_s - time.monotonic(), 0.0))

    def spoken_of(self):
        """Stamps, before the last BEHIND, of images that the tracker saw: others are refused."""
        seen = {stamp_ns_of(status.header.stamp) for status in list(self.graph.mail['status'])}
        return [stamp for stamp in list(self.place_of)[:-BEHIND] if stamp in seen]

    def give(self):
        """The box in the last of them; its stamp."""
        old = self.spoken_of()[-1]
        box = (self.place_of[old], 100, SIDE, SIDE)
        self.graph.init_out.publish(self.graph.box(box, stamp_ns=old))
        return old


def test_a_box_half_a_second_old_is_caught_up_with(real):
    took_s = []
    for _ in range(3):
        real.reset()
        walk, end_s = Walk(real), time.monotonic() + LIMIT_S
        walk.on(40)
        while not walk.spoken_of():
            assert time.monotonic() < end_s, 'no image was seen'
            walk.on()
        old, began_s = walk.give(), time.monotonic()
        while not any(array.detections for array in list(real.mail['detections'])):
            assert time.monotonic() < end_s, 'never caught up'
            walk.on()
            if len(walk.place_of) % AGAIN == 0:  # that image may have been too old on arrival
                old = walk.give()
        took_s.append(time.monotonic() - began_s)
        first = next(array for array in real.mail['detections'] if array.detections)
        x, stamp = box_of(first.detections[0].bbox)[0], stamp_ns_of(first.header.stamp)
        assert abs(x - walk.place_of[stamp]) < SIDE / 3, 'where the target was in that very image'
        assert stamp > old, 'output is of the present'
    print('\nstamped 0.5 s in the past, caught up after', [f'{s * 1e3:.0f} ms' for s in took_s])


def test_two_ids_at_once_and_clear(real):
    real.reset()
    for name in ('first', 'second'):
        real.init_out.publish(real.box((100, 100, SIDE, SIDE), name))

    def both():
        real.show(100)
        time.sleep(1.0 / RATE_HZ)
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
