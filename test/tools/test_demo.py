"""The parts of the demo that need no ROS: its processes and its clip."""

import importlib.util
import os
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

DEMO = Path(__file__).resolve().parents[2] / 'tools' / 'demo'


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f'demo_{name}', DEMO / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


processes = load('processes')
clip = load('clip')
outputs = load('outputs')

# Ignores SIGINT, and has a child of its own that does so too.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
print(child.pid, flush=True)
time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    try:
        # The state is the word behind the name in brackets; Z is dead, not yet waited for.
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def test_leaving_the_block_ends_every_process_and_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        processes, 'STOPPING', tuple((number, 0.5) for number, _ in processes.STOPPING)
    )
    with processes.Processes(tmp_path) as running:
        running.start('stubborn', [sys.executable, '-c', STUBBORN])
        limit_s = time.monotonic() + 20
        while not running.log('stubborn').strip() and time.monotonic() < limit_s:
            time.sleep(0.02)
        child = int(running.log('stubborn'))
        assert is_alive(child)
        assert not running.ended('stubborn')
    assert running.ended('stubborn')
    limit_s = time.monotonic() + 5
    while is_alive(child) and time.monotonic() < limit_s:
        time.sleep(0.02)
    assert not is_alive(child)


def test_failure_is_told_and_success_is_not(tmp_path: Path) -> None:
    with processes.Processes(tmp_path) as running:
        running.start('good', [sys.executable, '-c', 'print("fine")'])
        running.start('bad', [sys.executable, '-c', 'import sys; sys.exit("broken")'])
        limit_s = time.monotonic() + 20
        while not (running.ended('good') and running.ended('bad')):
            assert time.monotonic() < limit_s
            time.sleep(0.02)
        assert running.failures() == ['bad']
        assert running.log('bad').strip() == 'broken'


def test_second_source_is_asked_when_the_first_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(folder: Path, path: Path) -> None:
        path.write_bytes(b'half')
        raise clip.ClipError('not reachable')

    def there(folder: Path, path: Path) -> None:
        path.write_bytes(b'whole')

    target = ((1.0, 2.0, 3.0, 4.0), 5, 'thing')
    monkeypatch.setattr(clip, 'CLIPS', (('a.avi', missing, target), ('b.mp4', there, target)))
    found = clip.fetch_clip(tmp_path / 'cache')
    assert found == clip.Clip(tmp_path / 'cache' / 'b.mp4', *target)
    assert found.path.read_bytes() == b'whole'
    assert os.listdir(tmp_path / 'cache') == ['b.mp4']


def test_kept_clip_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'a.avi').write_bytes(b'kept')
    monkeypatch.setattr(clip, 'CLIPS', (('a.avi', None, ((0.0, 0.0, 1.0, 1.0), 0, 'thing')),))
    assert clip.fetch_clip(tmp_path).path == tmp_path / 'a.avi'


def test_every_reason_is_told_when_nothing_can_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: str):
        return lambda folder, path: clip._run([command], folder)

    monkeypatch.setattr(
        clip, 'CLIPS', (('a.avi', run('no-such-command'), ()), ('b.mp4', run('false'), ()))
    )
    with pytest.raises(clip.ClipError) as error:
        clip.fetch_clip(tmp_path)
    assert 'a.avi: no-such-command is not installed' in str(error.value)
    assert 'b.mp4: false failed' in str(error.value)
    assert 'make demo VIDEO=' in str(error.value)


def test_earlier_outputs_are_kept_and_numbered(tmp_path: Path) -> None:
    assert outputs.keep_earlier(tmp_path / 'none') is None
    for run in ('first', 'second'):
        (tmp_path / 'log').mkdir()
        (tmp_path / 'log' / 'camera.log').write_text(run)
        (tmp_path / 'annotated.mp4').write_text(run)
        (tmp_path / 'other.txt').write_text('stays')
        kept = outputs.keep_earlier(tmp_path)
        assert (kept / 'annotated.mp4').read_text() == run
        assert (kept / 'log' / 'camera.log').read_text() == run
    assert sorted(os.listdir(tmp_path)) == ['earlier', 'other.txt']
    assert sorted(os.listdir(tmp_path / 'earlier')) == ['1', '2']


@pytest.mark.parametrize(
    'published, values, recorded, lines',
    [
        ('10', {'received': '10', 'processed': '10'}, 10, []),
        ('10', {'received': '8', 'processed': '8'}, 10, ['2 images were published, not received']),
        ('10', {'received': '10', 'processed': '9'}, 0, ['1 image was received, not processed']),
        ('10', {'received': '10', 'processed': '10'}, 7, ['3 images were not in the video']),
        ('', {'received': '10', 'processed': '9'}, 7, []),
        ('10', {}, 10, []),
    ],
)
def test_images_that_did_not_arrive_are_explained(
    published: str, values: dict[str, str], recorded: int, lines: list[str]
) -> None:
    told = list(outputs.explain_images(published, values, recorded))
    assert len(told) == len(lines)
    assert all(line.startswith(words) for line, words in zip(told, lines))
