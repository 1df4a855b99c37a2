"""From recorded looks to the numbers of `identity`, and to the thresholds that use it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from siamla_ros.calibration.episode_samples import Shot, Story
from siamla_ros.evaluation.confidence import auroc
from siamla_ros.evaluation.lost_metrics import FOUND_WITHIN, OFF_TARGET, ON_TARGET
from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import Box
from siamla_ros.identity import model as identity
from siamla_ros.identity.model import IdentityConfig
from siamla_ros.redetection.hypotheses import LOOKS, SAME_PLACE_IOU, log_odds
from siamla_ros.redetection.redetector import RecoveryConfig

RIDGE = 0.05  # pulls the weights of a regression to 0, so that separable records stay finite
ROUNDS = 60
ACCEPT = tuple(1.0 / (1.0 + math.exp(-odds / 4.0)) for odds in range(0, 28))  # tried
MOST_DOUBT = 0.5  # identity_threshold never exceeds this
MARGIN = 0.05  # of the finds is given for a stricter threshold: there are more look-alikes outside
NAMES = ('confidence', 'likeness', 'color')


@dataclass(frozen=True)
class Fit:
    """Values for the parameters, and what they did on the records."""

    identity: dict[str, float]
    accept_threshold: float
    identity_threshold: float
    report: tuple[str, ...]


@dataclass(frozen=True)
class Searched:
    """What a search that accepts at some threshold would have found in the episodes."""

    right: int
    wrong: int
    in_time: int
    episodes: int

    @property
    def wrong_share(self) -> float:
        """Wrong ones of all finds."""
        return self.wrong / max(self.right + self.wrong, 1)


def fit(stories: Sequence[Story], wrong_share: float, doubt_share: float) -> Fit:
    """Raises ValueError unless there are looks at the target and at something else."""
    config = replace(IdentityConfig(), **usual(stories))
    config = replace(config, **weights(config, stories))
    tried = {limit: search(config, stories, limit) for limit in ACCEPT}
    fewest = min(result.wrong_share for result in tried.values())
    allowed = [k for k, r in tried.items() if r.wrong_share <= max(wrong_share, fewest)]
    most = max(tried[limit].in_time for limit in allowed)
    accept = max(limit for limit in allowed if tried[limit].in_time >= (1.0 - MARGIN) * most)
    doubt, tracked = _doubt(config, stories, doubt_share)
    found = tried[accept]
    values = {name: getattr(config, name) for name in (*_usual_names(), *_weight_names())}
    report = (
        f'Chosen by siamla_ros.calibration.calibrate_identity on {len(stories)} episodes:',
        f'found in {FOUND_WITHIN} frames {found.in_time} of {found.episodes}, finds '
        f'{found.right} right, {found.wrong} wrong',
        *(
            f'at accept_threshold {limit:.3f}: found {r.in_time}, {r.right} right, {r.wrong} wrong'
            for limit, r in list(tried.items())[::3]
        ),
        f'AUC of the looks while searching {auc(config, stories):.3f}',
        f'looks at rightly tracked targets: {tracked}',
    )
    return Fit(values, accept, doubt, report)


def usual(stories: Sequence[Story]) -> dict[str, float]:
    """Means and spreads of what well-tracked targets show."""
    values: dict[str, float] = {}
    for name in NAMES:
        own = [getattr(story.known, name) for story in stories]
        own = [spread for spread in own if spread.count >= 2]
        if not own:
            raise ValueError(f'no episode has two looks at the {name} of its target before it goes')
        values[f'usual_{name}'] = float(np.mean([spread.mean for spread in own]))
        variance = float(np.mean([spread.variance for spread in own]))
        values[f'{name}_spread'] = max(math.sqrt(variance), 0.002)
    return values


def weights(config: IdentityConfig, stories: Sequence[Story]) -> dict[str, float]:
    """Logistic regression of the deviations; a weight that would be negative becomes 0.

    Of looks at followed boxes, on the target or still followed after it went: what a search finds
    is then judged by weights that have not seen it.
    """
    rows, right, weight = _both_kinds(config, stories, searching=False)
    kept = list(range(len(NAMES)))
    while True:
        theta = _logistic(rows[:, kept], right, weight)
        worst = int(np.argmin(theta[:-1])) if kept else 0
        if not kept or theta[worst] >= 0.0:
            break
        kept.pop(worst)
    values = dict.fromkeys(_weight_names(), 0.0)
    values.update({f'{NAMES[k]}_weight': float(t) for k, t in zip(kept, theta)})
    values['bias'] = float(theta[-1])
    return values


def search(config: IdentityConfig, stories: Sequence[Story], accept: float) -> Searched:
    """The first find of every episode, at that threshold."""
    right = wrong = in_time = 0
    for story in stories:
        found = _first_find(config, story, accept)
        if found is None:
            continue
        on_target = found.overlap >= OFF_TARGET
        right, wrong = right + on_target, wrong + (not on_target)
        in_time += found.overlap > ON_TARGET and found.frame - story.back < FOUND_WITHIN
    return Searched(right, wrong, in_time, len(stories))


def _first_find(config: IdentityConfig, story: Story, accept: float) -> Shot | None:
    """Judge the recorded looks as `recovery` does: the mean of the looks at one place."""
    shipped = RecoveryConfig()
    least, need = log_odds(accept), shipped.confirm_frames
    before: list[tuple[Shot, float, int, int]] = []  # look, mean of log odds, looks, proven frames
    frame, current = -1, before
    for shot in story.shots:
        if not shot.searching or shot.frame < story.gone:
            continue
        if shot.frame != frame:
            before, current = (current if shot.frame == frame + 1 else []), []
            frame = shot.frame
        odds = identity.returning(config, shot.known, shot.seen)
        known = [
            old
            for old in before
            if float(boxes.iou(old[0].box_xywh, shot.box_xywh)) >= SAME_PLACE_IOU
        ]
        _, mean, looks, proven = known[0] if known else (shot, 0.0, 0, 0)
        looks += 1
        mean += (odds - mean) / min(looks, LOOKS)
        asked = least + shipped.place_doubt * math.log1p(_sides(story.lost_xywh, shot.box_xywh))
        proven = proven + 1 if mean >= asked else 0
        current.append((shot, mean, looks, proven))
        if proven >= need:
            return shot
    return None


def _sides(lost_xywh: Box, box_xywh: Box) -> float:
    """Distance of the centers in sides of the first box."""
    (old_x, old_y), (x, y) = boxes.center(lost_xywh), boxes.center(box_xywh)
    return math.hypot(x - old_x, y - old_y) / math.sqrt(lost_xywh[2] * lost_xywh[3])


def auc(config: IdentityConfig, stories: Sequence[Story]) -> float:
    """Area under the ROC curve of the log odds of looks while searching; NaN without both kinds."""
    rows, right, _ = _both_kinds(config, stories, searching=True)
    score = np.array([identity.weighed(config, identity.Deviations(*row)) for row in rows])
    return auroc(score[right == 1], score[right == 0])


def _doubt(config: IdentityConfig, stories: Sequence[Story], share: float) -> tuple[float, str]:
    odds = np.array([
        _odds(config, shot)
        for story in stories for shot in story.shots
        if not shot.searching and shot.frame < story.gone and shot.overlap > ON_TARGET
    ])  # fmt: skip
    limit = 1.0 / (1.0 + math.exp(-float(np.quantile(odds, share)))) if len(odds) else 0.0
    return min(limit, MOST_DOUBT), f'{len(odds)}, {share:.1%} of them below {limit:.4f}'


def _odds(config: IdentityConfig, shot: Shot) -> float:
    return identity.weighed(config, identity.deviations(config, shot.known, shot.seen))


def _both_kinds(
    config: IdentityConfig, stories: Sequence[Story], searching: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`_looks`; raises ValueError unless some show the target and some something else."""
    rows, right, weight = _looks(config, stories, searching)
    if not 0 < right.sum() < len(right):
        where = 'of searches' if searching else 'of followed boxes'
        raise ValueError(
            f'records {where} hold {int(right.sum())} looks at the target and '
            f'{int((1 - right).sum())} at something else, must hold both'
        )
    return rows, right, weight


def _looks(
    config: IdentityConfig, stories: Sequence[Story], searching: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """N x 3 deviations of the looks of searches, or of those at followed boxes, N labels, N
    weights: every scene counts the same, however many episodes were made of it.
    """
    rows, right, weight = [], [], []
    episodes = Counter(_scene(story) for story in stories)
    for story in stories:
        looks = [
            shot
            for shot in story.shots
            if shot.searching == searching
            and (shot.overlap > ON_TARGET or shot.overlap < OFF_TARGET)
        ]
        rows += [identity.deviations(config, shot.known, shot.seen) for shot in looks]
        right += [shot.overlap > ON_TARGET for shot in looks]
        share = 1.0 / episodes[_scene(story)]
        weight += [share / max(len(looks), 1)] * len(looks)  # an episode may have none
    scale = len(weight) / max(sum(weight), 1e-9)
    return np.array(rows, float).reshape(-1, 3), np.array(right, float), np.array(weight) * scale


def _scene(story: Story) -> str:
    """Clips are edited several times, `scene/edit`; a synthetic video, `synthetic/number`, once."""
    head = story.name.partition('/')[0]
    return story.name if head == 'synthetic' else head


def _logistic(rows: np.ndarray, right: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weights and, last, the bias by Newton's method."""
    design = np.c_[rows, np.ones(len(rows))]
    theta = np.zeros(design.shape[1])
    ridge = np.diag([*[RIDGE * len(rows) / 100] * rows.shape[1], 1e-6])
    for _ in range(ROUNDS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(design @ theta, -30, 30)))
        slope = design.T @ (weight * (chance - right)) + ridge @ theta
        bend = (design * (weight * chance * (1 - chance))[:, None]).T @ design + ridge
        step = np.linalg.solve(bend, slope)
        theta = theta - step
        if np.abs(step).max() < 1e-8:
            break
    return theta


def _usual_names() -> list[str]:
    return [form for name in NAMES for form in (f'usual_{name}', f'{name}_spread')]


def _weight_names() -> list[str]:
    return [*(f'{name}_weight' for name in NAMES), 'bias']
