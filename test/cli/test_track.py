"""`siamla track` with a tracker that is a test double: rows, states, several targets, refusals."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.ros_doubles import ColorTracker
from support.scenes import SIDE, picture

import siamla_ros
from siamla_ros.cli import select_box, track
from siamla_ros.cli.main import main
from siamla_ros.cli.track_output import FIELDS
from siamla_ros.datasets.video import FrameSource
from siamla_ros.datasets.video_sink import FrameSink

GREEN_BGR = (20, 230, 30)
FRAMES = 60
GONE = range(20, 45)
BOX = f'100,100,{SIDE},{SIDE}'


@pytest.fixture(autouse=True)
def double(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        siamla_ros, 'load_tracker', lambda model, device: ColorTracker(), raising=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A red square that moves a pixel a frame and is away for a while; a green one that stays."""
    images = tmp_path / 'images'
    images.mkdir()
    for number in range(FRAMES):
        image = picture(None if number in GONE else 100 + number)
        image[30 : 30 + SIDE, 200 : 200 + SIDE] = GREEN_BGR
        cv2.imwrite(str(images / f'{number}.png'), image)
    return str(images)


def rows_of(capsys: pytest.CaptureFixture) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_one_json_line_a_frame(folder: str, capsys: pytest.CaptureFixture) -> None:
    assert main(['track', folder, '--init', BOX, '--frames', '12']) == 0
    rows = rows_of(capsys)
    assert [row['frame'] for row in rows] == list(range(12))
    assert tuple(rows[0]) == FIELDS
    assert rows[0]['id'] == 'target' and rows[0]['confirmed'] is True
    assert [rows[0][name] for name in 'xywh'] == [100, 100, SIDE, SIDE]
    assert rows[-1]['x'] == pytest.approx(111, abs=2) and rows[-1]['state'] == 'TRACKING'
    assert rows[-1]['time'] == pytest.approx(11 / 30, abs=1e-5)


def test_a_target_that_leaves_is_lost_and_found_again(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    table = tmp_path / 'rows.csv'
    assert main(['track', folder, '--init', BOX, '--output', str(table)]) == 0
    with table.open(newline='') as lines:
        rows = list(csv.DictReader(lines))
    states = [row['state'] for row in rows]
    assert len(rows) == FRAMES and states[GONE.start - 1] == 'TRACKING'
    assert set(states[GONE.stop - 3 : GONE.stop]) <= {'LOST', 'SEARCHING'}
    assert states[-1] == 'TRACKING' and float(rows[-1]['x']) == pytest.approx(159, abs=3)
    assert all(row['confirmed'] == '0' for row in rows[GONE.stop - 3 : GONE.stop])
    assert rows[GONE.stop - 1]['reason'] not in ('', 'NONE', 'INIT')
    words = capsys.readouterr().err.splitlines()
    assert any(line.startswith(f'{FRAMES} frames, ') for line in words)
    assert 'lost 1 times, found again 1 times' in words[-1]


def test_raw_is_the_bare_tracker(folder: str, capsys: pytest.CaptureFixture) -> None:
    assert main(['track', folder, '--init', BOX, '--raw']) == 0
    rows = rows_of(capsys)
    assert {row['state'] for row in rows} == {'TRACKING'} and len(rows) == FRAMES
    assert rows[GONE.stop - 1]['confidence'] < 0.5


def test_several_targets_have_ids(folder: str, capsys: pytest.CaptureFixture) -> None:
    green = f'green=200,30,{SIDE},{SIDE}'
    assert main(['track', folder, '--init', BOX, '--init', green, '--frames', '10']) == 0
    rows = rows_of(capsys)
    assert [(row['frame'], row['id']) for row in rows[:4]] == [
        (0, 'target'),
        (0, 'green'),
        (1, 'target'),
        (1, 'green'),
    ]
    assert rows[-1]['x'] == pytest.approx(200, abs=1)
    assert rows[-2]['x'] == pytest.approx(109, abs=2)


def test_it_starts_late_stops_early_and_writes_a_video(folder: str, tmp_path: Path) -> None:
    table, video = tmp_path / 'rows.jsonl', tmp_path / 'out.mp4'
    where = ['--init', f'105,100,{SIDE},{SIDE}', '--start', '5', '--frames', '4']
    assert main(['track', folder, *where, '--output', str(table), '--video', str(video)]) == 0
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    assert [row['frame'] for row in rows] == [5, 6, 7, 8]
    with FrameSource(video) as source:
        images = list(source)
    assert len(images) == 4
    assert (images[-1] != picture(108)).any(), 'something is drawn'


def test_response_maps_are_kept_and_drawn_where_they_are_requested(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Answering(ColorTracker):
        def update(self, image_bgr, states):
            kept = np.eye(16) if self.keep_responses else None
            return [replace(r, response=kept) for r in super().update(image_bgr, states)]

    shown: list[list[np.ndarray]] = []
    monkeypatch.setattr(siamla_ros, 'load_tracker', lambda model, device: Answering())
    monkeypatch.setattr(FrameSink, 'write', lambda self, image, stamp_s: shown[-1].append(image))
    for options in ([], ['--response-map']):
        shown.append([])
        command = ['track', folder, '--init', BOX, '--frames', '3', '--quiet', '--raw']
        assert main([*command, '--video', str(tmp_path / 'out.mp4'), *options]) == 0
    changed = [(plain != inset).any(2) for plain, inset in zip(*shown)]
    assert [part.any() for part in changed] == [False, True, True], 'a start has no response'
    assert changed[2].sum() == changed[2][-70:, -70:].sum() > 3000


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--init', '1,2,0,4'], 'width and height must be >= 2 px'),
        (['--init', '5000,2,30,40'], '5000,2,30,40: at least 2 x 2 px must lie inside the image'),
        (['--init', BOX, '--start', '99'], 'has no frame 99'),
        (['--init', BOX, '--frames', '0'], '--frames 0'),
        (['--init', BOX, '--output', 'boxes.txt'], 'suffix must be .csv or .jsonl'),
        (['--init', f'a={BOX}', '--init', f'a={BOX}'], 'the id occurs twice'),
        (['--init', BOX, '--response-map'], '--response-map is drawn into --video FILE'),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    folder: str, options: list[str], words: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(['track', folder, *options]) == 1
    captured = capsys.readouterr()
    message = captured.err.splitlines()[-1]
    assert message.startswith('siamla track: ') and words in message
    assert captured.out == '', 'refused before the first row'


def test_the_folder_of_the_table_is_made(folder: str, tmp_path: Path) -> None:
    table = tmp_path / 'new/rows.csv'
    assert main(['track', folder, '--init', BOX, '--frames', '2', '--output', str(table)]) == 0
    assert len(table.read_text().splitlines()) == 3


@pytest.mark.parametrize('box', ['1,2,3', '1,2,3,4,5', 'a,b,c,d', '', 'id=1,2'])
def test_malformed_box_is_a_wrong_argument(box: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(['track', 'clip.mp4', '--init', box])
    assert stop.value.code == 2
    assert 'x,y,w,h' in capsys.readouterr().err


def test_a_box_that_begins_with_a_minus(folder: str, capsys: pytest.CaptureFixture) -> None:
    assert main(['track', folder, '--init', '-5,100,40,50', '--frames', '1']) == 0
    assert rows_of(capsys)[0]['x'] == -5


def test_damaged_frames_give_a_warning_and_an_exit_code(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    class Damaged(FrameSource):
        def frames(self):
            for item in super().frames():
                if item.number not in (3, 4):
                    yield item
            self.missing = 2

    monkeypatch.setattr(track, 'FrameSource', Damaged)
    arguments = ['track', folder, '--init', BOX, '--frames', '99']
    assert main(arguments) == 1
    assert [row['frame'] for row in rows_of(capsys)][:5] == [0, 1, 2, 5, 6]
    assert main([*arguments, '--skip-damaged']) == 0


def test_without_a_box_the_user_draws_one(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv('DISPLAY', ':0')
    monkeypatch.setattr(cv2, 'selectROI', lambda *_, **__: (100, 100, SIDE, SIDE))
    monkeypatch.setattr(cv2, 'destroyAllWindows', lambda: None)
    assert main(['track', folder, '--frames', '2']) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out.splitlines()[0])['x'] == 100
    assert f'--init {BOX}' in captured.err


def no_window(*_: object, **__: object) -> None:
    raise cv2.error('The function is not implemented')


@pytest.mark.parametrize('display', ['', ':0'])
def test_without_a_window_the_first_frame_is_written_with_coordinates(
    folder: str,
    display: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('DISPLAY', display)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    monkeypatch.setattr(cv2, 'selectROI', no_window)
    assert main(['track', folder, '--start', '3']) == 1
    words = capsys.readouterr().err
    assert f'siamla track {folder} --start 3 --init X,Y,W,H' in words
    image = cv2.imread(str(tmp_path / select_box.FIRST_FRAME))
    assert image.shape == (240, 320, 3) and '320 x 240' in words


def test_without_a_window_a_browser_is_asked_where_somebody_is_there(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv('DISPLAY', '')
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    monkeypatch.setattr(select_box.sys.stderr, 'isatty', lambda: True, raising=False)
    asked = []

    def draw(image: np.ndarray) -> tuple[float, ...]:
        asked.append(image.shape)
        return (100.0, 100.0, float(SIDE), float(SIDE))

    monkeypatch.setattr(select_box, 'box_from_browser', draw)
    assert main(['track', folder, '--frames', '2', '--quiet']) == 0
    assert asked == [(240, 320, 3)] and f'--init {BOX}' in capsys.readouterr().err


def test_grid_lines_lie_at_round_coordinates() -> None:
    image = select_box.numbered_frame(np.zeros((240, 320, 3), np.uint8))
    lines = [x for x in range(320) if (image[115, x] == (255, 255, 0)).all()]
    assert lines == list(range(50, 320, 50))


def test_a_video_file_is_followed_as_well(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with FrameSink(tmp_path / 'clip.mp4', 25.0) as sink:
        for number in range(6):
            sink.write(picture(100 + number))
    assert main(['track', str(sink.path), '--init', BOX]) == 0
    assert [row['time'] for row in rows_of(capsys)] == [0.0, 0.04, 0.08, 0.12, 0.16, 0.2]
