"""The package's own tracker in the evaluation: loading, refusals, and its response map."""

import numpy as np
import pytest
from support.evaluation_doubles import square_scene

from siamla_ros.evaluation.peers.base import TrackerUnavailable
from siamla_ros.evaluation.peers.registry import make_tracker
from siamla_ros.geometry import boxes

torch = pytest.importorskip('torch')


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Untrained weights of the default network."""
    from siamla_ros.model import ModelConfig, build_model
    from siamla_ros.model.checkpoint import save_checkpoint
    from siamla_ros.model.decode_config import DecodeConfig

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'untrained.safetensors'
    save_checkpoint(path, build_model(ModelConfig()).eval(), DecodeConfig(), {'note': 'untrained'})
    return path


def test_missing_checkpoint():
    with pytest.raises(TrackerUnavailable, match='no such weights file'):
        make_tracker('siamla:no/such.safetensors')


def test_missing_device(checkpoint):
    if torch.cuda.is_available():
        pytest.skip('this machine has CUDA')
    with pytest.raises(TrackerUnavailable, match='cuda'):
        make_tracker(f'siamla:{checkpoint}', device='cuda:0')


def test_cells_agree_with_the_update(checkpoint):
    # Without window, penalty, vote and smoothing the answer is the box of the best cell.
    plain = {'window_influence': 0.0, 'penalty_k': 0.0, 'vote_iou': 1.0, 'size_lr': 1.0}
    tracker = make_tracker(f'mine=siamla:{checkpoint}', 'cpu', {**plain, 'runtime': 'torch'})
    assert tracker.name == 'mine'
    assert tracker.last_cells() is None
    scene = square_scene()
    tracker.init(scene.images[0], scene.boxes_xywh[0])
    estimate = tracker.update(scene.images[1])
    cells = tracker.last_cells()
    best = int(np.argmax(cells.score))
    assert cells.score[best] == pytest.approx(estimate.confidence, abs=1e-5)
    clipped = boxes.clip(cells.boxes_xywh[best], (128, 96))
    assert clipped == pytest.approx(estimate.box_xywh, abs=1e-3)
    # The map is centerd on the last box and reaches over the search window.
    center = scene.boxes_xywh[0][:2] + scene.boxes_xywh[0][2:] / 2
    side = int(np.sqrt(len(cells.score)))
    middle = (side // 2) * side + side // 2
    assert cells.centers_xy[middle] == pytest.approx(center, abs=1e-6)
    assert set(estimate.extra) == {
        'classification',
        'localization',
        'second_peak',
        'fused_confidence',
    }
    assert len(tracker.describe()['sha256']) == 64
