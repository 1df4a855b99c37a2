"""When 8 bits are chosen: by the CPU's instructions, the answer and the time, each by itself."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from support.networks import TINY, textured_image, tiny_checkpoint, tiny_config  # noqa: E402

from siamla_ros.runtime import int8_check  # noqa: E402
from siamla_ros.runtime.base import Maps  # noqa: E402
from siamla_ros.runtime.export import export_onnx  # noqa: E402
from siamla_ros.runtime.factory import build_runtime  # noqa: E402
from siamla_ros.runtime.int8_check import TrialResult, compare, dot_product  # noqa: E402
from siamla_ros.runtime.quantize import export_int8  # noqa: E402

pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning', 'ignore::UserWarning')


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('processor: 0\nflags\t\t: fpu avx512f avx512_vnni fsrm\n', 'avx512_vnni'),
        ('flags : fpu avx2 avx_vnni\n', 'avx_vnni'),
        ('Features\t: fp asimd atomics asimddp sve\n', 'asimddp'),
        ('flags : fpu avx2 avx512f avx512_vnni2\nmodel name : avx_vnni\n', ''),
        ('', ''),
    ],
)
def test_instructions_are_read_from_the_kernels_list(tmp_path, text, expected):
    path = tmp_path / 'cpuinfo'
    path.write_text(text)
    assert dot_product(path) == expected
    assert dot_product(tmp_path / 'none') == ''


class Answers:
    """A runtime that answers as told and takes as long on the clock of the test."""

    def __init__(self, clock: SimpleNamespace, ms: float) -> None:
        self.clock, self.ms = clock, ms
        self.maps = Maps(
            np.full((1, 2, 2), 0.2, np.float32),
            np.full((1, 4, 2, 2), 20.0, np.float32),
            np.full((1, 2, 2), 0.5, np.float32),
        )
        self.maps.classification[0, 1, 0] = 0.9

    def template(self, image, window, border):
        return None

    def respond(self, image, windows, borders, templates):
        self.clock.now += self.ms / 1e3
        return self.maps


def trial(monkeypatch, ms: float = 6.0, change=lambda maps: None) -> TrialResult:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(int8_check.time, 'process_time', lambda: clock.now)
    first, second = Answers(clock, 10.0), Answers(clock, ms)
    change(second.maps)
    return compare(tiny_config(), first, second)


def test_the_same_answer_in_less_time_is_taken(monkeypatch):
    use, reason = trial(monkeypatch)
    assert use
    assert reason == '0.60 of the time in float, IoU 1.00 and scores within 0.00 of those in float'


def test_no_gain_is_not_taken(monkeypatch):
    assert trial(monkeypatch, 9.5) == (False, '8 bits take 0.95 of the time in float')


@pytest.mark.parametrize(
    ('part', 'index', 'value'),
    [
        ('classification', (0, 0, 0), 0.35),  # p of any cell
        ('quality', (0, 1, 1), 0.3),
        ('ltrb', (0, 2, 1, 0), 40.0),  # the box of the best cell is a third larger
        ('ltrb', (0, 2, 1, 0), np.nan),
        ('quality', (0, 0, 1), np.nan),
    ],
)
def test_another_answer_is_not_taken(monkeypatch, part, index, value):
    def change(maps: Maps) -> None:
        getattr(maps, part)[index] = value

    use, reason = trial(monkeypatch, change=change)
    assert not use
    assert reason.startswith('8 bits answer otherwise')


def pairs(count: int):
    sizes = TINY['template_size_px'], TINY['search_size_px']
    for seed in range(count):
        yield tuple(textured_image(size, size, seed) for size in sizes)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    made = tiny_checkpoint(tmp_path_factory.mktemp('weights'))
    export_onnx(made)
    export_int8(made, pairs(2))
    return made


@pytest.mark.parametrize(
    ('runtime', 'instructions', 'found', 'name', 'words'),
    [
        ('auto', 'avx_vnni', TrialResult(True, 'why'), '-int8', 'in 8 bits (avx_vnni: why)'),
        ('auto', 'avx_vnni', TrialResult(False, 'why'), '', 'in float: why'),
        ('auto', '', TrialResult(True, ''), '', 'in float: the CPU names no dot product of bytes'),
        ('float', 'avx_vnni', TrialResult(True, ''), '', 'in float'),
        ('onnxruntime', 'avx_vnni', TrialResult(True, ''), '', 'in float'),
        ('onnxruntime-int8', '', TrialResult(False, ''), '-int8', 'the search in 8 bits'),
    ],
)
def test_what_is_chosen_and_why(monkeypatch, checkpoint, runtime, instructions, found, name, words):
    monkeypatch.setattr(int8_check, 'dot_product', lambda: instructions)
    monkeypatch.setattr(int8_check, 'compare', lambda *_: found)
    chosen, reason = build_runtime(checkpoint, 'cpu', runtime, 1, half=False)
    assert chosen.name == f'onnxruntime{name}'
    assert reason.endswith(words)


def test_auto_goes_on_in_float_beside_a_graph_of_other_weights(monkeypatch, checkpoint):
    monkeypatch.setattr(int8_check, 'dot_product', lambda: 'avx_vnni')
    other = tiny_checkpoint(checkpoint.path.parent, seed=1)
    export_onnx(other)
    chosen, reason = build_runtime(other, 'cpu', 'auto', 1, half=False)
    assert chosen.name == 'onnxruntime'
    assert 'in float: ' in reason and reason.endswith('export again')


def test_shipped_weights_answer_alike_in_8_bits():
    """On any CPU: only the time may speak against them, and that is not asked here."""
    from siamla_ros.model.checkpoint import read_checkpoint
    from siamla_ros.runtime.onnx_runtime import OnnxRuntime

    shipped = read_checkpoint('default')
    runtimes = [OnnxRuntime(shipped, 1, int8) for int8 in (False, True)]
    if dot_product():
        assert 'answer otherwise' not in compare(shipped.model, *runtimes).reason
