"""The one table of parameters: declaration, validation, YAML and documentation are made from it.

Rows come from typed settings (`NodeSettings`, `SupervisorConfig`, `RedetectionConfig`,
`IdentityConfig`), so that a number, its range and its description are written once. Free of ROS:
`ros.parameter_server` declares the table on a node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from siamla_ros.configuration import check_number
from siamla_ros.identity.state import IdentityConfig
from siamla_ros.online.settings import NodeSettings
from siamla_ros.redetection.config import RedetectionConfig
from siamla_ros.supervision.supervisor import SupervisorConfig

GROUPS: tuple[tuple[str, type], ...] = (
    ('', NodeSettings),
    ('supervisor.', SupervisorConfig),
    ('redetection.', RedetectionConfig),
    ('identity.', IdentityConfig),
)
ADVANCED_PREFIX = 'advanced.'
# For experts: kept apart below `advanced.`, so that the parameters that users turn stand alone.
ADVANCED = frozenset(
    {
        'init_stamp_tolerance_s',
        'catch_up_s',
        'buffer_megabytes',
        'source_timeout_s',
        'publish_predicted',
        'debug_max_rate_hz',
        'debug_max_width',
        'debug_response_map',
        'diagnostics_period_s',
        'supervisor.motion_slack',
        'supervisor.max_scale_rate',
        'supervisor.scale_slack',
        'supervisor.min_visible',
        'supervisor.distractor_ratio',
        'supervisor.assumed_interval_s',
        'supervisor.stale_after_s',
        'redetection.hint_threshold',
        'redetection.confirm_s',
        'redetection.displacement_penalty',
        'redetection.drop_threshold',
        'redetection.max_size_ratio',
        'redetection.grid_windows',
        'redetection.distractor_ratio',
        'redetection.images_per_ring',
        'identity.sample_frames',
        'identity.sample_s',
        'identity.views',
        'identity.min_return_color',
    }
)
TYPE_NAMES = {bool: 'bool', int: 'int', float: 'double', str: 'string'}


@dataclass(frozen=True)
class Parameter:
    """One row: minimum and maximum are None where there is no range, choices is empty where any
    text goes.
    """

    name: str
    default: Any
    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = True
    unit: str = ''

    @property
    def advanced(self) -> bool:
        """Whether it belongs to the `advanced` block."""
        return self.name.startswith(ADVANCED_PREFIX)

    @property
    def type_name(self) -> str:
        """bool, int, double or string."""
        return TYPE_NAMES[type(self.default)]

    @property
    def range_text(self) -> str:
        """The limits as a reader wants them; empty if there are none."""
        if self.choices:
            return ', '.join(self.choices)
        if self.minimum is None:
            return ''
        return f'{self.minimum:g} to {self.maximum:g}'

    @property
    def lenient(self) -> bool:
        """Whether another type may be meant: 1 for 1.0, or false for off, which YAML takes for a
        bool.
        """
        return isinstance(self.default, float) or 'off' in self.choices

    def meant(self, value: Any) -> Any:
        """The value in the parameter's own type, where it is clear what was meant."""
        if value is False and 'off' in self.choices:
            return 'off'
        if isinstance(self.default, float) and type(value) is int:
            return float(value)
        return value

    def check(self, value: Any) -> None:
        """Raise ValueError naming the parameter, the value and the limit."""
        if self.choices:
            if value not in self.choices:
                raise ValueError(f'{self.name} is {value!r}, must be one of {self.range_text}')
        elif self.minimum is not None:
            limits = {'minimum': self.minimum, 'maximum': self.maximum}
            check_number(self.name, value, limits, whole=isinstance(self.default, int))
        elif type(value) is not type(self.default):
            raise ValueError(f'{self.name} is {value!r}, must be a {self.type_name}')


def parameter_name(field_name: str) -> str:
    """The name of the parameter of a field: `identity.views` is `advanced.identity.views`."""
    return ADVANCED_PREFIX + field_name if field_name in ADVANCED else field_name


def rows_of(group: type, prefix: str = '') -> Iterator[Parameter]:
    """A parameter for each field of a configuration."""
    for item in fields(group):
        yield Parameter(prefix + item.name, item.default, **item.metadata)


TABLE = tuple(
    replace(row, name=parameter_name(row.name))
    for prefix, group in GROUPS
    for row in rows_of(group, prefix)
)
BY_NAME: dict[str, Parameter] = {row.name: row for row in TABLE}


@dataclass(frozen=True)
class Settings:
    """All parameters, typed and checked."""

    node: NodeSettings
    supervisor: SupervisorConfig
    redetection: RedetectionConfig
    identity: IdentityConfig

    @property
    def supervision(self) -> SupervisorConfig:
        """`supervisor` at a limited rate: the pause that `max_rate_hz` asks for is no gap."""
        pause_s = 2.0 / self.node.max_rate_hz if self.node.max_rate_hz else 0.0
        limit_s = min(max(self.supervisor.stale_after_s, pause_s), 3600.0)
        return replace(self.supervisor, stale_after_s=limit_s)


def defaults() -> dict[str, Any]:
    """Every parameter with its default."""
    return {row.name: row.default for row in TABLE}


def build(values: Mapping[str, Any]) -> Settings:
    """Typed settings from a complete set of values.

    Checks every row and then the groups against themselves (low against high threshold and so on).

    Raises:
        ValueError: Naming the parameter, its value and the limit.
    """
    if unknown := sorted(set(values) - set(BY_NAME)):
        raise ValueError(f'unknown parameter {", ".join(unknown)}; see docs/interface.md')
    for row in TABLE:
        row.check(values[row.name])
    parts = []
    for prefix, group in GROUPS:
        arguments = {
            item.name: values[parameter_name(prefix + item.name)] for item in fields(group)
        }
        try:
            parts.append(group(**arguments))
        except ValueError as error:
            raise ValueError(f'{prefix}{error}') from error
    return Settings(*parts)


def check_change(
    current: Mapping[str, Any], changes: Mapping[str, Any], configured: bool
) -> Settings:
    """The settings after some parameters change.

    Args:
        configured: Whether the node has been configured, which fixes all that is not live.

    Raises:
        ValueError: For a bad value, or one that cannot change now.
    """
    for name, value in changes.items():
        row = BY_NAME[name]
        if configured and not row.live and value != current[name]:
            raise ValueError(
                f'{name} is {current[name]!r} and cannot become {value!r} now: it is read when the '
                'node is configured; deactivate and clean up first'
            )
    return build({**current, **changes})
