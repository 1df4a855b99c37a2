"""What became of a target that left and came back: figures from what the director noted. Pure."""

from dataclasses import dataclass, field

from film import Film, overlap

MISSING = ('LOST', 'SEARCHING')
RIGHT_IOU = 0.5  # a box is the target from here on
GENTLE_IOU = 0.3  # an answer that contains the target well enough to start from


@dataclass
class Record:
    """What went over the topics; images are numbered as in the film.

    Attributes:
        states: (image, state, reason) of the target's statuses.
        confirmed: (image, id, box) of detections.
        requests: (image on which it was lost, image shown last when the request came, attempt).
        answers: (image of the box, image shown last when it came, id, box).
        offered: (image, boxes) that the detector gave.
    """

    states: list[tuple[int, str, str]] = field(default_factory=list)
    confirmed: list[tuple[int, str, tuple]] = field(default_factory=list)
    requests: list[tuple[int, int, int]] = field(default_factory=list)
    answers: list[tuple[int, int, str, tuple]] = field(default_factory=list)
    offered: list[tuple[int, list[tuple]]] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """Counts are of images of the film; None: did not happen.

    Attributes:
        lost_after: From the first image without the target to LOST.
        requested_after: To the request's arrival.
        answered_after: From the target's return to the right answer's arrival.
        found_after: From the target's return to the first confirmed box on it, and `how`.
        offered_wrong: Boxes of the detector that were not the target while a request was open.
        taken_wrong: Answers with a box that is not the target.
        false_confirmations: Detections after LOST that are not on the target.
        before_lost: Detections between the target's leaving and LOST: on something else.
        followed: Share of the processed images from `found_after` on in which it was confirmed.
        processed: Share of the film from the init box on that the tracker had time for.
    """

    lost_after: int | None
    requested_after: int | None
    answered_after: int | None
    found_after: int | None
    how: str
    same_id: bool
    offered_wrong: int
    taken_wrong: int
    false_confirmations: int
    before_lost: int
    followed: float
    processed: float

    @property
    def success(self) -> bool:
        """Lost, asked for, found again under the same id, and nothing else confirmed."""
        return not self.failures()

    def failures(self) -> list[str]:
        """What did not happen, or should not have; empty where all went well."""
        checks = (
            (self.lost_after is None, 'the target left and was not declared LOST'),
            (self.requested_after is None, 'no new box was asked for'),
            (self.found_after is None, 'the target came back and was not found again'),
            (
                self.found_after is not None and not self.same_id,
                'the target was found again under another id',
            ),
            (
                self.taken_wrong > 0,
                f'{self.taken_wrong} answers gave a box that is not the target',
            ),
            (
                self.false_confirmations > 0,
                f'{self.false_confirmations} detections after LOST are not on the target',
            ),
        )
        return [words for failed, words in checks if failed]


def verdict_of(film: Film, record: Record, target_id: str) -> Verdict:
    """Sums the record up."""
    left, back = film.left_index, film.back_index
    lost = next(
        (image for image, state, _ in record.states if image >= left and state in MISSING), None
    )
    request = next((seen for image, seen, _ in record.requests if image >= left), None)
    answers = [
        (image, seen, is_target(film, image, box, GENTLE_IOU))
        for image, seen, _, box in record.answers
        if image >= left
    ]
    hits = [
        (image, name)
        for image, name, box in record.confirmed
        if image >= back and is_target(film, image, box, RIGHT_IOU)
    ]
    found = hits[0][0] if hits else None
    return Verdict(
        lost_after=_since(left, lost),
        requested_after=_since(left, request),
        answered_after=_since(back, next((seen for _, seen, right in answers if right), None)),
        found_after=_since(back, found),
        how=_reason_at(record, found),
        same_id=bool(hits) and {name for _, name in hits} == {target_id},
        offered_wrong=_wrong_offers(film, record, lost, found),
        taken_wrong=sum(not right for _, _, right in answers),
        false_confirmations=0
        if lost is None
        else sum(
            image > lost and not is_target(film, image, box, 0.1)
            for image, _, box in record.confirmed
        ),
        before_lost=sum(
            left <= image < (back if lost is None else lost) for image, _, _ in record.confirmed
        ),
        followed=_share(record, hits, found),
        processed=len({image for image, _, _ in record.states})
        / (len(film.images) - film.init_index),
    )


def is_target(film: Film, image: int, box: tuple, least: float) -> bool:
    """Whether a box is on the target in that image."""
    truth = film.truth_xywh[image]
    return truth is not None and overlap(truth, box) >= least


def _since(start: int, image: int | None) -> int | None:
    return None if image is None else image - start


def _reason_at(record: Record, found: int | None) -> str:
    """What brought it back: the latest start that was told up to that image, else an answer before
    it (its first status may come when the target has caught up, with another reason).
    """
    told = [
        reason
        for image, _, reason in record.states
        if found is not None and image <= found and reason in ('REINITIALIZED', 'REACQUIRED')
    ]
    if told:
        return told[-1]
    lost = [image for image, state, _ in record.states if state in MISSING]
    answered = found is not None and any(
        lost and lost[0] <= seen <= found for _, seen, _, _ in record.answers
    )
    return 'ANSWER' if answered else ''


def _wrong_offers(film: Film, record: Record, lost: int | None, found: int | None) -> int:
    if lost is None:
        return 0
    until = len(film.images) if found is None else found
    return sum(
        not is_target(film, image, box, GENTLE_IOU)
        for image, boxes in record.offered
        if lost <= image < until
        for box in boxes
    )


def _share(record: Record, hits: list[tuple[int, str]], found: int | None) -> float:
    processed = {image for image, _, _ in record.states if found is not None and image >= found}
    return len({image for image, _ in hits}) / len(processed) if processed else 0.0
