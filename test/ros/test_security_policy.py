"""The SROS 2 policy allows what the tracker node uses, and nothing else."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from support.graph import wait_until

POLICY = Path(__file__).resolve().parents[2] / 'config/sros2_policy.xml'
GLOBAL = ('diagnostics', 'parameter_events', 'rosout')
# Not in every distribution.
OPTIONAL = {'tracker/get_type_description'}


def allowed(kind, right):
    found = ElementTree.parse(POLICY).findall(f".//{kind}s[@{right}='ALLOW']/{kind}")
    return {item.text for item in found}


def test_the_policy_fits_the_node(graph):
    def used(names_and_types):
        found = names_and_types('tracker', graph.namespace)
        return {name.removeprefix(graph.namespace).lstrip('/') for name, _ in found}

    node = graph.node
    wait_until(lambda: used(node.get_publisher_names_and_types_by_node), 'not discovered')
    published = used(node.get_publisher_names_and_types_by_node)
    assert published <= allowed('topic', 'publish')
    assert allowed('topic', 'publish') - published <= {'tracker/debug_image', *GLOBAL}
    assert used(node.get_subscriber_names_and_types_by_node) == allowed('topic', 'subscribe')
    services = used(node.get_service_names_and_types_by_node)
    assert services - OPTIONAL == allowed('service', 'reply') - OPTIONAL
