"""Declares the few parameters of a helper node from one list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node

from siamla_ros.ros.unknown_parameters import report_unknown_parameters


@dataclass(frozen=True)
class HelperParameter:
    """One row; minimum is None where any value goes."""

    name: str
    default: Any
    description: str
    minimum: float | None = None
    choices: tuple[str, ...] = ()


def declare(node: Node, rows: tuple[HelperParameter, ...]) -> dict[str, Any]:
    """Declare the parameters, read once at start, and return their values.

    Raises:
        ValueError: Naming the parameter, its value and the limit.
    """
    values = {row.name: _declare(node, row) for row in rows}
    report_unknown_parameters(node)
    return values


def _declare(node: Node, row: HelperParameter) -> Any:
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
    return value
