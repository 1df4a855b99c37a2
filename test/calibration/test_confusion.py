"""How well a network tells its target from a distractor."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('torch')

from support.networks import tiny_checkpoint
from support.packs import write_pack

from siamla_ros.calibration import confusion as module
from siamla_ros.calibration.confusion import Confusion, confusion
from siamla_ros.datasets.training_pack import load_pack


class Knowing:
    """Finds what it is shown where it is, surer of its own color by ``margin``."""

    def __init__(self, margin: float) -> None:
        self.margin = margin

    @staticmethod
    def color(image: np.ndarray) -> np.ndarray:
        far = np.abs(image.astype(int) - 50).max(2)
        return np.median(image[far > 60], axis=0)

    def init(self, image, box_xywh):
        return self.color(image)

    def probe(self, image, state, places):
        rows, columns = np.nonzero(np.abs(image.astype(int) - 50).max(2) > 60)
        if not len(rows):  # erased
            return [SimpleNamespace(box_xywh=(0.0, 0.0, 1.0, 1.0), confidence=0.0) for _ in places]
        box = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
        same = np.abs(self.color(image) - state).max() < 20
        sure = 0.5 + (self.margin if same else 0.0)
        return [SimpleNamespace(box_xywh=tuple(map(float, box)), confidence=sure) for _ in places]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_pack(tmp_path_factory.mktemp('data') / 'pack', tracks=10, frames=10)


@pytest.mark.parametrize('margin, expected', [(0.2, 1.0), (0.0, 0.5), (-0.2, 0.0)])
def test_the_figure_says_whether_the_own_target_is_surer(folder, margin, expected):
    pack = load_pack(folder, 'val', {})
    count = len(pack.tracks)
    assert count >= 2
    likes = [[(i + 1) % count] for i in range(count)]
    found = confusion(Knowing(margin), folder, pack, likes).summary()
    assert found['auroc_similar_object'] == expected and found['similar_objects'] == count


def test_without_look_alikes_nothing_is_claimed(folder):
    pack = load_pack(folder, 'val', {})
    found = confusion(Knowing(0.2), folder, pack, [[] for _ in pack.tracks])
    assert np.isnan(Confusion(found.hits, found.others).summary()['auroc_similar_object'])


def test_the_command_reports_every_model(folder, tmp_path, monkeypatch, capsys):
    path = str(tiny_checkpoint(tmp_path).path)
    monkeypatch.setattr(
        module, 'similar_objects', lambda model, pack, count: [[0]] * len(pack.tracks)
    )
    monkeypatch.setattr(module, 'load_tracker', lambda *_, **__: Knowing(0.2))
    assert module.main(['--data', str(folder), '--model', path, path]) == 0
    assert capsys.readouterr().out.count('auroc_similar_object') == 2
