"""Depth images, stamps, selection of a target, rotations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamla_ros.navigation.alignment import JUMP_NS, StampBuffer
from siamla_ros.navigation.depth_image import DepthImageError, depth_array
from siamla_ros.navigation.frames import OPTICAL_TO_BODY, rotation_matrix, yaw_quaternion
from siamla_ros.navigation.target_selection import TargetSelection


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('padding', [0, 6])
@pytest.mark.parametrize(('encoding', 'code'), [('16UC1', 'u2'), ('32FC1', 'f4')])
def test_depth_in_m_whatever_the_layout(encoding, code, padding, big):
    truth = np.array([[1.0, 2.5, 0.0], [4.0, 0.25, 9.0]])
    stored = (truth * 1000 if code == 'u2' else truth).astype(('>' if big else '<') + code)
    rows = [row.tobytes() + b'\xff' * padding for row in stored]
    step = len(rows[0])
    found = depth_array(b''.join(rows), 3, 2, encoding, step, big)
    np.testing.assert_allclose(found, truth, rtol=1e-6)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'encoding': '8UC1'}, "encoding is '8UC1', must be one of"),
        ({'step': 3}, 'step is 3, must be at least 8'),
        ({'data': bytes(15)}, 'has 15 bytes, must have 16'),
        ({'width': 0}, 'is 0 x 2 px'),
    ],
)
def test_a_bad_depth_image_names_field_and_limit(change, message):
    good = {'data': bytes(16), 'width': 4, 'height': 2, 'encoding': '16UC1', 'step': 8}
    with pytest.raises(DepthImageError, match=message):
        depth_array(is_bigendian=False, **{**good, **change})


@given(
    stamps=st.lists(st.integers(0, 400_000_000), min_size=1, max_size=20),
    wanted=st.integers(0, 400_000_000),
    tolerance=st.integers(0, 50_000_000),
)
def test_the_nearest_stamp_within_the_tolerance_is_found(stamps, wanted, tolerance):
    buffer = StampBuffer(50)
    for stamp in stamps:
        buffer.put(stamp, stamp)
    distance = min(abs(stamp - wanted) for stamp in stamps)
    found = buffer.nearest(wanted, tolerance)
    if distance > tolerance:
        assert found is None
    else:
        assert abs(found - wanted) == distance
    assert buffer.is_past(wanted, tolerance) == (max(stamps) > wanted + tolerance)


def test_stamps_that_run_back_begin_anew():
    buffer = StampBuffer(5)
    buffer.put(10 * JUMP_NS, 'late')
    buffer.put(0, 'early')
    assert len(buffer) == 1 and buffer.newest_ns == 0


def test_the_first_confirmed_target_is_kept_until_it_is_forgotten():
    selection = TargetSelection()
    assert not selection.accepts('a', confirmed=False)
    assert selection.accepts('b', confirmed=True)
    assert not selection.accepts('a', confirmed=True)
    assert selection.accepts('b', confirmed=False)
    assert not selection.forget('a') and selection.target_id == 'b'
    assert selection.forget('b') and selection.accepts('a', confirmed=True)


def test_a_named_target_is_the_only_one_for_ever():
    selection = TargetSelection('red')
    assert not selection.accepts('blue', confirmed=True)
    assert selection.forget('') and not selection.accepts('blue', confirmed=True)
    assert selection.accepts('red', confirmed=True)


def test_rotations():
    np.testing.assert_allclose(
        rotation_matrix(yaw_quaternion(np.pi / 2)) @ [1, 0, 0], [0, 1, 0], atol=1e-12
    )
    np.testing.assert_allclose(OPTICAL_TO_BODY @ [0, 0, 1], [1, 0, 0])
    np.testing.assert_allclose(OPTICAL_TO_BODY @ [1, 0, 0], [0, -1, 0])
    with pytest.raises(ValueError, match='has norm 2, must be 1'):
        rotation_matrix((0, 0, 0, 2))
