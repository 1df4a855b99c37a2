"""The wheel: what is in it, and that it tracks without anything an extra brings."""

import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import siamla_ros

pytest.importorskip('setuptools')

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ('setup.py', 'pyproject.toml', 'package.xml', 'README.md', 'LICENSE', 'THIRD_PARTY.md')
LIGHT = {'numpy', 'opencv-python-headless', 'onnxruntime', 'safetensors', 'tqdm'}
BUILD = 'import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])'
TRACK = """
import sys

HEAVY = ('torch', 'onnx', 'scipy', 'matplotlib', 'yaml', 'rosbags', 'av', 'rclpy')


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in HEAVY:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)


sys.meta_path.insert(0, Absent())
sys.path.insert(0, sys.argv[1])
import numpy as np
import siamla_ros
from siamla_ros import load_tracker

assert siamla_ros.__file__.startswith(sys.argv[1]), siamla_ros.__file__
image = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
tracker = load_tracker(device='cpu')
state = tracker.init(image, (40, 30, 50, 40))
for _ in range(2):
    result = tracker.update(image, [state])[0]
    state = result.state
print(*result.box_xywh, result.confidence)
from siamla_ros.cli.main import main

assert main(['export']) == 1 and main(['train', '--data', '.', '--output', 'run']) == 1
"""


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    source.mkdir()
    for name in SOURCES:
        shutil.copy(ROOT / name, source)
    for name in ('siamla_ros', 'licenses', 'msg', 'interfaces'):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns('__pycache__'))
    command = [sys.executable, '-c', BUILD, str(folder)]
    made = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
    return next(folder.glob('*.whl'))


def test_contents(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / 'siamla_ros'
    wanted = {f'siamla_ros/{path.relative_to(package)}' for path in package.rglob('*.py')}
    wanted |= {f'siamla_ros/data/{path.name}' for path in (package / 'data').iterdir()}
    messages = {f'siamla_ros/data/msg/siamla_ros/{p.name}' for p in (ROOT / 'msg').glob('*.msg')}
    vision = (ROOT / 'interfaces/vision_msgs/msg').glob('*.msg')
    messages |= {f'siamla_ros/data/msg/vision_msgs/{path.name}' for path in vision}
    assert len(messages) > 10
    rest = {name for name in names if '.dist-info/' not in name}
    assert rest == {'siamla_ros/py.typed', *wanted, *messages}


def test_metadata(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    folder = next(n for n in archive.namelist() if n.endswith('METADATA')).rpartition('/')[0]
    metadata = message_from_string(archive.read(f'{folder}/METADATA').decode())
    assert (metadata['Name'], metadata['Version']) == ('siamla-ros', siamla_ros.__version__)
    needs = [line for line in metadata.get_all('Requires-Dist') if 'extra ==' not in line]
    assert {line.split('>')[0].strip() for line in needs} == LIGHT
    extras = {'torch', 'train', 'eval', 'export', 'bags', 'video', 'plot', 'test', 'vot'}
    assert set(metadata.get_all('Provides-Extra')) == extras
    assert metadata['Description-Content-Type'] == 'text/markdown'
    assert (
        'siamla = siamla_ros.cli.main:main' in archive.read(f'{folder}/entry_points.txt').decode()
    )
    assert any(name.startswith(folder) and 'LICENSE' in name for name in archive.namelist())


def test_it_tracks_without_the_extras(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / 'site')
    done = subprocess.run(
        [sys.executable, '-c', TRACK, str(tmp_path / 'site')],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': ''},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    numbers = [float(word) for word in done.stdout.split()]
    assert len(numbers) == 5 and 0.0 <= numbers[4] <= 1.0
    lines = [f'pip install {" ".join(siamla_ros.EXTRAS[name])}\n' for name in ('export', 'train')]
    assert all(line in done.stderr for line in lines), 'unpacked, pip does not know the package'
