"""The command `siamla` and its subcommand `track`, with a tracker that is a test double."""

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import siamla_ros
from siamla_ros.cli import main as cli
from siamla_ros.datasets.video import FrameSink, FrameSource

FRAMES = 12


@dataclass(frozen=True)
class Drifting:
    """Moves the box by one pixel a frame, whatever the image shows."""

    device: str = 'cpu'
    device_reason: str = 'asked for'

    def init(self, image_bgr: np.ndarray, box_xywh: tuple[float, ...]) -> tuple[float, ...]:
        if box_xywh[2] <= 0:
            raise ValueError(f'box width {box_xywh[2]} must be > 0')
        return box_xywh

    def update(self, image_bgr: np.ndarray, states: list) -> list[SimpleNamespace]:
        boxes = [(x + 1.0, y, w, h) for x, y, w, h in states]
        return [
            SimpleNamespace(
                box_xywh=box, confidence=0.9, classification=0.8, localization=0.7, state=box
            )
            for box in boxes
        ]


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(siamla_ros, 'load_tracker', lambda model, device: Drifting(), raising=False)
    with FrameSink(tmp_path / 'clip.mp4') as sink:
        for _ in range(FRAMES):
            sink.write(np.zeros((48, 64, 3), np.uint8))
    return str(sink.path)


def test_track_prints_one_json_line_a_frame(clip: str, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(['track', clip, '--init', '10,11,12,13']) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row['frame'] for row in rows] == list(range(FRAMES))
    assert rows[0] == {
        'frame': 0,
        'x': 10,
        'y': 11,
        'w': 12,
        'h': 13,
        'confidence': 1,
        'classification': 1,
        'localization': 1,
    }
    assert (rows[-1]['x'], rows[-1]['confidence']) == (10 + FRAMES - 1, 0.9)


def test_track_starts_late_stops_early_and_writes_files(clip: str, tmp_path: Path) -> None:
    table, video = tmp_path / 'boxes.csv', tmp_path / 'out.mp4'
    assert (
        cli.main(
            [
                'track',
                clip,
                '--init',
                '1,2,3,4',
                '--start',
                '5',
                '--frames',
                '4',
                '--output',
                str(table),
                '--video',
                str(video),
            ]
        )
        == 0
    )
    with table.open(newline='') as lines:
        rows = list(csv.DictReader(lines))
    assert [(row['frame'], row['x']) for row in rows] == [
        ('5', '1.0'),
        ('6', '2.0'),
        ('7', '3.0'),
        ('8', '4.0'),
    ]
    with FrameSource(video) as source:
        assert sum(1 for _ in source) == 4


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--init', '1,2,0,4'], 'box width 0.0 must be > 0'),
        (['--init', '1,2,3,4', '--start', '99'], 'has no frame 99'),
        (['--init', '1,2,3,4', '--frames', '0'], '--frames 0'),
        (['--init', '1,2,3,4', '--output', 'boxes.txt'], 'suffix must be .csv or .jsonl'),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    clip: str, options: list[str], words: str, capsys: pytest.CaptureFixture
) -> None:
    assert cli.main(['track', clip, *options]) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith('siamla track: ')
    assert words in message


@pytest.mark.parametrize('box', ['1,2,3', '1,2,3,4,5', 'a,b,c,d', ''])
def test_malformed_box_is_a_wrong_argument(
    clip: str, box: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(['track', clip, '--init', box])
    assert stop.value.code == 2
    assert 'x,y,w,h' in capsys.readouterr().err


def test_missing_source_is_named(capsys: pytest.CaptureFixture) -> None:
    assert cli.main(['track', 'nowhere.mp4', '--init', '1,2,3,4']) == 1
    assert 'nowhere.mp4' in capsys.readouterr().err


def test_overview_names_every_command(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(['--help'])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(f'\n  {name} ' in text for name in cli.COMMANDS)


@pytest.mark.parametrize(
    ('command', 'module', 'extra'),
    [
        ('export', 'onnx', 'siamla-ros[export]'),
        ('train', 'torch._C', 'siamla-ros[train]'),
        ('eval', 'scipy.stats', 'siamla-ros[eval]'),
        ('track', 'torch', 'siamla-ros[torch]'),
        ('track', 'cv2', 'siamla-ros\n'),
    ],
)
@pytest.mark.parametrize('late', [False, True])
def test_missing_extra_says_what_to_install(
    command: str,
    module: str,
    extra: str,
    late: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    def missing(*_: object) -> ModuleType:
        raise ModuleNotFoundError(f'No module named {module!r}', name=module)

    fake = SimpleNamespace(add_arguments=lambda parser: None, run=missing)
    found = (lambda name: fake) if late else missing
    monkeypatch.setattr(cli.importlib, 'import_module', found)
    assert cli.main([command]) == 1
    message = capsys.readouterr().err
    assert f'module {module.split(".")[0]},' in message
    assert f'pip install "{extra}"' in message or f'pip install {extra}' in message


def test_version_is_printed(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(['--version'])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f'siamla {siamla_ros.__version__}\n'


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        (['--init', '-5,150,17,50'], ['--init=-5,150,17,50']),
        (['--init', '-.5,1,2,3', 'x'], ['--init=-.5,1,2,3', 'x']),
        (['--init=1,2,3,4', '-5'], ['--init=1,2,3,4', '-5']),
        (['clip.mp4', '--quiet', '--frames', '3'], ['clip.mp4', '--quiet', '--frames', '3']),
    ],
)
def test_values_that_begin_with_a_minus_belong_to_their_option(
    given: list[str], expected: list[str]
) -> None:
    assert cli.joined(given) == expected


def test_unusable_weights_are_one_line_and_our_own_faults_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    unusable = type('WeightsError', (RuntimeError,), {'__module__': 'siamla_ros.model.checkpoint'})
    fake = ModuleType('fake')
    fake.add_arguments = lambda parser: None
    monkeypatch.setitem(sys.modules, 'siamla_ros.cli.train', fake)
    for error in (unusable('no such weights file'), RuntimeError('shapes do not match')):

        def run(args: object, error: RuntimeError = error) -> int:
            raise error

        fake.run = run
        if isinstance(error, unusable):
            assert cli.main(['train']) == 1
            assert capsys.readouterr().err == 'siamla train: no such weights file\n'
        else:
            with pytest.raises(RuntimeError, match='shapes'):
                cli.main(['train'])


def test_commands_options_reach_the_subcommand(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = ModuleType('fake')
    fake.add_arguments = lambda parser: parser.add_argument('--steps', type=int)
    fake.run = lambda args: args.steps
    monkeypatch.setitem(sys.modules, 'siamla_ros.cli.train', fake)
    assert cli.main(['train', '--steps', '7']) == 7
