"""What is said in several files agrees: version, executables, licenses, commands."""

import ast
import re
from pathlib import Path

import pytest

import siamla_ros
from siamla_ros.cli.main import COMMANDS

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


def test_version_is_that_of_package_xml() -> None:
    stated = re.search(r'<version>(.*)</version>', (ROOT / 'package.xml').read_text('utf-8'))
    assert stated.group(1) == siamla_ros.__version__


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


def test_the_targets_of_validation_clips_go_with_the_package() -> None:
    pytest.importorskip('cv2')
    from siamla_ros.calibration.validation_episodes import TABLE

    assert TABLE.is_file() and TABLE.parent == ROOT / 'siamla_ros/data'
