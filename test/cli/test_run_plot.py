"""The picture of a run: its states as bands, its gaps, and what is refused before the run."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.ros_doubles import ColorTracker
from support.scenes import SIDE, picture

import siamla_ros
from siamla_ros.cli.main import main
from siamla_ros.cli.run_plot import Sample, bands, gaps
from siamla_ros.supervision.supervisor import State

pytest.importorskip('matplotlib')

BOX = f'100,100,{SIDE},{SIDE}'
SEARCHING_RGB = np.array((60, 120, 230))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A red square that is away from frame 15 on."""
    monkeypatch.setattr(
        siamla_ros, 'load_tracker', lambda model, device: ColorTracker(), raising=False
    )
    images = tmp_path / 'images'
    images.mkdir()
    for number in range(40):
        cv2.imwrite(str(images / f'{number}.png'), picture(100 + number if number < 15 else None))
    return images


def samples(*items: tuple[float, State]) -> list[Sample]:
    return [Sample(stamp_s, 0.9, state, True) for stamp_s, state in items]


def test_bands_join_images_of_one_state() -> None:
    run = samples((0, State.TRACKING), (1, State.TRACKING), (2, State.LOST), (3, State.TRACKING))
    assert list(bands(run)) == [
        (State.TRACKING, 0, 2),
        (State.LOST, 2, 3),
        (State.TRACKING, 3, 3),
    ]
    assert list(bands([])) == []


def test_a_gap_is_a_pause_much_longer_than_usual() -> None:
    times = (0.0, 0.1, 0.2, 0.3, 1.0, 1.1)
    assert gaps(samples(*((t, State.TRACKING) for t in times))) == [(0.3, 1.0)]
    assert gaps(samples((0.0, State.TRACKING))) == []


def test_a_run_is_drawn(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / 'run.png'
    boxes = ['--init', f'a={BOX}', '--init', f'b={BOX}']
    assert main(['track', str(folder), *boxes, '--plot', str(out)]) == 0
    assert f'{out}: confidence and states over time' in capsys.readouterr().err
    image = cv2.imread(str(out))[..., ::-1].astype(float)
    band = 255 - 0.25 * (255 - SEARCHING_RGB)
    searching = np.abs(image - band).max(2) < 4
    upper, lower = np.array_split(searching, 2)
    for panel in (upper, lower):
        columns = panel.any(0).nonzero()[0]
        assert columns.size > 200 and columns.min() > image.shape[1] * 0.35, 'the second part'


@pytest.mark.parametrize(
    'name, hidden, words',
    [
        ('run.pdf', '', 'suffix must be .png'),
        ('run.png', 'matplotlib', siamla_ros.install_hint('plot')),
    ],
)
def test_what_is_missing_is_said_before_the_run(
    folder: Path,
    tmp_path: Path,
    name: str,
    hidden: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    if hidden:
        for module in [m for m in sys.modules if m.split('.')[0] == hidden]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, hidden, None)
    assert main(['track', str(folder), '--init', BOX, '--plot', str(tmp_path / name)]) == 1
    captured = capsys.readouterr()
    assert words in captured.err and captured.out == ''
