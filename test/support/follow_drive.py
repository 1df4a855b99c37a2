"""Drives the controller by hand: clocks that the test moves, and good messages by default."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from siamla_ros.navigation.follow_config import FollowConfig
from siamla_ros.navigation.following import FollowController
from siamla_ros.navigation.safety import (
    LOST,
    SEARCHING,
    TRACKING,
    UNCERTAIN,
    Action,
    Clearance,
    Report,
    Sighting,
)

IDLE = 0
PERIOD = FollowConfig().period_s
SLACK = 1e-6
EVENTS = st.lists(
    st.one_of(
        st.none(),
        st.tuples(
            st.just('pose'),
            st.floats(0.1, 12.0),
            st.floats(-1.5, 1.5),
            st.sampled_from([0.0, 0.05, 0.3, 0.6, 5.0, -0.05, -3.0]),
        ),
        st.tuples(
            st.just('status'),
            st.sampled_from([TRACKING] * 4 + [UNCERTAIN, LOST, SEARCHING, IDLE, 77]),
            st.sampled_from([0.95, 0.95, 0.95, 0.3]),
            st.sampled_from([0.0, 0.05, 0.3, 0.6, 5.0, -0.05, -3.0]),
        ),
        st.tuples(
            st.just('scan'), st.floats(0.0, 6.0), st.sampled_from([0.0, 0.0, 0.3, 0.6, 5.0, -3.0])
        ),
        st.tuples(st.just('enable'), st.booleans()),
    ),
    max_size=120,
)


class Drive:
    """A controller with its clocks, and good messages by default."""

    def __init__(self, **values):
        self.controller = FollowController(FollowConfig(**values))
        self.now, self.steady = 1000.0, 500.0

    def step(self, periods=1):
        velocity = None
        for _ in range(periods):
            self.now += PERIOD
            self.steady += PERIOD
            velocity = self.controller.step(self.now, self.steady)
        return velocity

    def status(self, state=TRACKING, confidence=0.95, age=0.0):
        self.controller.update_status(Report(self.now - age, state, confidence), self.steady)

    def pose(self, range_m=4.0, bearing=0.0, age=0.0):
        self.controller.update_pose(Sighting(self.now - age, bearing, 0.0, range_m), self.steady)

    def scan(self, free_m=math.inf, age=0.0):
        self.controller.update_scan(Clearance(self.now - age, free_m), self.steady)

    def follow(self, periods, **pose):
        for _ in range(periods):
            self.status()
            self.pose(**pose)
            velocity = self.step()
        return velocity

    def moving(self, **values):
        """Full speed ahead, turning a little."""
        self.controller.enable(True)
        velocity = self.follow(60, range_m=6.0, bearing=0.1)
        assert velocity.ahead > 0.5 and velocity.pan > 0.05
        return self


def play(events, **values):
    """Run events, one a period; yields the steps."""
    drive, last_good, enabled_at, state = Drive(**values), -math.inf, None, None
    for event in events:
        if event and event[0] == 'pose':
            drive.pose(*event[1:])
        elif event and event[0] == 'status':
            drive.status(*event[1:])
            state = event[1]
        elif event and event[0] == 'scan':
            drive.scan(*event[1:])
        elif event:
            drive.controller.enable(event[1])
            enabled_at = drive.now if event[1] else None
        velocity = drive.step()
        if drive.controller.decision(drive.now, drive.steady).action is Action.FOLLOW:
            last_good = drive.now
        yield drive, velocity, last_good, enabled_at, state
