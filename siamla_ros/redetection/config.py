"""What a search for a lost target may cost, and what it takes to accept what it found."""

from __future__ import annotations

from dataclasses import dataclass

from siamla_ros.configuration import Configuration, bounded, choice


@dataclass(frozen=True)
class RedetectionConfig(Configuration):
    """The search and what it accepts; every field is also a ROS parameter (docs/tuning.md)."""

    mode: str = choice(
        'local',
        ('off', 'local', 'global'),
        'search for a lost target: none, near its last place, or everywhere',
    )
    windows_per_image: int = bounded(4, 1, 64, 'search windows on one image')
    budget_ms: float = bounded(0.0, 0.0, 10000.0, 'time for a search on one image; 0: no limit')
    accept_threshold: float = bounded(0.92, 0.0, 1.0, 'probability that a hypothesis must keep')
    hint_threshold: float = bounded(0.45, 0.0, 1.0, 'confidence that makes a hypothesis')
    confirm_frames: int = bounded(4, 1, 1000, 'images in a row that confirm a hypothesis')
    confirm_s: float = bounded(0.1, 0.0, 60.0, 'seconds that those images must span')
    displacement_penalty: float = bounded(
        0.0,
        0.0,
        10.0,
        'log odds more that acceptance requires, times ln(1 + box sides from the last place)',
    )
    drop_threshold: float = bounded(0.1, 0.0, 1.0, 'probability that drops a hypothesis')
    distractor_ratio: float = bounded(
        0.85, 0.0, 10.0, 'share of its probability at which another hypothesis prevents acceptance'
    )
    max_size_ratio: float = bounded(3.0, 1.0, 100.0, 'largest ratio of sides to the lost box')
    follow_on_s: float = bounded(
        3.0,
        0.0,
        60.0,
        'seconds for which a lost box is also followed on: more is found again, and more wrongly; '
        '0: not at all',
    )
    rings: int = bounded(2, 0, 10, 'rings of windows round the last place')
    images_per_ring: int = bounded(8, 1, 1000, 'images after which the next ring is taken in')
    grid_windows: int = bounded(48, 1, 1000, 'most windows of the global grid')

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_order('hint_threshold', 'accept_threshold')
