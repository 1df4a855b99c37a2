"""What callers send fills no log: ids are cut, and refusals are throttled."""

from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from siamla_ros.online.init_requests import InitCode, InitOutcome
from siamla_ros.ros.commands import LOG_PERIOD_S, MAX_LOGGED, Commands


@pytest.mark.parametrize('code', [InitCode.ACCEPTED, InitCode.INTERNAL])
def test_an_id_of_a_megabyte_is_not_logged_whole(code):
    lines, options = [], []

    def log(text, **given):
        lines.append(text)
        options.append(given)

    logger = SimpleNamespace(info=log, error=log)
    commands = object.__new__(Commands)
    commands._node = SimpleNamespace(get_logger=lambda: logger)
    commands._log_outcome(InitOutcome(code, 'why', 'x' * 1_000_000))
    commands._log_outcome(InitOutcome(code, 'why', 'short'))
    assert len(lines[0]) < MAX_LOGGED + 100
    assert 'xxx' in lines[0] and "'..." in lines[0]
    assert "'short'" in lines[1]
    throttled = {} if code is InitCode.ACCEPTED else {'throttle_duration_sec': LOG_PERIOD_S}
    assert options == [throttled, throttled]
