"""Boxes that come too late: after a clear, or after a newer box."""

import pytest

from siamla_ros.online.init_requests import InitCode, InitError, InitRequest
from siamla_ros.online.waiting_boxes import MAX_IDS, InitCutoffs

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND


def refused(cutoffs, stamp_ns, target_id='red', patient=True):
    """The code of the refusal, None if the box is taken."""
    box = (1.0, 2.0, 30.0, 40.0)
    try:
        cutoffs.check(InitRequest(target_id, '', box, stamp_ns, lambda _: None, patient))
    except InitError as error:
        return error.code
    return None


@pytest.fixture
def cutoffs():
    """An cutoffs that has seen images up to now."""
    made = InitCutoffs()
    made.note_image(NOW, 50.0)
    return made


def test_without_a_clear_every_box_is_taken(cutoffs):
    assert refused(cutoffs, 1) is None and refused(cutoffs, NOW + SECOND) is None


def test_a_box_of_an_image_from_before_the_clear_is_refused(cutoffs):
    cutoffs.note_cleared(['red'], 50.01)
    assert refused(cutoffs, NOW - SECOND) is InitCode.CLEARED
    assert refused(cutoffs, NOW) is InitCode.CLEARED, 'the newest image that had arrived'
    assert refused(cutoffs, NOW + SECOND // 200) is InitCode.CLEARED, 'taken, but not arrived'
    assert refused(cutoffs, NOW + SECOND // 50) is None
    assert refused(cutoffs, NOW, 'blue') is None, 'was not cleared'


def test_a_service_caller_and_a_box_for_the_next_image_are_not_judged(cutoffs):
    cutoffs.note_cleared(['red'], 50.0)
    assert refused(cutoffs, NOW - SECOND, patient=False) is None
    assert refused(cutoffs, 0) is None


def test_a_bag_that_was_paused_for_long_has_no_stamps_of_that_time(cutoffs):
    cutoffs.note_cleared(['red'], 650.0)
    assert refused(cutoffs, NOW + SECOND // 2) is InitCode.CLEARED
    assert refused(cutoffs, NOW + 2 * SECOND) is None


def test_a_newer_box_stands_against_an_older_one(cutoffs):
    cutoffs.note_started('red', NOW)
    assert refused(cutoffs, NOW - SECOND) is InitCode.SUPERSEDED
    assert refused(cutoffs, NOW) is None, 'a correction on the same image'
    cutoffs.note_started('red', NOW - SECOND)
    assert refused(cutoffs, NOW - SECOND // 2) is InitCode.SUPERSEDED, 'the newest one counts'


def test_a_target_started_anew_after_a_clear_is_not_taken_over_by_what_was_on_its_way(cutoffs):
    cutoffs.note_cleared(['red'], 50.0)
    cutoffs.note_started('red', NOW - SECOND)  # by the service, on a frozen image
    assert refused(cutoffs, NOW) is InitCode.CLEARED


def test_a_bag_that_loops_voids_all_limits(cutoffs):
    cutoffs.note_cleared(['red'], 50.0)
    cutoffs.note_image(NOW - SECOND // 4, 51.0)  # a late packet is no loop
    assert refused(cutoffs, NOW) is InitCode.CLEARED
    cutoffs.note_image(NOW - 60 * SECOND, 52.0)
    assert refused(cutoffs, NOW - 59 * SECOND) is None


def test_it_is_bounded(cutoffs):
    for number in range(3 * MAX_IDS):
        cutoffs.note_cleared([f'id{number}'], 50.0)
    assert refused(cutoffs, NOW, 'id0') is None
    assert refused(cutoffs, NOW, f'id{3 * MAX_IDS - 1}') is InitCode.CLEARED
    assert len(cutoffs._limits) == MAX_IDS


def test_the_refusal_says_what_to_do(cutoffs):
    cutoffs.note_cleared(['red'], 50.0)
    with pytest.raises(InitError, match='header.stamp is .* call ~/init_target'):
        cutoffs.check(InitRequest('red', '', (1, 2, 3, 4), NOW, lambda _: None, True))
