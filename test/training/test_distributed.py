"""Two processes as `torchrun` starts them train as one does, also from another's checkpoint."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

torch = pytest.importorskip('torch')
yaml = pytest.importorskip('yaml')

from support.networks import tiny_checkpoint, tiny_config  # noqa: E402
from support.packs import write_pack  # noqa: E402

from siamla_ros.cli.main import main  # noqa: E402
from siamla_ros.model.checkpoint import load_model, read_checkpoint  # noqa: E402
from siamla_ros.training import loop  # noqa: E402
from siamla_ros.training.distributed import Processes  # noqa: E402

STEPS = 20
# A thread of the group that is left at the end aborts the process now and then, not always.
RUN = """
import pathlib, sys
from siamla_ros.training import loop
loop.REPORT_EVERY = 1
from siamla_ros.cli.main import main
code = main(sys.argv[1:])
threads = [p.read_text().strip() for p in pathlib.Path('/proc/self/task').glob('*/comm')]
sys.exit(code or ', '.join(name for name in threads if 'gloo' in name) or 0)
"""


@pytest.fixture(scope='module')
def command(tmp_path_factory):
    """Makes a training command: (folder of the run, options of the schedule) -> words."""
    root = tmp_path_factory.mktemp('distributed')
    pack = write_pack(root / 'pack', tracks=6, frames=10, masks=False)
    start = tiny_checkpoint(root / 'start').path

    def make(folder, **schedule):
        # Slowly: Adam makes of rounding a whole step where a gradient is nearly zero.
        rates = {'lr_init': 2e-5, 'lr_heads': 2e-5, 'lr_backbone': 1e-5}
        schedule = {'pairs': 4 * STEPS, 'batch': 4, **rates, **schedule}
        content = {'model': asdict(tiny_config()), 'schedule': schedule, 'init': 'tracker'}
        folder.mkdir(exist_ok=True)
        (folder / 'recipe.yaml').write_text(yaml.safe_dump(content))
        return [
            "train", "--data", str(pack), "--init", str(start), "--output", str(folder / "run"),
            "--config", str(folder / "recipe.yaml"), "--workers", "0", "--device", "cpu",
            "--threads", "1",
        ]  # fmt: skip

    return make


@pytest.fixture(autouse=True)
def every_step_is_logged(monkeypatch, one_thread):
    monkeypatch.setattr(loop, 'REPORT_EVERY', 1)


def train(words, processes=1):
    """Run it, alone in this process; the losses of every step as they are logged."""
    if processes == 1:
        assert main(words) == 0
    else:
        launcher = ['torch.distributed.run', '--standalone', f'--nproc-per-node={processes}']
        done = subprocess.run(
            [sys.executable, '-m', *launcher, '--no-python', sys.executable, '-c', RUN, *words],
            capture_output=True,
            text=True,
            env={**os.environ, 'OMP_NUM_THREADS': '1'},
        )
        assert done.returncode == 0, done.stdout + done.stderr
    folder = words[words.index('--output') + 1]
    rows = map(json.loads, Path(folder, 'log.jsonl').read_text(encoding='utf-8').splitlines())
    return [[row['step'], row['total'], row['regression'], row['mean_iou']] for row in rows]


def weights(folder):
    return load_model(read_checkpoint(folder / 'run/model.safetensors')).state_dict()


def differ_by(one, other):
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def test_two_processes_train_as_one(command, tmp_path):
    alone = train(command(tmp_path / 'one'))
    shared = train(command(tmp_path / 'two'), processes=2)
    assert len(alone) == STEPS
    assert shared == [pytest.approx(row, rel=0, abs=1e-5) for row in alone]
    assert len({row[1] for row in alone}) == STEPS  # losses that differ from step to step
    assert differ_by(weights(tmp_path / 'one'), weights(tmp_path / 'two')) < 2e-5  # one step


def test_a_run_goes_on_in_another_number_of_processes(command, tmp_path):
    options = {'cached_pairs': 8, 'lr_backbone': 0.0, 'template_swap': 0.3, 'pairs': 24}
    train(command(tmp_path / 'one', **options))
    words = command(tmp_path / 'parts', **options)
    train([*words, '--minutes', '0'], processes=2)
    assert [row[0] for row in train(words)] == [1, 2, 3, 4, 5, 6]
    assert differ_by(weights(tmp_path / 'one'), weights(tmp_path / 'parts')) < 1e-5


def test_a_batch_must_be_divided_evenly():
    assert Processes(1, 2).part(8) == slice(4, 8)
    with pytest.raises(ValueError, match='schedule.batch = 9: must be a multiple of the 2'):
        Processes(0, 2).part(9)
