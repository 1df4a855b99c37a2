"""What a run would take, without one; and its log for TensorBoard."""

from __future__ import annotations

import json
import math
import re
import sys
from types import ModuleType

import pytest

torch = pytest.importorskip('torch')
yaml = pytest.importorskip('yaml')

from support.networks import tiny_checkpoint  # noqa: E402
from support.packs import write_pack  # noqa: E402

from siamla_ros.cli.main import main  # noqa: E402
from siamla_ros.training import loop  # noqa: E402
from siamla_ros.training.dry_run import Estimate  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def start(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp('start'))


@pytest.fixture
def command(start, tmp_path):
    """Makes a training command from options of the schedule."""
    pack = write_pack(tmp_path / 'pack', tracks=6, frames=10, masks=False)

    def make(**schedule):
        content = {
            'model': start.model.__dict__,
            'schedule': {'pairs': 4000, 'batch': 4, **schedule},
            'data': {'similar': 0.5},
        }
        (tmp_path / 'recipe.yaml').write_text(yaml.safe_dump(content))
        return [
            "train", "--data", str(pack), "--init", str(start.path), "--output",
            str(tmp_path / "run"), "--config", str(tmp_path / "recipe.yaml"),
            "--workers", "0", "--device", "cpu",
        ]  # fmt: skip

    return make


def test_a_dry_run_says_what_a_run_would_take_and_writes_nothing(command, tmp_path, capsys):
    asked = command(accumulate=2)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert main([*asked, '--dry-run']) == 0
    words = capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert 'pairs: 4000 in 1000 steps of 4, 1 processes' in words
    numbers = [int(n) for n in re.search(r'weights: (\d+) parameters, (\d+) train', words).groups()]
    assert numbers[0] > numbers[1] > 1000
    assert re.search(r'pairs/s: making \d+, network \d+; the limit is ', words)
    assert re.search(r'time: [\d.]+ (s|min|h|days), without validation', words)
    assert 'cached' not in words
    assert main([*command(), '--dry-run']) == 0
    texts = words, capsys.readouterr().out
    twice, once = (float(re.search(r'computation: (\S+) GFLOP a pair', t)[1]) for t in texts)
    assert 0 < once < twice < 2 * once  # parts go through the network once more, forwards


def test_a_dry_run_of_cached_pairs_computes_a_few(command, tmp_path, capsys):
    assert main([*command(cached_pairs=2000), '--dry-run']) == 0
    words = capsys.readouterr().out
    assert re.search(r'cached pairs: 2000, \d+ [kM]B in memory and on disk', words)
    assert 'the limit is the network' in words and not (tmp_path / 'run').exists()


def estimate(workers: int, pair_s: float = 0.1) -> Estimate:
    return Estimate(
        pairs=9600, batch=96, own=48, steps=100, objects=(5, 2), weights=(10, 3), pair_s=pair_s,
        step_s=1.2, cached=(0, 0.0, 0), memory={'of this process': 2_500_000_000}, workers=workers,
    )  # fmt: skip


@pytest.mark.parametrize(
    ('workers', 'seconds', 'words'),
    [(0, 600.0, 'making pairs'), (2, 240.0, 'making pairs'), (6, 120.0, 'the network')],
)
def test_the_slower_of_making_pairs_and_the_network_sets_the_time(workers, seconds, words):
    found = estimate(workers)
    assert found.seconds == pytest.approx(seconds)
    text = '\n'.join(found.lines())
    assert f'the limit is {words}' in text and '2.5 GB of this process' in text
    assert ('workers: 4 a process would keep up' in text) == (workers < 4)
    assert f'time: {seconds / 60:.1f} min' in text


class Board:
    """Records what it is asked to write."""

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purged, self.rows = folder, purge_step, []
        BOARDS.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.rows.append((name, value, step))

    def flush(self) -> None:
        pass


BOARDS: list[Board] = []


def test_tensorboard_gets_what_the_log_gets(command, tmp_path, monkeypatch):
    module = ModuleType('torch.utils.tensorboard')
    module.SummaryWriter = Board
    monkeypatch.setitem(sys.modules, 'tensorboard', ModuleType('tensorboard'))
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', module)
    monkeypatch.setattr(loop, 'REPORT_EVERY', 1)
    assert main([*command(pairs=8, validate_every=2), '--tensorboard']) == 0
    (board,) = BOARDS
    assert board.folder == str(tmp_path / 'run/tensorboard') and board.purged == 1
    lines = [json.loads(row) for row in (tmp_path / 'run/log.jsonl').read_text().splitlines()]
    logged = [(k, v, row['step']) for row in lines for k, v in row.items() if k != 'step']
    known = [(n.split('/')[1], v if math.isfinite(v) else None, s) for n, v, s in board.rows]
    assert known == logged, 'with figures that are not defined, null in JSON'
    groups = {name.split('/')[1]: name.split('/')[0] for name, _, _ in board.rows}
    assert (groups['lr'], groups['pairs_per_s'], groups['auc']) == ('train', 'train', 'validation')


def test_tensorboard_that_is_missing_is_named_before_the_run(
    command, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, 'tensorboard', None)
    assert main([*command(pairs=8), '--tensorboard']) == 1
    assert 'needs the Python module tensorboard' in capsys.readouterr().err
    assert not (tmp_path / 'run/log.jsonl').exists()
