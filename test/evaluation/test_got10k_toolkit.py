"""Files and figures on made sequences, and what the got10k toolkit 0.1.3 says of the same files.

The constants are the toolkit's: `python test/evaluation/test_got10k_toolkit.py ROOT OUTPUT` prints
them where it is installed (`pip install got10k`); ROOT and OUTPUT are folders of this test
(`pytest --basetemp`).
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

SIZE = (96, 72)  # width and height
FRAMES = {'GOT-10k_Val_000001': 14, 'GOT-10k_Val_000002': 9, 'GOT-10k_Val_000003': 21}
# By ExperimentGOT10k.report (AO, SR0.5 over all frames, first ones left out) and of each sequence.
AO, SR = 0.26365310925168095, 0.2
AO_OF = [0.2633261697435478, 0.47344686956369536, 0.17747899233434938]
# By ExperimentOTB (success AUC over 21 thresholds, precision at 20 px), means over the sequences.
AUC, PRECISION = 0.31230674087816945, 0.8039215686274509


def truth(name: str) -> np.ndarray:
    """Boxes in whole pixels that move, grow and stay within the image."""
    rng = np.random.default_rng(FRAMES[name])
    steps = rng.integers(-3, 5, (FRAMES[name], 4)) * (1, 1, 0.5, 0.5)
    boxes = np.array([20, 16, 24, 20]) + np.cumsum(steps, 0)
    return np.round(np.clip(boxes, (1, 1, 8, 8), (54, 36, 38, 32)))


def write_validation_part(root: Path) -> None:
    """`val/` of GOT-10k as its toolkit reads it; the target is hidden in some frames."""
    (root / 'val').mkdir(parents=True)
    (root / 'val' / 'list.txt').write_text('\n'.join(FRAMES) + '\n')
    for name, count in FRAMES.items():
        folder = root / 'val' / name
        folder.mkdir()
        for number in range(1, count + 1):
            image = np.full((SIZE[1], SIZE[0], 3), number, np.uint8)
            cv2.imwrite(str(folder / f'{number:08d}.jpg'), image)
        np.savetxt(folder / 'groundtruth.txt', truth(name), fmt='%.4f', delimiter=',')
        cover = np.full(count, 8)
        cover[5::6] = 0
        for label, values in (
            ('cover', cover),
            ('absence', cover == 0),
            ('cut_by_image', cover * 0),
        ):
            np.savetxt(folder / f'{label}.label', values, fmt='%d')
        about = f'[METAINFO]\nurl: x\nresolution: ({SIZE[0]}, {SIZE[1]})\n'
        (folder / 'meta_info.ini').write_text(about)


def evaluate(root: Path, output: Path) -> dict:
    """What `siamla eval` writes of the tracker that repeats the first box."""
    from siamla_ros.cli.main import main

    words = ['--trackers', 'identity', '--quiet', '--no-plots', '--output', str(output)]
    assert main(['eval', '--dataset', str(root / 'val'), *words]) == 0
    return json.loads((output / 'results.json').read_text())['scores']['identity']


def test_figures_are_those_of_the_toolkit(tmp_path):
    write_validation_part(tmp_path / 'GOT-10k')
    found = evaluate(tmp_path / 'GOT-10k', tmp_path / 'out')
    assert found['pooled']['frames'] == 13 - 2 + 8 - 1 + 20 - 3  # neither first nor hidden ones
    close = {'rel': 1e-12}
    assert found['pooled']['ao'] == pytest.approx(AO, **close)
    assert found['pooled']['sr_050'] == pytest.approx(SR, **close)
    assert [row['ao'] for row in found['sequences']] == pytest.approx(AO_OF, **close)
    assert found['mean']['success_auc'] == pytest.approx(AUC, **close)
    assert found['mean']['precision_20px'] == pytest.approx(PRECISION, **close)


def toolkit_figures(root: Path, output: Path) -> None:
    """Print what the toolkit says of the files of `evaluate`."""
    import shutil

    from got10k.experiments import ExperimentGOT10k, ExperimentOTB

    results = output / 'toolkit'
    judged = ExperimentGOT10k(str(root), 'val', result_dir=str(results), report_dir=str(results))
    shutil.copytree(output / 'got10k' / 'identity', results / 'GOT-10k' / 'identity')
    figures = judged.report(['identity'])['identity']
    print('AO, SR =', figures['overall']['ao'], figures['overall']['sr'])
    print('AO_OF =', [figures['seq_wise'][name]['ao'] for name in FRAMES])
    otb, curves = ExperimentOTB.__new__(ExperimentOTB), []
    otb.nbins_iou, otb.nbins_ce = 21, 51
    for name in FRAMES:
        boxes = np.loadtxt(results / f'GOT-10k/identity/{name}/{name}_001.txt', delimiter=',')
        kept = np.loadtxt(root / 'val' / name / 'cover.label') > 0
        kept[0] = False
        curves.append(otb._calc_curves(*otb._calc_metrics(boxes[kept], truth(name)[kept])))
    print('AUC =', np.mean([c[0].mean() for c in curves]))
    print('PRECISION =', np.mean([c[1][20] for c in curves]))


if __name__ == '__main__':
    toolkit_figures(Path(sys.argv[1]), Path(sys.argv[2]))
