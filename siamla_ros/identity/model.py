"""Is this the same thing? Each target is compared with what it has looked like so far.

What separates a target from its look-alikes differs from target to target: one man in dark clothes
keeps a template similarity of 0.9 while he turns, another falls to 0.7. So nothing is compared with
a constant. While a target is surely tracked, an `Identity` gathers how confident the network is of
it, how like its first template it stays, and its colors; a candidate is then measured in standard
deviations from that. A logistic model turns the three deviations into the probability that the
candidate is the target. Its weights are fitted by `evaluation.calibrate_identity`.

    identity = learn(config, identity, look)         # on trusted frames of TRACKING, now and then
    p = probability(config, identity, look)          # of a candidate, or of a doubtful frame

Pure: no torch, no ROS, no image; everything is immutable and bounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from siamla_ros.configuration import bounded, check_fields, switch
from siamla_ros.identity.colors import Colors, color_likeness

# Better than usual must not make up for much that is worse, and one kind of evidence alone (colors
# under another light) must not decide: -6 did best on scenes held out of the fit, of -6 to -25.
LEAST_Z, MOST_Z = -6.0, 2.0
FORGETTING = 30  # looks after which a spread forgets as fast as it learns
VETO = -7.0  # log odds of a candidate in colors that the target has never shown
EXTREME = 1e-3  # confidences are cut here before their logit is taken


@dataclass(frozen=True)
class IdentityConfig:
    """The memory of a look and its model; every field is also a ROS parameter (docs/tuning.md)."""

    enabled: bool = switch(True, 'compare candidates and doubtful frames with the target so far')
    learn_frames: int = bounded(
        9, 1, 1000, 'trusted frames from one look that is remembered to the next'
    )
    learn_s: float = bounded(
        0.3, 0.0, 3600.0, 'or so many seconds, if they are over sooner: a slow camera'
    )
    views: int = bounded(8, 1, 64, 'color descriptions kept of a target')
    prior_looks: float = bounded(
        5.0, 0.0, 1000.0, "weight of the usual spreads below against the target's own, in looks"
    )
    ageing_s: float = bounded(
        4.0,
        0.1,
        3600.0,
        'seconds after LOST at which a look may deviate with twice the variance; no more later',
    )
    usual_confidence: float = bounded(
        3.822, -10.0, 10.0, 'logit of the confidence of targets that are tracked well'
    )
    confidence_spread: float = bounded(0.313, 0.01, 10.0, 'its standard deviation within a target')
    usual_likeness: float = bounded(
        0.801, 0.0, 1.0, 'template similarity of targets that are tracked well'
    )
    likeness_spread: float = bounded(0.0553, 0.001, 1.0, 'its standard deviation within a target')
    usual_color: float = bounded(
        0.975, 0.0, 1.0, 'color similarity of targets that are tracked well'
    )
    color_spread: float = bounded(0.017, 0.001, 1.0, 'its standard deviation within a target')
    confidence_weight: float = bounded(0.694, 0.0, 10.0, 'log odds a deviation of confidence')
    likeness_weight: float = bounded(0.380, 0.0, 10.0, 'log odds a deviation of similarity')
    color_weight: float = bounded(0.503, 0.0, 10.0, 'log odds a deviation of color')
    bias: float = bounded(5.38, -20.0, 20.0, 'log odds of a candidate that looks as usual')
    color_veto: float = bounded(
        5.0, 0.5, 100.0, 'deviation of color from which a search takes nobody back; above 6: never'
    )

    def __post_init__(self) -> None:
        check_fields(self)


class Look(NamedTuple):
    """What one box shows: confidence of the network, similarity to the target's first template,
    both in [0, 1], and colors (None where the box shows too little of the image).
    """

    confidence: float
    likeness: float
    colors: Colors | None


class Spread(NamedTuple):
    """Mean and variance of what has been seen; old values fade after `FORGETTING` of them."""

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def more(self, value: float) -> Spread:
        """One value more."""
        count = self.count + 1
        share = 1.0 / min(count, FORGETTING)
        step = value - self.mean
        mean = self.mean + share * step
        return Spread(count, mean, (1.0 - share) * (self.variance + share * step * step))

    def deviation(
        self, value: float, mean: float, spread: float, weight: float, growth: float = 1.0
    ) -> float:
        """How many standard deviations a value lies above what is usual for this target.

        mean, spread, weight: what is usual for targets at large, and for how many values it counts
        in the spread. The mean is the target's own as soon as it has one. growth: of the variance.
        """
        seen = min(self.count, FORGETTING)
        own = self.mean if seen else mean
        total = seen + weight
        variance = (seen * self.variance + weight * spread**2) / total if total else spread**2
        z = (value - own) / math.sqrt(max(growth * variance, 1e-8))
        return min(max(z, LEAST_Z), MOST_Z)


@dataclass(frozen=True)
class Identity:
    """What a target has looked like so far.

    views: its colors at different times, the first of them for ever. frames, seconds: since the
    last look. lost_s: seconds since LOST was declared; 0 while it is followed.
    """

    views: tuple[Colors, ...] = field(default=(), repr=False)
    confidence: Spread = Spread()
    likeness: Spread = Spread()
    color: Spread = Spread()
    frames: int = 0
    seconds: float = 0.0
    lost_s: float = 0.0


class Measured(NamedTuple):
    """A look against one target: logit of the confidence, similarity to the first template, and
    color similarity to the likest view (None where there is nothing to compare).
    """

    confidence: float
    likeness: float
    color: float | None


class Deviations(NamedTuple):
    """Of one look from what is usual for the target, in standard deviations."""

    confidence: float
    likeness: float
    color: float


def waited(identity: Identity, looked: bool, interval_s: float = 0.0) -> Identity:
    """A frame, `interval_s` after the one before, that is not trusted enough to learn from."""
    if looked:
        return replace(identity, frames=0, seconds=0.0)
    return replace(identity, frames=identity.frames + 1, seconds=identity.seconds + interval_s)


def passed(identity: Identity, confidence: float, interval_s: float = 0.0) -> Identity:
    """A trusted frame that was not looked at."""
    spread = identity.confidence.more(_logit(confidence))
    return replace(waited(identity, False, interval_s), confidence=spread)


def learn(config: IdentityConfig, identity: Identity, look: Look) -> Identity:
    """Remember a look at the target, from a frame that is trusted."""
    identity = waited(passed(identity, look.confidence), looked=True)
    color, views = identity.color, identity.views
    if look.colors is not None:
        likest = _likest(views, look.colors)
        color = color.more(likest[0]) if views else color
        views = _with_view(views, look.colors, likest[1], config.views)
    return replace(
        identity, views=views, color=color, likeness=identity.likeness.more(look.likeness)
    )


def begun(first: Colors | None) -> Identity:
    """The identity of a target of which only the first image is known."""
    return Identity(views=() if first is None else (first,))


def measured(identity: Identity, look: Look) -> Measured:
    """Compare a look with what is remembered."""
    color = None
    if look.colors is not None and identity.views:
        color = _likest(identity.views, look.colors)[0]
    return Measured(_logit(look.confidence), look.likeness, color)


def deviations(config: IdentityConfig, identity: Identity, seen: Measured) -> Deviations:
    """How far a look is from what is usual for the target; 0 where nothing can be said.

    While it is lost a target turns, and comes into another light: what it looked like just before
    says less and less of what it will look like.
    """
    usual = (config.prior_looks, 1.0 + min(identity.lost_s / config.ageing_s, 1.0))
    return Deviations(
        identity.confidence.deviation(
            seen.confidence, config.usual_confidence, config.confidence_spread, *usual
        ),
        identity.likeness.deviation(
            seen.likeness, config.usual_likeness, config.likeness_spread, *usual
        ),
        0.0
        if seen.color is None
        else identity.color.deviation(seen.color, config.usual_color, config.color_spread, *usual),
    )


def log_odds(config: IdentityConfig, identity: Identity, look: Look) -> float:
    """Evidence that a look shows the target: 0 is undecided."""
    return weighed(config, deviations(config, identity, measured(identity, look)))


def weighed(config: IdentityConfig, z: Deviations) -> float:
    """Log odds of deviations."""
    return (
        config.bias
        + config.confidence_weight * z.confidence
        + config.likeness_weight * z.likeness
        + config.color_weight * z.color
    )


def returning(config: IdentityConfig, identity: Identity, seen: Measured) -> float:
    """Log odds of somebody who is to be taken back without a detector or a person to confirm it.

    Colors that the target has never shown rule that out, whatever the rest says and however long
    it was lost: shape and confidence of two pedestrians hardly differ, and a wrong follower is
    worse than a call for help.
    """
    odds = weighed(config, deviations(config, identity, seen))
    when_lost = deviations(config, replace(identity, lost_s=0.0), seen)
    return min(odds, VETO) if when_lost.color <= -config.color_veto else odds


def return_probability(config: IdentityConfig, identity: Identity, look: Look) -> float:
    """That a look shows the target, for a search, [0, 1]."""
    return _sigmoid(returning(config, identity, measured(identity, look)))


def probability(config: IdentityConfig, identity: Identity, look: Look) -> float:
    """That a look shows the target, [0, 1]."""
    return _sigmoid(log_odds(config, identity, look))


def _sigmoid(odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(odds, -30.0), 30.0)))


def _likest(views: Sequence[Colors], colors: Colors) -> tuple[float, int]:
    """The greatest likeness to a view, and which; (0, -1) without views."""
    found = [(color_likeness(view, colors), index) for index, view in enumerate(views)]
    return max(found, default=(0.0, -1))


def _with_view(
    views: tuple[Colors, ...], colors: Colors, likest: int, most: int
) -> tuple[Colors, ...]:
    """With one more view; where there are enough, it replaces the one that it is likest to (or
    the second, as the first stays for ever).
    """
    if len(views) < most:
        return (*views, colors)
    if len(views) == 1:
        return views
    place = max(likest, 1)
    return (*views[:place], colors, *views[place + 1 :])


def _logit(confidence: float) -> float:
    value = min(max(confidence, EXTREME), 1.0 - EXTREME)
    return math.log(value / (1.0 - value))
