"""The appearance of a target so far, and how far a box differs from it.

An appearance sample is the similarity of a box to the target's first template, by the network's
features, and the colors of the box. While the target is tracked well its colors are kept at
different times, since it turns and comes into another light; a box is compared with the likest of
these views. What the two similarities are worth beside the confidence is not decided here, but by
the evidence model (`supervision.presence`).

Pure: no torch, no ROS, no image; everything is immutable and bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from siamla_ros.configuration import bounded, check_fields, switch
from siamla_ros.identity.colors import Colors, color_similarity


@dataclass(frozen=True)
class IdentityConfig:
    """How often the appearance is sampled; every field is also a ROS parameter (docs/tuning.md)."""

    enabled: bool = switch(True, 'compare the appearance of boxes with that of the target so far')
    sample_frames: int = bounded(
        9, 1, 1000, 'tracked frames from one appearance sample to the next'
    )
    sample_s: float = bounded(
        0.3, 0.0, 3600.0, 'or so many seconds, if they are over sooner: a slow camera'
    )
    views: int = bounded(8, 1, 64, 'color descriptions kept of a target')
    min_return_color: float = bounded(
        0.5,
        0.0,
        1.0,
        'similarity of the colors below which a search accepts no box; 0: no limit',
    )

    def __post_init__(self) -> None:
        check_fields(self)


class AppearanceSample(NamedTuple):
    """What one box shows.

    similarity: of its features to the target's first template, [0, 1]. colors: None where the box
    shows too little of the image.
    """

    similarity: float
    colors: Colors | None


class Appearance(NamedTuple):
    """A sample against one target: both similarities in [0, 1], None where not measured."""

    similarity: float | None = None
    color: float | None = None


@dataclass(frozen=True)
class IdentityState:
    """The appearance of a target so far.

    views: its colors at different times, the first of them for ever. latest: the last sample of
    its followed box. frames, seconds: since that sample.
    """

    views: tuple[Colors, ...] = field(default=(), repr=False)
    latest: Appearance = Appearance()
    frames: int = 0
    seconds: float = 0.0


def from_first_frame(colors: Colors | None) -> IdentityState:
    """The identity of a target of which only the first image is known."""
    return IdentityState(views=() if colors is None else (colors,))


def skip(identity: IdentityState, interval_s: float = 0.0) -> IdentityState:
    """A frame, `interval_s` after the one before, that was not sampled."""
    return replace(identity, frames=identity.frames + 1, seconds=identity.seconds + interval_s)


def update(
    config: IdentityConfig, identity: IdentityState, sample: AppearanceSample, trusted: bool
) -> IdentityState:
    """Remember a sample of the followed box; its colors only if the frame is trusted."""
    latest, index = _compare(identity, sample)
    views = identity.views
    if trusted and sample.colors is not None:
        views = _with_view(views, sample.colors, index, config.views)
    return IdentityState(views, latest)


def measure(identity: IdentityState, sample: AppearanceSample) -> Appearance:
    """Compare a sample with what is remembered."""
    return _compare(identity, sample)[0]


def _compare(identity: IdentityState, sample: AppearanceSample) -> tuple[Appearance, int]:
    if sample.colors is None or not identity.views:
        return Appearance(sample.similarity), -1
    color, index = _likest(identity.views, sample.colors)
    return Appearance(sample.similarity, color), index


def _likest(views: Sequence[Colors], colors: Colors) -> tuple[float, int]:
    """The greatest similarity to a view, and which."""
    return max((color_similarity(view, colors), index) for index, view in enumerate(views))


def _with_view(
    views: tuple[Colors, ...], colors: Colors, likest: int, most: int
) -> tuple[Colors, ...]:
    """With one more view; where there are enough, it replaces the one that it is likest to (or the
    second, as the first stays for ever).
    """
    if len(views) < most:
        return (*views, colors)
    if len(views) == 1:
        return views
    place = max(likest, 1)
    return (*views[:place], colors, *views[place + 1 :])
