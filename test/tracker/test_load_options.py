"""Options of `load_tracker` of a wrong type, as a command line passes them on."""

import pytest

pytest.importorskip('torch')

from support.networks import tiny_checkpoint

from siamla_ros.tracker.tracker import load_tracker


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('threads', 'many', "threads = 'many': must be a whole number >= 0"),
        ('threads', 1.5, 'threads = 1.5: must be a whole number >= 0'),
        ('half', 1, 'half = 1: must be true or false'),
        ('penalty_k', 'much', r"penalty_k = 'much': must be a number in \[0, 1\]"),
        ('penalty_k', None, r'penalty_k = None: must be a number in \[0, 1\]'),
        ('penalty_k', True, r'penalty_k = True: must be a number in \[0, 1\]'),
    ],
)
def test_an_option_of_a_wrong_type_is_named(tmp_path, name, value, words):
    path = tiny_checkpoint(tmp_path).path
    with pytest.raises(ValueError, match=words):
        load_tracker(path, 'cpu', **{name: value})
