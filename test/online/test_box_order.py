"""Boxes that come too late: after a clear, or after a newer box."""

import pytest

from siamla_ros.online.init_requests import InitCode, InitError, InitRequest
from siamla_ros.online.waiting_boxes import MAX_IDS, BoxOrder

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND


def refused(order, stamp_ns, target_id='red', patient=True):
    """The code of the refusal, None if the box is taken."""
    box = (1.0, 2.0, 30.0, 40.0)
    try:
        order.check(InitRequest(target_id, '', box, stamp_ns, lambda _: None, patient))
    except InitError as error:
        return error.code
    return None


@pytest.fixture
def order():
    """An order that has seen images up to now."""
    made = BoxOrder()
    made.note_image(NOW, 50.0)
    return made


def test_without_a_clear_every_box_is_taken(order):
    assert refused(order, 1) is None and refused(order, NOW + SECOND) is None


def test_a_box_of_an_image_from_before_the_clear_is_refused(order):
    order.note_cleared(['red'], 50.01)
    assert refused(order, NOW - SECOND) is InitCode.CLEARED
    assert refused(order, NOW) is InitCode.CLEARED, 'the newest image that had arrived'
    assert refused(order, NOW + SECOND // 200) is InitCode.CLEARED, 'taken, but not arrived'
    assert refused(order, NOW + SECOND // 50) is None
    assert refused(order, NOW, 'blue') is None, 'was not cleared'


def test_a_service_caller_and_a_box_for_the_next_image_are_not_judged(order):
    order.note_cleared(['red'], 50.0)
    assert refused(order, NOW - SECOND, patient=False) is None
    assert refused(order, 0) is None


def test_a_bag_that_was_paused_for_long_has_no_stamps_of_that_time(order):
    order.note_cleared(['red'], 650.0)
    assert refused(order, NOW + SECOND // 2) is InitCode.CLEARED
    assert refused(order, NOW + 2 * SECOND) is None


def test_a_newer_box_stands_against_an_older_one(order):
    order.note_started('red', NOW)
    assert refused(order, NOW - SECOND) is InitCode.SUPERSEDED
    assert refused(order, NOW) is None, 'a correction on the same image'
    order.note_started('red', NOW - SECOND)
    assert refused(order, NOW - SECOND // 2) is InitCode.SUPERSEDED, 'the newest one counts'


def test_a_target_started_anew_after_a_clear_is_not_taken_over_by_what_was_on_its_way(order):
    order.note_cleared(['red'], 50.0)
    order.note_started('red', NOW - SECOND)  # by the service, on a frozen image
    assert refused(order, NOW) is InitCode.CLEARED


def test_a_bag_that_loops_voids_all_limits(order):
    order.note_cleared(['red'], 50.0)
    order.note_image(NOW - SECOND // 4, 51.0)  # a late packet is no loop
    assert refused(order, NOW) is InitCode.CLEARED
    order.note_image(NOW - 60 * SECOND, 52.0)
    assert refused(order, NOW - 59 * SECOND) is None


def test_it_is_bounded(order):
    for number in range(3 * MAX_IDS):
        order.note_cleared([f'id{number}'], 50.0)
    assert refused(order, NOW, 'id0') is None
    assert refused(order, NOW, f'id{3 * MAX_IDS - 1}') is InitCode.CLEARED
    assert len(order._limits) == MAX_IDS


def test_the_refusal_says_what_to_do(order):
    order.note_cleared(['red'], 50.0)
    with pytest.raises(InitError, match='header.stamp is .* call ~/init_target'):
        order.check(InitRequest('red', '', (1, 2, 3, 4), NOW, lambda _: None, True))
