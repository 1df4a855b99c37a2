"""The slot keeps the newest frame, the buffer the recent ones; both stay within their limits."""

import threading

import pytest
from support.scenes import Film, frame, picture

from siamla_ros.online.frame_buffer import FrameBuffer, LatestSlot
from siamla_ros.online.init_requests import InitCode, InitError

MS = 1_000_000
BIG = 10**9


def filled(count=10, max_frames=100, max_bytes=BIG):
    film, buffer = Film(), FrameBuffer(max_frames, max_bytes)
    frames = [film.shoot() for _ in range(count)]
    for item in frames:
        buffer.put(item)
    return buffer, frames


def test_slot_keeps_only_the_newest_and_counts_the_rest():
    slot, film = LatestSlot(threading.Condition()), Film()
    assert slot.take() is None
    first, second, third = film.shoot(), film.shoot(), film.shoot()
    slot.put(first)
    slot.put(second)
    slot.put(third)
    assert slot.full and slot.take() is third and slot.dropped == 2
    assert not slot.full and slot.take() is None
    slot.put(first)
    assert slot.dropped == 2, 'a frame that was taken was not dropped'


def test_bounded_in_frames():
    buffer, frames = filled(10, max_frames=4)
    assert len(buffer) == 4 and buffer.after(0) == frames[-4:]


def test_bounded_in_memory():
    size = frame(picture(), 0, 0).nbytes
    buffer, frames = filled(10, max_bytes=3 * size + 1)
    assert len(buffer) == 3 and buffer.nbytes == 3 * size
    buffer.resize(100, size)
    assert len(buffer) == 1 and buffer.newest() is frames[-1]


def test_one_frame_is_kept_even_if_it_is_too_large():
    buffer, frames = filled(3, max_bytes=1)
    assert len(buffer) == 1 and buffer.newest() is frames[-1]


def test_frames_of_a_stamp_are_found_exactly_and_within_tolerance():
    buffer, frames = filled()
    assert buffer.find(frames[3].stamp_ns, 0) is frames[3]
    assert buffer.find(frames[3].stamp_ns + 4 * MS, 5 * MS) is frames[3]
    assert buffer.find(frames[3].stamp_ns + 30 * MS, 20 * MS) is frames[4]
    assert buffer.find(frames[-1].stamp_ns + 4 * MS, 5 * MS) is frames[-1]


@pytest.mark.parametrize(
    'offset_ms, code, word',
    [
        (-500, InitCode.STAMP_TOO_OLD, 'too old'),
        (500, InitCode.STAMP_IN_FUTURE, 'ahead'),
        (116, InitCode.STAMP_UNKNOWN, 'ms away'),
    ],
)
def test_other_stamps_are_refused_with_code_and_limit(offset_ms, code, word):
    buffer, frames = filled()
    with pytest.raises(InitError) as refusal:
        buffer.find(frames[0].stamp_ns + offset_ms * MS, 10 * MS)
    assert refusal.value.code is code
    assert word in str(refusal.value) and 'header.stamp is' in str(refusal.value)


def test_an_empty_buffer_has_no_image():
    with pytest.raises(InitError) as refusal:
        FrameBuffer(4, BIG).find(1, 1)
    assert refusal.value.code is InitCode.NO_IMAGE


def test_the_newest_of_equal_stamps_is_meant():
    buffer = FrameBuffer(9, BIG)
    frames = [frame(picture(), 5, seq) for seq in (1, 2, 3)]
    for item in frames:
        assert buffer.put(item)
    assert buffer.find(5, 0) is frames[-1]


def test_time_going_back_forgets_all_but_a_late_packet_does_not():
    buffer, frames = filled()
    late = frame(picture(), frames[-1].stamp_ns - 100 * MS, 11)
    assert buffer.put(late) and len(buffer) == 11
    looped = frame(picture(), frames[0].stamp_ns - 3_000 * MS, 12)
    assert not buffer.put(looped)
    assert buffer.after(0) == [looped]
    assert buffer.nbytes == looped.nbytes


def test_after_counts_arrivals_not_stamps():
    buffer, frames = filled(5)
    assert buffer.after(frames[2].seq) == frames[3:]
    assert buffer.after(frames[-1].seq) == []
    buffer.clear()
    assert len(buffer) == 0 and buffer.nbytes == 0 and buffer.newest() is None
