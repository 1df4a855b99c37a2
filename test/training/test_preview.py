"""The sheet of training pairs."""

from __future__ import annotations

import cv2
import pytest

pytest.importorskip('torch')

from support.networks import TINY, tiny_checkpoint
from support.packs import write_pack

from siamla_ros.training import preview


@pytest.mark.parametrize('share', [0.0, 1.0])
def test_a_sheet_is_drawn_with_and_without_look_alikes(tmp_path, share):
    write_pack(tmp_path / 'pack', tracks=8, frames=1)
    recipe, sheet = tmp_path / 'my.yaml', tmp_path / 'pairs.png'
    recipe.write_text(f'model: {TINY}\ndata: {{similar: {share}}}\ninit: tracker\n')
    init = str(tiny_checkpoint(tmp_path).path)
    arguments = ['--data', str(tmp_path / 'pack'), '--output', str(sheet), '--pairs', '10']
    assert preview.main([*arguments, '--config', str(recipe), '--init', init]) == 0
    rows, columns = 10 // preview.COLUMNS, preview.COLUMNS
    width = TINY['template_size_px'] + TINY['search_size_px']
    assert cv2.imread(str(sheet)).shape == (
        rows * TINY["search_size_px"], columns * width, 3
    )  # fmt: skip
