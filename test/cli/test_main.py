"""The command `siamla`: its subcommands, and what it says about what is missing."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

import siamla_ros
from siamla_ros.cli import main as cli


def test_missing_source_is_named(capsys: pytest.CaptureFixture) -> None:
    assert cli.main(['track', 'nowhere.mp4', '--init', '1,2,3,4']) == 1
    assert 'nowhere.mp4' in capsys.readouterr().err


def test_overview_names_every_command(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(['--help'])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(f'\n  {name} ' in text for name in cli.COMMANDS)


@pytest.mark.parametrize(
    ('command', 'module', 'extra'),
    [
        ('export', 'onnx', 'export'),
        ('train', 'torch._C', 'train'),
        ('eval', 'scipy.stats', 'eval'),
        ('bag', 'matplotlib.figure', 'plot'),
        ('bag', 'rosbags.highlevel', 'bags'),
        ('track', 'torch', 'torch'),
        ('track', 'cv2', ''),
    ],
)
@pytest.mark.parametrize('late', [False, True])
def test_missing_extra_says_what_to_install(
    command: str,
    module: str,
    extra: str,
    late: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    def missing(*_: object) -> ModuleType:
        raise ModuleNotFoundError(f'No module named {module!r}', name=module)

    fake = SimpleNamespace(add_arguments=lambda parser: None, run=missing)
    found = (lambda name: fake) if late else missing
    monkeypatch.setattr(cli.importlib, 'import_module', found)
    assert cli.main([command]) == 1
    message = capsys.readouterr().err
    assert f'module {module.split(".")[0]},' in message
    line = siamla_ros.install_hint(extra) if extra else 'pip install opencv-python-headless'
    assert message.endswith(f'Install it with: {line}\n')


def test_without_a_command_they_are_listed(capsys: pytest.CaptureFixture) -> None:
    assert cli.main([]) == 2
    text = capsys.readouterr().err
    assert all(f'\n  {name} ' in text for name in cli.COMMANDS)


def test_version_is_printed(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(['--version'])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f'siamla {siamla_ros.__version__}\n'


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        (['--init', '-5,150,17,50'], ['--init=-5,150,17,50']),
        (['--init', '-.5,1,2,3', 'x'], ['--init=-.5,1,2,3', 'x']),
        (['--init=1,2,3,4', '-5'], ['--init=1,2,3,4', '-5']),
        (['clip.mp4', '--quiet', '--frames', '3'], ['clip.mp4', '--quiet', '--frames', '3']),
    ],
)
def test_values_that_begin_with_a_minus_belong_to_their_option(
    given: list[str], expected: list[str]
) -> None:
    assert cli.joined(given) == expected


def test_unusable_weights_are_one_line_and_our_own_faults_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    unusable = type('WeightsError', (RuntimeError,), {'__module__': 'siamla_ros.model.checkpoint'})
    fake = ModuleType('fake')
    fake.add_arguments = lambda parser: None
    monkeypatch.setitem(sys.modules, 'siamla_ros.cli.train', fake)
    for error in (unusable('no such weights file'), RuntimeError('shapes do not match')):

        def run(args: object, error: RuntimeError = error) -> int:
            raise error

        fake.run = run
        if isinstance(error, unusable):
            assert cli.main(['train']) == 1
            assert capsys.readouterr().err == 'siamla train: no such weights file\n'
        else:
            with pytest.raises(RuntimeError, match='shapes'):
                cli.main(['train'])


def test_commands_options_reach_the_subcommand(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = ModuleType('fake')
    fake.add_arguments = lambda parser: parser.add_argument('--steps', type=int)
    fake.run = lambda args: args.steps
    monkeypatch.setitem(sys.modules, 'siamla_ros.cli.train', fake)
    assert cli.main(['train', '--steps', '7']) == 7
