"""`siamla export` writes where it is told, and nowhere else."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip('torch')
pytest.importorskip('onnx')

from siamla_ros.cli import export
from siamla_ros.cli.main import main
from siamla_ros.model.checkpoint import DATA_FOLDER, read_checkpoint


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir()}


def test_the_folder_becomes_a_model_and_the_package_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    before = contents(DATA_FOLDER)
    monkeypatch.chdir(tmp_path)
    assert main(['export']) == 0
    assert contents(DATA_FOLDER) == before
    stem = read_checkpoint('default').path.stem
    ends = ('.safetensors', '.sha256', '.template.onnx', '.search.onnx', '.onnx_data')
    assert sorted(contents(tmp_path)) == sorted(stem + end for end in ends)
    listed = [line.split('  ')[0] for line in capsys.readouterr().out.splitlines()]
    assert sorted(listed) == sorted(str(tmp_path / name) for name in contents(tmp_path))
    from siamla_ros import load_tracker

    tracker = load_tracker(tmp_path / f'{stem}.safetensors', device='cpu', runtime='onnxruntime')
    assert tracker.description['sha256'] == read_checkpoint('default').sha256


def test_graphs_of_a_checkpoint_go_beside_it_where_a_tracker_looks_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    models, elsewhere = tmp_path / 'models', tmp_path / 'elsewhere'
    models.mkdir()
    elsewhere.mkdir()
    mine = models / 'mine.safetensors'
    shutil.copyfile(read_checkpoint('default').path, mine)
    before = contents(models)
    monkeypatch.chdir(elsewhere)
    assert main(['export', '../models/mine.safetensors']) == 0
    assert not contents(elsewhere) and contents(models).items() >= before.items()
    ends = ('.safetensors', '.sha256', '.template.onnx', '.search.onnx', '.onnx_data')
    assert sorted(contents(models)) == sorted(f'mine{end}' for end in ends)
    listed = [line.split('  ')[0] for line in capsys.readouterr().out.splitlines()]
    assert sorted(listed) == sorted(str(models / f'mine{end}') for end in ends)
    from siamla_ros import load_tracker

    assert load_tracker(mine, device='cpu', runtime='onnxruntime')


@pytest.mark.parametrize('folder', [DATA_FOLDER, DATA_FOLDER / 'new'])
def test_the_package_is_refused(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(['export', '--output', str(folder)]) == 1
    assert 'must be a folder outside of it' in capsys.readouterr().err
    assert not (DATA_FOLDER / 'new').exists()


def test_other_weights_of_the_same_name_are_kept(tmp_path: Path) -> None:
    checkpoint = read_checkpoint('default')
    other = tmp_path / checkpoint.path.name
    other.write_bytes(b'precious')
    with pytest.raises(ValueError, match='holds other weights'):
        export.place(checkpoint, tmp_path)
    assert other.read_bytes() == b'precious'
