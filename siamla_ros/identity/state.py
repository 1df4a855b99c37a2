"""The appearance of a target so far, and how far a box differs from it.

A sample holds the similarity of a box to the template, by the features of the network, and the
colors of the box. A target turns and moves into other light, so its colors are kept at different
times while it is tracked well. A box is compared with the most similar of these views. What the two
similarities count beside the confidence is up to the evidence model (`supervision.presence`).

Pure: no torch, no ROS, no image; everything is immutable and bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from siamla_ros.configuration import Configuration, bounded, declared
from siamla_ros.identity.colors import Colors, color_similarity


@dataclass(frozen=True)
class IdentityConfig(Configuration):
    """How often the appearance is sampled; every field is also a ROS parameter (docs/tuning.md)."""

    enabled: bool = declared(True, 'compare the appearance of boxes with that of the target so far')
    sample_frames: int = bounded(9, 1, 1000, 'tracked frames between two appearance samples')
    sample_s: float = bounded(0.3, 0.0, 3600.0, 'seconds between two samples, if over sooner')
    views: int = bounded(8, 1, 64, 'color descriptions kept of a target')
    min_return_color: float = bounded(
        0.5, 0.0, 1.0, 'similarity of colors below which a search accepts no box; 0: no limit'
    )


class Appearance(NamedTuple):
    """What one box shows, compared with one target.

    Attributes:
        similarity: Of its features to the template, [0, 1]; None where it was not measured.
        color: Of its colors to the most similar view of the target, [0, 1]; None likewise.
        colors: Of the box; None where it shows too little of the image.
        view: Number of the most similar view; -1: none.
        distractor_level: How much it looks like a distractor that was seen before, [0, 0.8];
            measured of what a search has found alone.
    """

    similarity: float | None = None
    color: float | None = None
    colors: Colors | None = None
    view: int = -1
    distractor_level: float = 0.0


@dataclass(frozen=True)
class IdentityState:
    """The appearance of a target so far.

    Attributes:
        views: Its colors at different times; the first one is never replaced.
        latest: The last sample of its followed box.
        frames: Frames since that sample.
        seconds: Seconds since that sample.
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
    config: IdentityConfig, identity: IdentityState, sample: Appearance, learn: bool
) -> IdentityState:
    """Remember a sample of the followed box; its colors only if `learn`."""
    views = identity.views
    if learn and sample.colors is not None:
        views = _with_view(views, sample.colors, sample.view, config.views)
    return IdentityState(views, sample)


def compare(identity: IdentityState, similarity: float, colors: Colors | None) -> Appearance:
    """A box with this similarity and these colors, against what is remembered."""
    if colors is None or not identity.views:
        return Appearance(similarity, None, colors)
    color, view = max((color_similarity(v, colors), n) for n, v in enumerate(identity.views))
    return Appearance(similarity, color, colors, view)


def _with_view(
    views: tuple[Colors, ...], colors: Colors, nearest: int, most: int
) -> tuple[Colors, ...]:
    """With one more view. Where there are enough it replaces the most similar one but the first."""
    if len(views) < most:
        return (*views, colors)
    if len(views) == 1:
        return views
    place = max(nearest, 1)
    return (*views[:place], colors, *views[place + 1 :])
