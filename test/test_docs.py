"""What README and docs name must exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from siamla_ros.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').rglob('*.md'))]
MODULE = re.compile(r'python -m (siamla_ros[\w.]+)')
# A command stands at the begin of code or of a line of code.
COMMAND = re.compile(r'(?:^ *|`)(?:tools/with_env )?siamla ([a-z]+)', re.MULTILINE)
TARGET = re.compile(r'(?:^ *|`)make ([a-z][a-z-]*)', re.MULTILINE)
LINK = re.compile(r'\]\((?!https?:|#)([^)#]+)')


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_exists(page):
    text = page.read_text('utf-8')
    for link in LINK.findall(text):
        assert (page.parent / link).exists(), f'link to {link}'
    for module in MODULE.findall(text):
        assert importlib.util.find_spec(module.rstrip('.')), f'python -m {module}'
    for command in COMMAND.findall(text):
        assert command in COMMANDS, f'siamla {command}'
    targets = set(re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text('utf-8'), re.MULTILINE))
    for target in TARGET.findall(text):
        assert target in targets, f'make {target}'
