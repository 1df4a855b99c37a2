"""One table: values, YAML, documentation and refusals agree."""

from pathlib import Path

import parameter_docs
import pytest

from siamla_ros.online.parameters import BY_NAME, TABLE, build, check_change, defaults

ROOT = Path(__file__).resolve().parents[2]


def test_every_row_is_described_and_accepts_its_own_default():
    for row in TABLE:
        assert row.description, row.name
        row.check(row.default)
    build(defaults())


def test_names_are_unique():
    assert len(BY_NAME) == len(TABLE)


@pytest.mark.parametrize(
    'name, value, words',
    [
        ('max_targets', 0, ['max_targets', '0', '[1, 64]']),
        ('max_targets', 2.5, ['max_targets', '2.5', 'whole number']),
        ('max_targets', True, ['max_targets', 'True']),
        ('init_wait_s', float('nan'), ['init_wait_s', 'nan']),
        ('image_transport', 'theora', ['image_transport', "'theora'", 'raw', 'compressed']),
        ('device', 'tpu', ['device', "'tpu'", 'cuda:N']),
        ('model', '', ['model', "''"]),
        ('autostart', 1, ['autostart', '1', 'bool']),
        ('supervisor.high_threshold', 1.5, ['supervisor.high_threshold', '1.5', '1']),
        ('redetection.mode', 'everywhere', ['redetection.mode', "'everywhere'", 'global']),
    ],
)
def test_a_bad_value_is_refused_with_name_value_and_limit(name, value, words):
    with pytest.raises(ValueError) as refusal:
        build({**defaults(), name: value})
    assert all(word in str(refusal.value) for word in words), str(refusal.value)


def test_thresholds_are_checked_against_each_other():
    with pytest.raises(ValueError, match='low_threshold is 0.95, must not exceed'):
        build({**defaults(), 'supervisor.low_threshold': 0.95})
    build({**defaults(), 'supervisor.low_threshold': 0.95, 'supervisor.high_threshold': 0.95})
    with pytest.raises(ValueError, match='unknown parameter catch_up_s'):
        build({**defaults(), 'catch_up_s': 1.0})


def test_what_is_not_live_cannot_change_while_configured():
    assert check_change(defaults(), {'device': 'cpu'}, configured=False).node.device == 'cpu'
    with pytest.raises(ValueError, match="device is 'auto' and cannot become 'cpu' now"):
        check_change(defaults(), {'device': 'cpu'}, configured=True)
    check_change(defaults(), {'device': 'auto'}, configured=True)
    changed = check_change(defaults(), {'supervisor.lost_s': 0.9}, configured=True)
    assert changed.supervisor.lost_s == 0.9


def test_yaml_holds_every_parameter_with_its_default():
    yaml = pytest.importorskip('yaml', reason='PyYAML is not installed')
    content = yaml.safe_load((ROOT / 'config/tracker.yaml').read_text(encoding='utf-8'))

    def flat(tree, prefix=''):
        for name, value in tree.items():
            if isinstance(value, dict):
                yield from flat(value, f'{prefix}{name}.')
            else:
                yield prefix + name, value

    values = dict(flat(content['/**']['ros__parameters']))
    assert values == defaults()
    assert all(type(values[row.name]) is type(row.default) for row in TABLE)


def test_files_are_up_to_date():
    assert parameter_docs.outdated(ROOT) == {}, 'run: python tools/parameter_docs.py'


def test_outdated_files_are_found_and_written(tmp_path):
    (tmp_path / 'docs').mkdir()
    (tmp_path / 'docs/interface.md').write_text(
        f'before\n{parameter_docs.BEGIN}\nold\n{parameter_docs.END}\nafter\n'
    )
    assert parameter_docs.main(['--check', '--root', str(tmp_path)]) == 1
    assert parameter_docs.main(['--root', str(tmp_path)]) == 0
    assert parameter_docs.main(['--check', '--root', str(tmp_path)]) == 0
    text = (tmp_path / 'docs/interface.md').read_text()
    assert text.startswith('before\n') and text.endswith('\nafter\n') and '`max_targets`' in text


def test_a_document_without_markers_is_refused():
    with pytest.raises(ValueError, match='must be there'):
        parameter_docs.with_table('no markers')
