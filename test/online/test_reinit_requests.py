"""Requests for new boxes: opened on a loss, repeated, withdrawn when nobody needs them any more."""

from support.engines import lose, started
from support.scenes import SIDE

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


def test_the_box_of_a_request_is_in_pixels_of_the_present_images():
    """A detector compares it with boxes of these: else all would be of a wrong size."""
    engine, film = started(redetection__mode='off')
    requests, output = ReinitRequests(), lose(engine, film)
    requests.observe([output], 'header', 0.0)
    (first,) = requests.due(0.0, 0.0)
    assert first.output.last_here_xywh == (100, 100, SIDE, SIDE)
    for attempt, scale in ((1, 2), (2, 1)):
        outputs = engine.process(film.shoot(None, width=320 * scale, height=240 * scale))
        requests.observe(outputs, 'other', 1.0 * attempt)
        (again,) = requests.due(1.0 * attempt, 0.0)  # once, though it is not repeated
        assert (again.header, again.attempt, again.closed) == ('header', attempt, False)
        assert again.output.last_here_xywh == tuple(scale * v for v in (100, 100, SIDE, SIDE))
        requests.observe(engine.process(film.shoot(None, width=320 * scale, height=240 * scale)),
                         'other', 9.0)  # fmt: skip
        assert requests.due(9.0, 0.0) == []
