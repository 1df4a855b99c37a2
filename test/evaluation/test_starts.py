"""Ways to begin a target: the truth stays, what is given changes."""

from __future__ import annotations

import numpy as np
import pytest

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.starts import careless, drawn, from_frame, from_middle, with_starts
from siamla_ros.geometry import boxes


class Numbered:
    """Frames that say their number."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self):
        return iter([np.full((4, 4, 3), n, np.uint8) for n in range(self.count)])


def sequence(count: int = 40, absent: tuple[int, ...] = (), name: str = 's') -> Sequence:
    truth = np.tile([10.0, 20.0, 30.0, 40.0], (count, 1))
    truth[:, 0] += np.arange(count)
    return Sequence(name, Numbered(count), truth, np.isin(np.arange(count), absent))


def test_a_careless_box_is_near_the_true_one_and_the_same_every_time():
    drawn = [careless(sequence(name=f'n{k}')) for k in range(60)]
    for item in drawn:
        assert item.name.endswith('@careless')
        assert item.boxes_xywh[0].tolist() == [10.0, 20.0, 30.0, 40.0]
        assert (
            item.init_box_xywh == careless(sequence(name=item.name.partition('@')[0])).init_box_xywh
        )
    given = np.array([item.init_box_xywh for item in drawn])
    iou = boxes.iou(given, np.array([10.0, 20.0, 30.0, 40.0]))
    assert 0.7 < np.median(iou) < 0.9
    assert 0.05 < np.log(given[:, 2] / 30.0).std() < 0.15


def test_each_seed_draws_another_box_and_the_same_one_again():
    given = [careless(sequence(), seed).init_box_xywh for seed in (0, 1, 2)]
    assert len(set(given)) == 3
    assert given == [careless(sequence(), seed).init_box_xywh for seed in (0, 1, 2)]
    assert careless(sequence(), 2).name == 's@careless-2'


def test_a_box_is_drawn_off_by_what_is_asked_for():
    item = drawn(sequence(), 'off', (0.1, -0.1), (1.2, 1.2))
    assert item.name == 's@off'
    assert item.init_box_xywh == pytest.approx((10.0, 12.0, 36.0, 48.0))
    assert item.boxes_xywh[0].tolist() == [10.0, 20.0, 30.0, 40.0]


def test_a_sequence_begins_at_any_frame():
    item = from_frame(sequence(40, absent=(10,)), 10, 'from-0.25')
    assert (item.name, len(item)) == ('s@from-0.25', 29)


def test_the_middle_begins_at_the_first_box_there():
    item = from_middle(sequence(40, absent=(20, 21)))
    assert item.name == 's@middle' and len(item) == 18
    assert item.init_box_xywh == (32.0, 20.0, 30.0, 40.0)
    assert [int(frame[0, 0, 0]) for frame in item.frames()] == list(range(22, 40))


def test_a_short_sequence_has_no_middle():
    assert from_middle(sequence(30)) is None
    names = [item.name for item in with_starts(sequence(30))]
    assert names == ['s', 's@careless']
    assert [item.name for item in with_starts(sequence(40), ['middle', 'exact'])] == [
        's@middle',
        's',
    ]


def test_an_unknown_start_is_refused():
    with pytest.raises(ValueError, match="start 'late': must be one of exact, careless, middle"):
        with_starts(sequence(), ['exact', 'late'])
