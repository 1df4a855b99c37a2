"""Checkpoint files: what is written is read, and what is damaged is refused."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

torch = pytest.importorskip('torch')

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from support.networks import tiny_checkpoint, tiny_config, tiny_model  # noqa: E402

from siamla_ros.model import checkpoint as weights  # noqa: E402
from siamla_ros.model.checkpoint import WeightsError, load_model, read_checkpoint, save_checkpoint  # noqa: E402
from siamla_ros.tracker.decode import DecodeConfig  # noqa: E402


def rewrite(path, **header) -> None:
    """The same tensors under another header; the checksum is left out."""
    tensors = load_file(str(path))
    path.with_suffix('.sha256').unlink(missing_ok=True)
    save_file(tensors, str(path), metadata=header)


@contextmanager
def weights_header(path):
    """Its header, to be changed."""
    with safe_open(str(path), framework='np') as file:
        header = dict(file.metadata())
    yield header
    rewrite(path, **header)


def test_round_trip(tmp_path):
    model = tiny_model(seed=5, quality='laqp')
    decode = DecodeConfig(fusion_exponent=0.3, window_influence=0.1)
    saved = save_checkpoint(tmp_path / 'new' / 'a.safetensors', model, decode, {'recipe': [1, 2]})
    read = read_checkpoint(str(saved.path))
    assert read == saved
    assert read.model == tiny_config(quality='laqp')
    assert read.decode == decode
    assert read.provenance == {'recipe': [1, 2]}
    for name, value in load_model(read).state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_the_checksum_beside_it_is_that_of_the_file(tmp_path):
    import hashlib

    saved = tiny_checkpoint(tmp_path)
    digest, name = saved.path.with_suffix('.sha256').read_text().split()
    assert name == 'tiny.safetensors'
    assert digest == saved.sha256 == hashlib.sha256(saved.path.read_bytes()).hexdigest()


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tiny_checkpoint(tmp_path).path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r'tiny\.sha256 says .* the file is damaged'):
        read_checkpoint(path)


@pytest.mark.parametrize('kept', [0, 5, 1000, -100])
def test_a_truncated_file_is_refused_without_its_checksum_too(tmp_path, kept):
    path = tiny_checkpoint(tmp_path).path
    path.with_suffix('.sha256').unlink()
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match='damaged or not a safetensors file'):
        read_checkpoint(path)


def test_a_checksum_file_without_content_is_refused(tmp_path):
    path = tiny_checkpoint(tmp_path).path
    path.with_suffix('.sha256').write_text('')
    with pytest.raises(WeightsError, match='sha256'):
        read_checkpoint(path)


def test_another_format_is_refused(tmp_path):
    path = tiny_checkpoint(tmp_path).path
    rewrite(path, format='other/9')
    with pytest.raises(WeightsError, match="format is 'other/9', expected 'siamla/1'"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ('key', 'value', 'words'),
    [
        ('model', json.dumps({'backbone': 'vgg'}), "backbone = 'vgg'"),
        ('model', json.dumps({'unheard': 1}), 'unheard'),
        ('decode', json.dumps({'unheard': 1}), 'unheard'),
        ('decode', '{', 'header cannot be used'),
        ('provenance', None, 'provenance'),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(tmp_path, key, value, words):
    saved = tiny_checkpoint(tmp_path)
    header = {
        'format': 'siamla/1',
        'model': json.dumps(saved.model.to_dict()),
        'decode': '{}',
        'provenance': '{}',
    }
    header = {k: v for k, v in {**header, key: value}.items() if v is not None}
    rewrite(saved.path, **header)
    with pytest.raises(WeightsError, match=words):
        read_checkpoint(saved.path)


def test_a_checkpoint_from_before_a_key_was_added_still_loads(tmp_path):
    saved = tiny_checkpoint(tmp_path)
    older = {k: v for k, v in saved.model.to_dict().items() if k != 'template_cells'}
    header = {'format': 'siamla/1', 'model': json.dumps(older), 'decode': '{}', 'provenance': '{}'}
    rewrite(saved.path, **header)
    assert load_model(read_checkpoint(saved.path)).config == saved.model


def test_tensors_of_another_network_are_refused(tmp_path):
    saved = tiny_checkpoint(tmp_path)
    wider = json.dumps(tiny_config(channels=24).to_dict())
    rewrite(saved.path, format='siamla/1', model=wider, decode='{}', provenance='{}')
    with pytest.raises(WeightsError, match='size mismatch'):
        load_model(read_checkpoint(saved.path))


def test_an_unknown_name_lists_what_there_is(tmp_path, monkeypatch):
    tiny_checkpoint(tmp_path)
    monkeypatch.setattr(weights, 'DATA_FOLDER', tmp_path)
    with pytest.raises(WeightsError, match=r"model = 'huge': no such .* are default, tiny"):
        read_checkpoint('huge')
    assert read_checkpoint('tiny').path == tmp_path / 'tiny.safetensors'


def test_default_is_the_default_model(tmp_path, monkeypatch):
    path = tiny_checkpoint(tmp_path).path
    monkeypatch.setattr(weights, 'DATA_FOLDER', tmp_path)
    monkeypatch.setattr(weights, 'DEFAULT_MODEL', 'tiny')
    assert read_checkpoint('default').path == path


@pytest.mark.parametrize('name', ['no/such/file.safetensors', '', '~/none.safetensors'])
def test_a_missing_file_is_named(name):
    with pytest.raises(WeightsError, match='no such weights file'):
        read_checkpoint(name)


def test_a_file_is_hashed_in_chunks(tmp_path, monkeypatch):
    import hashlib

    content = bytes(range(256)) * 40
    path = tmp_path / 'large'
    path.write_bytes(content)
    monkeypatch.setattr(weights, 'HASH_CHUNK_BYTES', 1000)
    monkeypatch.setattr(type(path), 'read_bytes', lambda _: pytest.fail('read whole'))
    assert weights.file_digest(path) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize('part', ['model', 'decode', 'provenance', 'calibration'])
@pytest.mark.parametrize('text', ['[]', 'null', '5', '"x"', '[' * 100_000, '{"a": NaN}', '{'])
def test_a_part_of_the_header_that_is_no_mapping_of_numbers_is_refused(tmp_path, part, text):
    path = tiny_checkpoint(tmp_path).path
    with weights_header(path) as header:
        header[part] = text
    with pytest.raises(WeightsError, match='header cannot be used'):
        read_checkpoint(path)


def test_a_part_of_the_calibration_that_is_no_mapping_is_named(tmp_path):
    path = tiny_checkpoint(tmp_path).path
    with weights_header(path) as header:
        header['calibration'] = '{"evidence": 5}'
    with pytest.raises(WeightsError, match=r'calibration.evidence is 5, must be a mapping'):
        read_checkpoint(path)
