"""The picture of the stages between camera and detection."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from siamla_ros.cli.main import main
from siamla_ros.cli.stage_plot import draw

pytest.importorskip('matplotlib')
BAR_BGR = (168, 120, 76)


def test_bars_are_as_long_as_the_medians_and_stages_without_images_are_left_out(tmp_path):
    path = tmp_path / 'new' / 'stages.png'
    stages = {'publish': [1.0, 2.0, 9.0], 'network': [4.0] * 3, 'never': []}
    draw(stages, path)
    shown = np.abs(cv2.imread(str(path)).astype(int) - BAR_BGR).max(2) < 12
    lengths = np.array([np.diff(np.flatnonzero(row)[[0, -1]])[0] for row in shown if row.any()])
    shorter, longer = lengths[: len(lengths) // 4], lengths[-len(lengths) // 4 :]
    assert np.median(longer) / np.median(shorter) == pytest.approx(2.0, rel=0.05)
    starts = np.flatnonzero(np.diff(shown.any(1).astype(int)) == 1)
    assert len(starts) == 2  # bars


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--plot', 'a.png'], '--plot a.png: draws what --ros measures'),
        (['--ros', '--plot', 'a.jpg'], '--plot a.jpg: the suffix must be .png'),
    ],
)
def test_a_plot_that_cannot_be_is_refused_before_the_run(arguments, words, capsys):
    assert main(['bench', *arguments]) != 0
    assert words in capsys.readouterr().err
