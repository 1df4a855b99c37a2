"""Scenes for the state machine: one letter a frame."""

from __future__ import annotations

from siamla_ros.supervision.supervisor import (
    Decision,
    EvidenceModel,
    Observation,
    Supervisor,
    SupervisorConfig,
)

IMAGE = (640, 480)
BOX = (300.0, 200.0, 40.0, 40.0)
CONFIG = SupervisorConfig(
    high_threshold=0.6,
    low_threshold=0.3,
    lost_s=0.12,
    uncertain_timeout_s=1.0,
    search_timeout_s=2.0,
)
MODEL = EvidenceModel(  # whatever is shipped
    confidence_weight=1.0,
    second_peak_weight=-2.0,
    similarity_weight=0.0,
    color_weight=0.0,
    bias=1.0,
    correlation_s=0.056,
    loss_rate=1.0,
    return_rate=0.3,
    confirmed_above=1.0,
    uncertain_below=0.0,
    lost_below=-1.0,
    implausible=-3.0,
)
SIGHTS = {  # what one letter of a scene stands for: confidence, second peak, box
    'g': (0.9, 0.1, BOX),
    'f': (0.45, 0.1, BOX),
    'r': (0.9, 0.88, BOX),  # a distractor elsewhere is nearly as strong
    'b': (0.1, 0.0, BOX),
    'd': (0.9, 0.8, (345.0, 200.0, 40.0, 40.0)),  # it moves by its own width, towards a distractor
    'm': (0.9, 0.1, (345.0, 200.0, 40.0, 40.0)),  # the same without a distractor
    'j': (0.9, 0.1, (10.0, 10.0, 40.0, 40.0)),  # a jump across the image
    's': (0.9, 0.1, (280.0, 180.0, 160.0, 160.0)),  # four times the size
    'o': (0.9, 0.1, (639.5, 200.0, 0.5, 40.0)),  # a sliver at the border
}


def observe(letter: str, stamp_s: float) -> Observation:
    confidence, second_peak, box = SIGHTS[letter]
    return Observation(stamp_s, confidence, second_peak, box, IMAGE)


def play(
    scene: str, config: SupervisorConfig = CONFIG, rate_hz: float = 30.0, search: bool = False
) -> list[Decision]:
    """Decisions on a scene of one letter a frame, after a start at time 0."""
    supervisor = Supervisor(config, search, MODEL)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    decisions = []
    for frame, letter in enumerate(scene, start=1):
        decisions.append(supervisor.step(memory, observe(letter, frame / rate_hz)))
        memory = decisions[-1].memory
    return decisions
