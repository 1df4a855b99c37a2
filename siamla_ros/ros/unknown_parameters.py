"""Names parameters that were given to a node which has none of that name: misspelt ones, say."""

from __future__ import annotations

import difflib

from rclpy.node import Node

from siamla_ros.ros.rclpy_adapter import given_parameters

OF_RCLPY = ('use_sim_time', 'start_type_description_service')
OF_RCLPY_PREFIX = 'qos_overrides.'  # declared with the endpoint that they are for
CLOSE = 0.8  # similarity in [0, 1] from which a name is taken for a misspelling of another


def report_unknown_parameters(node: Node) -> list[str]:
    """Log each parameter from the command line or a file that the node has not declared.

    A warning where the name resembles one of the node's. Others are only mentioned: a file with
    parameters for `/**` holds those of other nodes, too.

    Returns:
        The unknown names, in alphabetical order.
    """
    given = given_parameters(node)
    unknown = sorted(
        name
        for name in given
        if not (node.has_parameter(name) or name in OF_RCLPY or name.startswith(OF_RCLPY_PREFIX))
    )
    known = sorted(node.get_parameters_by_prefix('')) if unknown else []
    for name in unknown:
        close = difflib.get_close_matches(name, known, 1, CLOSE)
        if close:
            node.get_logger().warning(f'unknown parameter {name!r} ignored: is {close[0]!r} meant?')
        else:
            node.get_logger().info(f'unknown parameter {name!r} ignored')
    return unknown
