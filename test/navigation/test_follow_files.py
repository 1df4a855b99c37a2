"""The shipped parameters and the behavior tree agree with the code."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from siamla_ros.navigation.follow_config import FollowConfig
from siamla_ros.navigation.ranging import RangeConfig

CONFIG = Path(__file__).resolve().parents[2] / 'config'


@pytest.mark.parametrize(
    ('node', 'config'), [('target_pose', RangeConfig), ('follow_target', FollowConfig)]
)
def test_the_shipped_yaml_holds_every_parameter_with_its_default(node, config):
    values = yaml.safe_load((CONFIG / 'follow.yaml').read_text('utf-8'))[f'/**/{node}']
    values = values['ros__parameters']
    for item in fields(config):
        assert values[item.name] == item.default, item.name
        assert type(values[item.name]) is type(item.default), item.name


def test_nav2_waits_for_no_bond():
    values = yaml.safe_load((CONFIG / 'nav2_follow.yaml').read_text('utf-8'))
    manager = values['lifecycle_manager_tracker']['ros__parameters']
    assert manager['bond_timeout'] == 0.0 and manager['node_names'] == ['tracker']


def test_the_behavior_tree_plans_to_the_updated_goal_and_drives_the_truncated_path():
    root = ElementTree.parse(CONFIG / 'follow_target_bt.xml').getroot()
    assert root.find('BehaviorTree').get('ID') == root.get('main_tree_to_execute')
    (updater,) = root.iter('GoalUpdater')
    assert updater.find('ComputePathToPose').get('goal') == updater.get('output_goal')
    (truncate,) = root.iter('TruncatePath')
    assert truncate.get('input_path') == updater.find('ComputePathToPose').get('path')
    (follow,) = root.iter('FollowPath')
    assert follow.get('path') == truncate.get('output_path')
