"""What README and docs name must exist; they stay short and in the words of the field."""

from __future__ import annotations

import ast
import importlib.util
import re
import tokenize
from dataclasses import fields
from pathlib import Path

import draw_rooms
import pytest

from siamla_ros.cli.main import COMMANDS
from siamla_ros.online.candidate_matching import MatchingRules
from siamla_ros.online.parameters import ADVANCED, BY_NAME, parameter_name

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').rglob('*.md'))]
MODULE = re.compile(r'python -m (siamla_ros[\w.]+)')
# A command stands at the begin of code or of a line of code.
COMMAND = re.compile(r'(?:^ *|`)(?:tools/with_env )?siamla ([a-z]+)', re.MULTILINE)
TARGET = re.compile(r'(?:^ *|`)make ([a-z][a-z-]*)', re.MULTILINE)
LINK = re.compile(r'\]\((?!https?:|#)([^)#]+)')

REST_FIELD = re.compile(
    r'^\s*(:(?:param|raises?|returns?|rtype|type|ivar|yields?)\b[^:\n]*:)', re.M
)


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


WORD_LIMIT = 9000
# Words of an earlier private vocabulary, as (word, what to say).
PRIVATE = {
    r'glances?': 'appearance sample',
    r'seers?': 'appearance model',
    r'rehears\w+': 'evaluate on validation episodes',
    r'lured': 'distractor',
    r'haste': 'interval',
    r'look-?alikes?': 'distractor, similar object',
}
# The field of TrackStatus and its copies in code keep this name.
CODE_WORDS = [word for word in PRIVATE if 'alike' not in word]  # a kind of absence has that name
# Of docstrings and comments: what code does, without persons who talk.
IN_PROSE = (r'believ\w+', r'doubt\w*', 'told', 'said', 'heard', 'nobody', 'somebody', 'likeness')
IN_PAGES = {**PRIVATE, r'believ\w+': 'confirmed', r'doubt\w*': 'UNCERTAIN, uncertainty'}
SHORT_PAGES = [page for page in PAGES if 'research' not in page.parts]
INTERFACES = sorted([*(ROOT / 'msg').glob('*.msg'), *(ROOT / 'srv').glob('*.srv')])


def private_words(text, words):
    """The private words in a text; names in code are names."""
    prose = re.sub(r'`[^`]*`', '', text)
    return [found for word in words for found in re.findall(rf'\b{word}\b', prose, re.I)]


def test_pages_keep_to_their_budget():
    """Counted as `wc -w` does, bars of tables included; docs/research does not count."""
    words = sum(len(page.read_text('utf-8').split()) for page in SHORT_PAGES)
    assert 5000 < words <= WORD_LIMIT


@pytest.mark.parametrize('page', SHORT_PAGES + INTERFACES, ids=lambda page: page.name)
def test_pages_use_the_words_of_the_field(page):
    text = page.read_text('utf-8')
    assert private_words(text, IN_PAGES) == []


def prose(source):
    """Docstrings and comments of a module's text."""
    lines = iter(source.splitlines(keepends=True))
    tokens = tokenize.generate_tokens(lambda: next(lines, ''))
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return '\n'.join([*docstrings(source), *comments])


def test_code_uses_the_words_of_the_field():
    found = {
        str(path.relative_to(ROOT)): words
        for path in sorted((ROOT / 'siamla_ros').rglob('*.py'))
        if (text := path.read_text('utf-8'))
        and (words := private_words(text, CODE_WORDS) + private_words(prose(text), IN_PROSE))
    }
    assert found == {}


def test_prose_of_code_is_docstrings_and_comments():
    text = 'def told():\n    """Nobody."""\n    return "said"  # in doubt\n'
    assert private_words(prose(text), IN_PROSE) == ['doubt', 'Nobody']


def test_private_words_are_found():
    assert private_words('A Glance, in haste: `glance`.', PRIVATE) == ['Glance', 'haste']


def docstrings(source):
    """Every docstring of a module's text."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = (ast.get_docstring(n) for n in ast.walk(ast.parse(source)) if isinstance(n, kinds))
    return [text for text in found if text]


def rest_fields(source):
    """Lines of docstrings that begin with a field of reST, :param x: and its like."""
    return [line for text in docstrings(source) for line in REST_FIELD.findall(text)]


def test_docstrings_are_in_google_style():
    found = {
        str(path.relative_to(ROOT)): fields
        for folder in ('siamla_ros', 'tools', 'launch')
        for path in sorted((ROOT / folder).rglob('*.py'))
        if (fields := rest_fields(path.read_text('utf-8')))
    }
    assert found == {}


def test_fields_of_rest_are_found():
    text = 'def f(x):\n    """One.\n\n    :param x: two\n    :raises ValueError: three\n    """'
    assert rest_fields(text) == [':param x:', ':raises ValueError:']
    assert (
        rest_fields(
            'def f():\n    """Sees a:b: and :class:`X`.\n\n    Args:\n        x: 1.\n    """'
        )
        == []
    )


def test_the_picture_of_the_rooms_is_up_to_date():
    assert draw_rooms.svg(ROOT) == (ROOT / 'docs/rooms.svg').read_text('utf-8'), (
        'run: python tools/draw_rooms.py'
    )


def test_parameters_on_the_pages_and_in_the_advanced_block_exist():
    assert {parameter_name(name) for name in ADVANCED} <= set(BY_NAME)
    names = re.findall(
        r'`((?:advanced\.)?(?:supervisor|redetection|identity)\.\w+)`',
        ''.join(page.read_text('utf-8') for page in SHORT_PAGES),
    )
    assert len(names) > 20 and set(names) <= set(BY_NAME), set(names) - set(BY_NAME)


def test_parameters_for_experts_are_named_as_they_are_set():
    """Without `advanced.` the node ignores them."""
    bridge = {item.name for item in fields(MatchingRules)}
    short = {name.rpartition('.')[2] for name in ADVANCED} - bridge
    text = ''.join(page.read_text('utf-8') for page in SHORT_PAGES)
    assert sorted(short & set(re.findall(r'`(\w+)`', text))) == []


def test_the_picture_leaves_out_what_follows():
    graph = {'a': {'b', 'c', 'd'}, 'b': {'c'}, 'c': {'d'}, 'd': set()}
    assert draw_rooms.floors(graph) == [['a'], ['b'], ['c'], ['d']]
    assert draw_rooms.direct(graph) == {'a': {'b'}, 'b': {'c'}, 'c': {'d'}, 'd': set()}
    with pytest.raises(ValueError, match='circle among a, b'):
        draw_rooms.floors({'a': {'b'}, 'b': {'a'}})
