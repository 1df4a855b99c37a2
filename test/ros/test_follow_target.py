"""follow_target over DDS: silence, doubt and loss end in zero, in this order and within the time.

The times are those of the stamps of the velocities themselves: how busy the machine is does not
matter, as the controller counts steps.
"""

import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from geometry_msgs.msg import PoseStamped, Twist, TwistStamped
from rclpy.parameter import Parameter
from sensor_msgs.msg import LaserScan
from std_srvs.srv import SetBool
from support.graph import wait_until
from support.robot_graph import RobotGraph

from siamla_ros.msg import TrackStatus
from siamla_ros.ros import qos
from siamla_ros.ros.follow_target_node import FollowTargetNode

INPUTS = {
    'target_pose': (PoseStamped, qos.result()),
    'status': (TrackStatus, qos.result()),
}
SCAN = {'scan': (LaserScan, qos.image_out())}
# generous: a busy machine must not stop the robot before the test does
PATIENT = {'timeout_s': 1.0, 'stop_time_s': 0.4}
STEPS_OF_RAMP = 9  # stop_time_s at 20 Hz, and one


class Robot(RobotGraph):
    """The node with a target 6 m ahead, a little to the left."""

    def __init__(self, parameters, kind=TwistStamped):
        outputs = {'cmd_vel': (kind, qos.command())}
        inputs = {**INPUTS, **SCAN} if 'obstacles' in parameters else INPUTS
        super().__init__(FollowTargetNode, {**PATIENT, **parameters}, outputs, inputs)
        self._enable = self.tester.create_client(SetBool, 'follow_target/enable')

    @property
    def velocities(self):
        return [message.twist for message in list(self.mail['cmd_vel'])]

    def enable(self, value=True):
        assert self._enable.wait_for_service(timeout_sec=15.0)
        future = self._enable.call_async(SetBool.Request(data=value))
        wait_until(future.done, 'no answer of ~/enable')
        return future.result()

    def pose(self, ahead=6.0, left=0.6, age_s=0.0, stamp_ns=None):
        self.stamp_ns = time.time_ns() - int(age_s * 1e9) if stamp_ns is None else stamp_ns
        pose = PoseStamped(header=self.header())
        pose.pose.position.x, pose.pose.position.z = -left, ahead
        self.send('target_pose', pose)

    def scan(self, ahead_m):
        """A laser scan of which the beams ahead meet something at that distance."""
        scan = LaserScan(header=self.header(), angle_min=-0.2, angle_increment=0.1, range_max=9.0)
        scan.ranges = [ahead_m] * 5
        self.send('scan', scan)

    def target(self, state=TrackStatus.TRACKING, confidence=0.95, age_s=0.0, pose=True):
        self.stamp_ns = time.time_ns() - int(age_s * 1e9)
        stamp_ns = self.stamp_ns
        self.status(state, confidence=confidence)
        if pose:
            self.pose(stamp_ns=stamp_ns)

    def until(self, ready, what, say=True, ahead_m=None, **target):
        """Goes on saying the same of the target, and of the way ahead, until it is so."""

        def done():
            if say:
                self.target(**target)
            if ahead_m is not None:
                self.scan(ahead_m)
            time.sleep(0.03)
            return ready()

        wait_until(done, what)

    def moving(self):
        assert self.enable().success
        self.until(lambda: self.velocities and self.velocities[-1].linear.x > 0.3, 'not moving')
        # Zeros that were sent before the target was known are no stop.
        del self.velocities[: len(self.velocities) - 1]
        return self

    def steps_to_zero(self):
        """Velocities ahead from now on, up to the first zero."""
        sent = list(self.velocities)
        count = sent.index(Twist()) + 1 if Twist() in sent else 0
        return [twist.linear.x for twist in sent[:count]]


@pytest.fixture
def robots(ros):
    made = []

    def make(kind=TwistStamped, **parameters):
        made.append(Robot(parameters, kind))
        return made[-1]

    yield make
    for robot in made:
        robot.close()


def said(robot, text):
    return any(text in item.message for item in list(robot.mail['diagnostics']))


def test_nothing_is_published_before_it_is_enabled(robots):
    robot = robots()
    robot.until(lambda: said(robot, 'disabled'), 'no diagnostics')
    assert robot.mail['cmd_vel'] == []
    robot.moving()
    message = robot.mail['cmd_vel'][-1]
    assert message.header.frame_id == 'base_link' and message.header.stamp.sec > 0
    assert message.twist.angular.z > 0.0, 'the target is to the left'
    assert robot.velocities[0].linear.x < 0.1, 'it begins from rest'


def test_disabled_it_ramps_to_zero_and_falls_silent(robots):
    robot = robots().moving()
    assert robot.enable(False).message == 'disabled'
    wait_until(lambda: robot.velocities[-1].linear.x == 0.0, 'not stopped')
    time.sleep(0.3)  # zeros are repeated a few times
    count = len(robot.mail['cmd_vel'])
    robot.until(lambda: said(robot, 'disabled'), 'no diagnostics')
    time.sleep(0.3)
    assert len(robot.mail['cmd_vel']) == count


@pytest.mark.parametrize(
    ('state', 'reason'), [(TrackStatus.LOST, 'LOST'), (TrackStatus.SEARCHING, 'LOST')]
)
def test_a_lost_target_is_zero_at_once_and_stays_so(robots, state, reason):
    robot = robots().moving()
    robot.target(state, pose=False)
    wait_until(lambda: robot.velocities[-1].linear.x == 0.0, 'not stopped')
    ahead = [twist.linear.x for twist in robot.velocities]
    last = max(index for index, value in enumerate(ahead) if value > 0.0)
    assert ahead[last] > 0.25, 'no ramp in between'
    for _ in range(10):
        robot.target(state)
        time.sleep(0.03)
    later = robot.velocities[last + 1 :]
    assert all(twist == Twist() for twist in later) and len(later) > 3
    wait_until(lambda: said(robot, reason), 'not said')


@pytest.mark.parametrize(
    ('dead', 'reason'),
    [
        ({'say': False}, 'no status for 1 s'),  # the tracker was killed
        ({'pose': False}, 'no pose for 1 s'),  # target_pose or the camera was killed
        ({'state': TrackStatus.UNCERTAIN}, 'UNCERTAIN'),
        ({'confidence': 0.2}, 'confidence is 0.20'),
    ],
)
def test_what_dies_or_is_in_doubt_ends_in_a_ramp_to_zero(robots, dead, reason):
    robot = robots().moving()
    robot.mail['cmd_vel'].clear()
    robot.until(robot.steps_to_zero, 'not stopped', **dead)
    ahead = robot.steps_to_zero()
    ramp = ahead[ahead.index(max(ahead)) :]
    assert ramp == sorted(ramp, reverse=True)
    assert len(ahead) <= STEPS_OF_RAMP + (1.0 + 0.4) / 0.05  # within timeout_s + stop_time_s
    robot.until(lambda: said(robot, reason), 'not said', **dead)


def test_a_camera_that_dies_leaves_no_status_and_no_pose(robots):
    """The order: full speed until the time is over, the ramp, zero, and zeros from then on."""
    robot = robots().moving()
    wait_until(robot.steps_to_zero, 'not stopped')
    # On a busy machine a status that waited may still come after the first zero.
    wait_until(lambda: robot.velocities[-10:] == [Twist()] * 10, 'it does not go on saying zero')


def test_a_slow_tracker_or_old_stamps_never_start_the_robot(robots):
    robot = robots(timeout_s=0.4)
    robot.enable()
    for _ in range(20):
        robot.target(age_s=0.5)
        time.sleep(0.03)
    robot.until(lambda: said(robot, 's old, must be at most 0.4'), 'not said', age_s=0.5)
    assert robot.velocities and all(twist == Twist() for twist in robot.velocities)


def test_stamps_of_the_future_never_start_the_robot(robots):
    robot = robots()
    robot.enable()
    robot.until(lambda: said(robot, 'ahead of the clock'), 'not said', age_s=-5.0)
    assert robot.velocities and all(twist == Twist() for twist in robot.velocities)


def test_a_cleared_target_is_zero_and_another_may_follow(robots):
    robot = robots().moving()
    robot.send('status', TrackStatus(id='red'))  # as the tracker says it: IDLE, stamp zero
    wait_until(lambda: robot.velocities[-1].linear.x == 0.0, 'not stopped')
    wait_until(lambda: said(robot, 'waiting for status'), 'not said')
    robot.until(lambda: robot.velocities[-1].linear.x > 0.1, 'does not go on')


def test_it_drives_only_with_a_scan_and_stops_before_an_obstacle(robots):
    robot = robots(obstacles='scan')
    robot.enable()
    robot.until(lambda: said(robot, 'waiting for scan'), 'not said')
    assert robot.velocities and all(twist == Twist() for twist in robot.velocities)
    robot.until(lambda: robot.velocities[-1].linear.x > 0.3, 'not moving', ahead_m=5.0)
    robot.until(lambda: robot.velocities[-1].linear.x == 0.0, 'not stopped', ahead_m=0.6)
    assert robot.velocities[-1].angular.z > 0.0, 'it may turn'
    robot.until(lambda: robot.velocities[-1].linear.x > 0.1, 'not moving', ahead_m=5.0)
    robot.until(lambda: said(robot, 'no scan for 1 s'), 'not said')
    robot.until(lambda: robot.velocities[-1] == Twist(), 'not stopped')


def test_twist_without_stamp_by_parameter(robots):
    robot = robots(kind=Twist, stamped=False)
    robot.enable()
    robot.until(lambda: any(m.linear.x > 0.05 for m in list(robot.mail['cmd_vel'])), 'not moving')


def test_a_head_gets_rates_and_no_velocity(robots):
    robot = robots(mode='pan_tilt', pose_frame='body')
    robot.enable()

    def looking():
        robot.target(pose=False)
        pose = PoseStamped(header=robot.header())
        pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = 3.0, 1.0, 1.0
        robot.send('target_pose', pose)
        time.sleep(0.03)
        return robot.velocities and robot.velocities[-1].angular.z > 0.1

    wait_until(looking, 'not turning')
    twist = robot.velocities[-1]
    assert twist.linear.x == 0.0 and twist.angular.y < 0.0, 'upward is negative round y'


def test_a_bad_parameter_is_refused(ros):
    with pytest.raises(ValueError, match=r'min_distance_m is 5, must be below distance_m = 2'):
        FollowTargetNode(parameter_overrides=[Parameter('min_distance_m', value=5.0)])
