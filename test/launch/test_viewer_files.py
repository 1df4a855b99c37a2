"""The Foxglove layout and the RViz configuration show topics and fields that exist."""

import json
import re
from pathlib import Path

import pytest

yaml = pytest.importorskip('yaml')

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'config'
PAGES = ''.join(
    (ROOT / f'docs/{page}.md').read_text('utf-8') for page in ('interface', 'navigation')
)


def documented(topic: str) -> bool:
    """Whether the pages name a topic of the tracker in the root namespace."""
    name = topic.removeprefix('/tracker/')
    name = f'~/{name}' if topic.startswith('/tracker/') else name.removeprefix('/')
    return f'`{name}`' in PAGES or f'`/{name}`' in PAGES


def panels(layout: object) -> set[str]:
    if isinstance(layout, str):
        return {layout}
    return panels(layout['first']) | panels(layout['second'])


def test_every_panel_of_foxglove_is_shown_and_configured() -> None:
    content = json.loads((CONFIG / 'foxglove_layout.json').read_text('utf-8'))
    assert (
        panels(content['layout']) == set(content['configById'])
        and len(panels(content['layout'])) == 5
    )


def test_foxglove_plots_fields_of_the_status() -> None:
    text = (CONFIG / 'foxglove_layout.json').read_text('utf-8')
    fields = set(re.findall(r'"/status\.(\w+)"', text))
    assert {'confidence', 'state', 'reason'} <= fields
    message = (ROOT / 'msg/TrackStatus.msg').read_text('utf-8')
    assert fields <= set(re.findall(r'^\S+ (\w+)', message, re.MULTILINE))
    topics = set(re.findall(r'"(/[a-z_/]+)["]', text))
    assert topics >= {'/tracker/debug_image', '/diagnostics', '/reinit_request'}
    assert all(documented(topic) for topic in topics | {'/status'}), topics
    states = dict(re.findall(r'^uint8 ([A-Z]+)=(\d)', message, re.MULTILINE))
    named = re.findall(r'(\d) ([A-Z]{4,})', text)
    assert {name: number for number, name in named} == states


def test_rviz_shows_topics_of_the_nodes() -> None:
    content = yaml.safe_load((CONFIG / 'tracker.rviz').read_text('utf-8'))
    displays = content['Visualization Manager']['Displays']
    topics = {item['Topic']['Value']: item for item in displays if 'Topic' in item}
    assert set(topics) == {'/tracker/debug_image', '/target_pose', '/target_pose_with_covariance'}
    assert all(documented(topic) for topic in topics)
    assert topics['/tracker/debug_image']['Topic']['Reliability Policy'] == 'Best Effort'
