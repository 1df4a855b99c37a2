"""`siamla bag` on bags that the rosbags library wrote: both storages, raw and compressed images."""

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('rosbags')

from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer
from support.ros_doubles import ColorTracker
from support.scenes import SIDE, picture

import siamla_ros
from siamla_ros.cli.bag_messages import COMPRESSED_IMAGE, IMAGE, make_typestore
from siamla_ros.cli.main import main

FRAMES = 45
GONE = range(15, 45)
STORE = make_typestore()
TYPES = STORE.types
BOX = f'red=100,100,{SIDE},{SIDE}'
PLUGINS = {'sqlite3': StoragePlugin.SQLITE3, 'mcap': StoragePlugin.MCAP}


@pytest.fixture(autouse=True)
def double(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        siamla_ros, 'load_tracker', lambda model, device: ColorTracker(), raising=False
    )


def header(number: int):
    stamp = TYPES['builtin_interfaces/msg/Time'](sec=50, nanosec=number * 20_000_000)
    return TYPES['std_msgs/msg/Header'](stamp=stamp, frame_id='optical')


def raw(number: int, image: np.ndarray):
    data = np.ascontiguousarray(image[..., ::-1]).reshape(-1)
    height, width = image.shape[:2]
    return TYPES[IMAGE](header(number), height, width, 'rgb8', 0, 3 * width, data)


def compressed(number: int, image: np.ndarray):
    data = cv2.imencode('.png', image)[1].reshape(-1)
    return TYPES[COMPRESSED_IMAGE](header(number), 'png', data)


def write_bag(path: Path, storage: str, kind: str, broken: tuple[int, ...] = ()) -> Path:
    make = raw if kind == IMAGE else compressed
    with Writer(path, version=8, storage_plugin=PLUGINS[storage]) as writer:
        images = writer.add_connection('/camera/image', kind, typestore=STORE)
        other = writer.add_connection('/chatter', 'std_msgs/msg/String', typestore=STORE)
        for number in range(FRAMES):
            message = make(number, picture(None if number in GONE else 100 + number))
            if number in broken:
                message.data = message.data[:10]
            stamp_ns = 60_000_000_000 + number * 20_000_000
            writer.write(images, stamp_ns, STORE.serialize_cdr(message, kind))
            text = TYPES['std_msgs/msg/String']('hello')
            writer.write(other, stamp_ns, STORE.serialize_cdr(text, 'std_msgs/msg/String'))
    return path


def read_bag(path: Path) -> dict[str, list[tuple[int, object]]]:
    """Messages by topic, with the definitions that the bag itself carries where it has them."""
    found: dict[str, list[tuple[int, object]]] = {}
    with AnyReader([path], default_typestore=STORE) as reader:
        for connection, stamp_ns, data in reader.messages():
            message = reader.deserialize(data, connection.msgtype)
            found.setdefault(connection.topic, []).append((stamp_ns, message))
    return found


@pytest.mark.parametrize('kind', [IMAGE, COMPRESSED_IMAGE])
@pytest.mark.parametrize('storage', ['sqlite3', 'mcap'])
def test_detections_and_status_of_every_image(
    storage: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    bag, out = write_bag(tmp_path / 'in', storage, kind), tmp_path / 'out'
    arguments = ['--image', '/camera/image', '--init', BOX, '--output', str(out)]
    assert main(['bag', str(bag), *arguments]) == 0
    assert bool(list(out.glob('*.mcap'))) == (storage == 'mcap'), 'the storage of the input'
    found = read_bag(out)
    assert {topic: len(messages) for topic, messages in found.items()} == {
        '/detections': FRAMES,
        '/status': FRAMES,
    }
    for number, (stamp_ns, message) in enumerate(found['/detections']):
        assert stamp_ns == 60_000_000_000 + number * 20_000_000
        assert str(message.header) == str(header(number)), 'copied verbatim'
    detection = found['/detections'][10][1].detections[0]
    assert (detection.id, detection.results[0].hypothesis.class_id) == ('red', 'red')
    assert detection.bbox.center.position.x == pytest.approx(110 + SIDE / 2, abs=2)
    assert detection.bbox.size_y == pytest.approx(SIDE, abs=2)
    assert 0.8 < detection.results[0].hypothesis.score <= 1.0
    assert found['/detections'][-1][1].detections == [], 'nothing is confirmed while it is away'
    states = [message.state for _, message in found['/status']]
    assert states[10] == 1 and states[-1] in (3, 4)
    status = found['/status'][-1][1]
    assert (status.id, status.__msgtype__) == ('red', 'siamla_ros/msg/TrackStatus')
    words = capsys.readouterr().err
    assert 'red: confirmed on 1' in words and f'{out}: /detections and /status\n' in words


def test_targets_start_late_and_the_storage_can_be_chosen(tmp_path: Path) -> None:
    bag, out = write_bag(tmp_path / 'in', 'sqlite3', IMAGE), tmp_path / 'out'
    box = f'105,100,{SIDE},{SIDE}'
    options = ['--init', box, '--start', '5', '--storage', 'mcap', '--output', str(out), '--quiet']
    plot = tmp_path / 'run.png'
    assert main(['bag', str(bag), *options, '--plot', str(plot)]) == 0
    assert plot.read_bytes().startswith(b'\x89PNG')
    found = read_bag(out)
    assert len(found['/status']) == FRAMES - 5 and list(out.glob('*.mcap'))
    assert found['/status'][0][1].bbox.center.position.x == 105 + SIDE / 2


def test_an_unusable_image_is_skipped_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    bag, out = write_bag(tmp_path / 'in', 'mcap', IMAGE, broken=(3, 4)), tmp_path / 'out'
    assert main(['bag', str(bag), '--init', BOX, '--output', str(out)]) == 1
    words = capsys.readouterr().err
    assert 'image 3 skipped: image.data has 10 bytes' in words
    assert '2 images could not be used' in words
    assert len(read_bag(out)['/detections']) == FRAMES - 2


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--image', '/nowhere', '--init', BOX], 'there are: /camera/image'),
        (['--image', '/chatter', '--init', BOX], 'there are: /camera/image'),
        (['--init', '900,100,20,20'], 'must lie inside the image'),
        (['--init', BOX, '--start', '99'], 'has no image 99'),
        (['--init', BOX, '--start', '-1'], '--start -1 must be >= 0'),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_leaves_no_bag(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    bag, out = write_bag(tmp_path / 'in', 'sqlite3', IMAGE), tmp_path / 'out'
    assert main(['bag', str(bag), *options, '--output', str(out)]) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith('siamla bag: ') and words in message
    assert not out.exists()


def test_an_existing_output_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    bag = write_bag(tmp_path / 'in', 'sqlite3', IMAGE)
    assert main(['bag', str(bag), '--init', BOX, '--output', str(bag)]) == 1
    assert 'exists already' in capsys.readouterr().err
    assert len(read_bag(bag)['/camera/image']) == FRAMES
    assert main(['bag', 'none', '--init', BOX, '--output', str(tmp_path / 'o')]) == 1
    assert 'no such bag' in capsys.readouterr().err


def test_a_folder_without_metadata_is_no_bag(tmp_path, capsys):
    assert main(['bag', str(tmp_path), '--init', BOX, '--output', str(tmp_path / 'out')]) == 1
    message = capsys.readouterr().err
    assert f'{tmp_path}: holds no metadata.yaml' in message and 'ros2 bag record' in message


def damaged(path: Path, how: str) -> Path:
    """A bag that cannot be read, or only to its middle."""
    path.mkdir()
    files = {'empty': b'', 'garbage': bytes(range(256)) * 9, 'half': b'\x89MCAP0\r\n' + b'x' * 900}
    metadata = {'no yaml': 'rosbag2_bagfile_information: [', 'no bag': 'a: 1', 'no file': ''}
    if how in files:
        (path / 'a.mcap').write_bytes(files[how])
        return path / 'a.mcap'
    if how == 'sqlite3':
        (path / 'a.db3').write_bytes(bytes(range(256)) * 9)
        return path / 'a.db3'
    (path / 'metadata.yaml').write_text(metadata[how])
    return path


@pytest.mark.parametrize(
    'how', ['empty', 'garbage', 'half', 'sqlite3', 'no yaml', 'no bag', 'no file']
)
def test_a_damaged_bag_is_named_in_one_line(tmp_path, capsys, how):
    bag = damaged(tmp_path / 'bag', how)
    assert main(['bag', str(bag), '--init', BOX, '--output', str(tmp_path / 'out'), '--quiet']) == 1
    assert f'siamla bag: {bag}: ' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('storage', ['sqlite3', 'mcap'])
def test_a_bag_that_ends_in_its_middle_is_named(tmp_path, capsys, storage):
    """As a recorder leaves it whose machine lost its power."""
    bag = write_bag(tmp_path / 'bag', storage, IMAGE)
    file = next(path for path in bag.iterdir() if path.suffix in ('.mcap', '.db3'))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert main(['bag', str(bag), '--init', BOX, '--output', str(tmp_path / 'out'), '--quiet']) == 1
    assert f'siamla bag: {bag}: ' in capsys.readouterr().err
