"""Parameters of nodes: of the tracker, which may change and keep its settings in step, and of
helper nodes, read once at their start; a warning for names that a node does not know.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

from siamla_ros.online.parameters import BY_NAME, TABLE, Parameter, Settings, build, check_change
from siamla_ros.ros.rclpy_adapter import given_parameters

OF_RCLPY = ('use_sim_time', 'start_type_description_service')
OF_RCLPY_PREFIX = 'qos_overrides.'  # declared with the endpoint that they are for
CLOSE = 0.8  # similarity in [0, 1] from which a name is taken for a misspelling of another


def descriptor(row: Parameter) -> ParameterDescriptor:
    """What `ros2 param describe` shows."""
    result = ParameterDescriptor(description=row.description, dynamic_typing=row.lenient)
    notes = [f'one of {row.range_text}'] if row.choices else []
    if row.unit:
        notes.append(f'in {row.unit}')
    if not row.live:
        notes.append('read when the node is configured')
    result.additional_constraints = '; '.join(notes)
    if row.minimum is not None and isinstance(row.default, int):
        result.integer_range = [
            IntegerRange(from_value=int(row.minimum), to_value=int(row.maximum), step=0)
        ]
    elif row.minimum is not None:
        result.floating_point_range = [
            FloatingPointRange(from_value=float(row.minimum), to_value=float(row.maximum), step=0.0)
        ]
    return result


class ParameterServer:
    """Declares every parameter, refuses bad changes with a reason and hands out typed settings."""

    def __init__(
        self,
        node: Node,
        is_configured: Callable[[], bool],
        on_change: Callable[[Settings], None],
    ) -> None:
        """Declare and validate.

        Raises:
            ValueError: A value from the command line or a file is bad; the message names it and its
                limit.
        """
        self._is_configured = is_configured
        self._on_change = on_change
        self._values = {row.name: _declare(node, row) for row in TABLE}
        self.settings: Settings = build(self._values)
        report_unknown_parameters(node)
        node.add_on_set_parameters_callback(self._check)
        if hasattr(node, 'add_post_set_parameters_callback'):
            node.add_post_set_parameters_callback(self._apply)
        else:  # Humble: there is no later moment than the check
            self._apply_at_check = True

    _apply_at_check = False

    def _check(self, parameters: list[Any]) -> SetParametersResult:
        try:
            check_change(self._values, _known(parameters), self._is_configured())
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if self._apply_at_check:
            self._apply(parameters)
        return SetParametersResult(successful=True)

    def _apply(self, parameters: list[Any]) -> None:
        changes = _known(parameters)
        if changes:
            self._values = {**self._values, **changes}
            self.settings = build(self._values)
            self._on_change(self.settings)


def _known(parameters: list[Any]) -> dict[str, Any]:
    """Those of our table; qos_overrides, use_sim_time and others belong to rclpy."""
    return {
        item.name: BY_NAME[item.name].meant(item.value)
        for item in parameters
        if item.name in BY_NAME
    }


def _declare(node: Node, row: Parameter) -> Any:
    try:
        return row.meant(node.declare_parameter(row.name, row.default, descriptor(row)).value)
    except InvalidParameterTypeException as error:
        raise ValueError(
            f'{row.name} is of another type, must be {row.type_name} (default {row.default!r}): '
            f'{error}'
        ) from error
    except InvalidParameterValueException as error:
        raise ValueError(
            f'{row.name} must lie within {row.range_text or row.type_name}: {error}'
        ) from error


def declare_once(node: Node, rows: Iterable[Parameter]) -> dict[str, Any]:
    """Declare parameters of a helper node, which are read at its start; their values by name.

    Raises:
        ValueError: Naming the parameter, its value and the limit.
    """
    values = {row.name: _declare_once(node, row) for row in rows}
    report_unknown_parameters(node)
    return values


def _declare_once(node: Node, row: Parameter) -> Any:
    text = row.description + (f'; one of {", ".join(row.choices)}' if row.choices else '')
    # a whole number is welcome where a fraction may stand: `-p rate:=30`
    dynamic = isinstance(row.default, float | str)
    descriptor = ParameterDescriptor(description=text, read_only=True, dynamic_typing=dynamic)
    try:
        value = node.declare_parameter(row.name, row.default, descriptor).value
    except InvalidParameterTypeException as error:
        raise ValueError(f'{row.name}: {error}') from error
    if isinstance(row.default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(row.default, str) and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # `-p source:=0` is a camera
    if type(value) is not type(row.default):
        raise ValueError(f'{row.name} is {value!r}, must be of type {type(row.default).__name__}')
    if row.choices and value not in row.choices:
        raise ValueError(f'{row.name} is {value!r}, must be one of {", ".join(row.choices)}')
    if row.minimum is not None and not value >= row.minimum:
        raise ValueError(f'{row.name} is {value!r}, must be at least {row.minimum:g}')
    if row.maximum is not None and not value <= row.maximum:
        raise ValueError(f'{row.name} is {value!r}, must be at most {row.maximum:g}')
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f'{row.name} is {value!r}, must be finite')
    return value


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
