"""Requests for new boxes: opened on a loss, repeated, withdrawn when nobody needs them any more."""

from support.engines import lose, started

from siamla_ros.online.reinit_requests import ReinitRequests
from siamla_ros.supervision.supervisor import Reason


def lost():
    """An output of a target that has just been lost."""
    engine, film = started(redetection__mode='off')
    return lose(engine, film)


def test_a_request_is_repeated_and_counted():
    requests, output = ReinitRequests(), lost()
    requests.observe([output], 'header', 0.0)
    assert [r.attempt for r in requests.due(0.0, 1.0)] == [0]
    assert requests.due(0.5, 1.0) == []
    (again,) = requests.due(1.0, 1.0)
    assert (again.attempt, again.closed, again.reason) == (1, False, output.reason)


def test_a_clear_withdraws_a_published_request_once():
    requests, output = ReinitRequests(), lost()
    requests.observe([output], 'header', 0.0)
    requests.due(0.0, 1.0)
    requests.close('red')
    (withdrawn,) = requests.due(0.0, 1.0)
    assert withdrawn.closed and withdrawn.reason is Reason.CLEARED and withdrawn.output is output
    assert requests.due(9.0, 1.0) == []


def test_a_request_that_was_not_published_needs_no_withdrawal():
    requests = ReinitRequests()
    requests.observe([lost()], 'header', 0.0)
    requests.close('red')
    requests.close('other')
    assert requests.due(0.0, 1.0) == []


def test_a_target_that_is_followed_again_and_all_of_them():
    requests, output = ReinitRequests(), lost()
    requests.observe([output], 'header', 0.0)
    requests.due(0.0, 1.0)
    requests.observe([], 'header', 0.1)
    assert [r.reason for r in requests.due(0.1, 1.0)] == [Reason.REINITIALIZED]
    requests.observe([output], 'header', 0.2)
    requests.due(0.2, 1.0)
    requests.close_all()
    assert [(r.closed, r.reason) for r in requests.due(0.2, 1.0)] == [(True, Reason.CLEARED)]
