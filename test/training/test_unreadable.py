"""Pictures that cannot be read are left out by name: training and validation go on."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from support.networks import tiny_config, tiny_model  # noqa: E402
from support.packs import write_pack  # noqa: E402

from siamla_ros.datasets.training_pack import load_pack  # noqa: E402
from siamla_ros.model.decode_config import DecodeConfig  # noqa: E402
from siamla_ros.runtime.torch_runtime import TorchRuntime  # noqa: E402
from siamla_ros.tracker.tracker import Tracker  # noqa: E402
from siamla_ros.training.config import DataConfig  # noqa: E402
from siamla_ros.training.loop import PairDataset  # noqa: E402
from siamla_ros.training.pairs import PairSource  # noqa: E402
from siamla_ros.training.validate import validate  # noqa: E402


@pytest.fixture
def pack(tmp_path):
    folder = write_pack(tmp_path / 'pack', tracks=3, frames=3, photos=0, masks=False)
    return load_pack(folder, 'train', {}, val_fraction=0.0)


def pairs_of(pack):
    data = PairDataset(PairSource(pack, tiny_config(), DataConfig(), 0), 0, 24)
    return [data[index] for index in range(24)]


def same(one, other):
    return all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(one, other, strict=True))


def test_another_pair_stands_in_for_one_of_a_damaged_picture(pack, capsys):
    whole = pairs_of(pack)
    pack.tracks[0][1].path.write_bytes(b'')
    pack.tracks[1][0].path.unlink()
    found, again = pairs_of(pack), pairs_of(pack)
    assert all(map(same, found, again))
    kept = [same(*both) for both in zip(whole, found, strict=True)]
    assert any(kept) and not all(kept), 'those of other pictures stay as they were'
    said = capsys.readouterr().err.splitlines()
    damaged = {str(pack.tracks[0][1].path), str(pack.tracks[1][0].path)}
    assert {line.removeprefix('left out: ').split(':')[0] for line in said} == damaged
    assert len(said) == 2, 'each is named once'


def test_a_disk_that_is_gone_ends_the_run(pack):
    for track in pack.tracks:
        for record in track:
            record.path.unlink(missing_ok=True)
    with pytest.raises(OSError, match='cannot be read as an image'):
        pairs_of(pack)


def test_validation_leaves_out_what_it_cannot_read(pack, capsys):
    model = tiny_model()
    tracker = Tracker(TorchRuntime(model, 'cpu'), model.config, DecodeConfig())
    assert len(validate(tracker, pack.tracks, probes=2).iou) == 3 * 2 * 2
    pack.tracks[0][0].path.write_bytes(b'')
    pack.tracks[1][2].path.write_bytes(b'')
    assert len(validate(tracker, pack.tracks, probes=2).iou) == (1 + 2) * 2
    assert capsys.readouterr().err.count('left out: ') == 2
