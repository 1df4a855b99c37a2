"""A large box whose content is new in each image is not confirmed, however high its confidence."""

import cv2
import numpy as np
import pytest
from support.ros_doubles import IdentityTracker

from siamla_ros.online.continuity import STEPS, Continuity, patch_of, resemblance
from siamla_ros.online.session import TrackingSession
from siamla_ros.supervision.evidence import MIN_CONTINUITY, Quality, Reason, assess
from siamla_ros.supervision.supervisor import Observation, State, Supervisor, SupervisorConfig

SIZE = (320, 240)
BOXES = [(20, 20, 280, 200), (2, 2, 160, 120), (2, 2, 100, 75)]


def blurred(seed, sigma=8.0, channels=3):
    noise = np.random.default_rng(seed).normal(0, 1, (240, 320, channels))
    noise = cv2.GaussianBlur(noise, (0, 0), sigma).reshape(240, 320, channels)
    values = np.clip(120 + 40 * noise / noise.std(), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(values, (240, 320, 3)))


def confirmed(box, images, rate_hz=30.0):
    """Of each image, with a tracker that finds the box again at 0.97 whatever it shows."""
    session = TrackingSession(IdentityTracker())
    session.start('nothing', box, images[0], 0.0)
    outputs = [session.step(image, n / rate_hz)[0] for n, image in enumerate(images[1:], 1)]
    return [output.confirmed for output in outputs], outputs


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('box', BOXES)
def test_noise_that_is_new_in_each_image_is_not_confirmed_and_not_found_again(box, channels):
    said, outputs = confirmed(box, [blurred(n, 8.0, channels) for n in range(24)])
    assert said == [True] * (STEPS - 1) + [False] * (23 - STEPS + 1)
    assert outputs[STEPS].reason is Reason.DISTRACTOR and outputs[-1].state is not State.TRACKING


@pytest.mark.parametrize('box', BOXES)
def test_what_stays_is_confirmed_though_it_moves_and_the_light_changes(box):
    whole = cv2.resize(blurred(1), (400, 300))
    images = []
    for n in range(24):
        light = 0.6 + 0.4 * np.sin(n / 3.0) ** 2
        x = n % 40
        images.append((whole[x : x + 240, 2 * x : 2 * x + 320] * light).astype(np.uint8)[:240])
    images = [cv2.resize(image, SIZE) for image in images]
    assert all(confirmed(box, images)[0])


def test_one_image_of_something_else_costs_nothing():
    images = [blurred(7)] * 20 + [blurred(8)] + [blurred(7)] * 20
    assert all(confirmed(BOXES[0], images)[0])


@pytest.mark.parametrize('box, rate_hz', [((130, 90, 60, 60), 30.0), (BOXES[0], 1.5)])
def test_small_boxes_and_slow_images_are_not_judged(box, rate_hz):
    images = [blurred(n) for n in range(12)]
    continuity = Continuity()
    assert {continuity.see(image, box, n / rate_hz) for n, image in enumerate(images)} == {None}


@pytest.mark.parametrize('pause', ['none came', 'times ran back', 'the box was small'])
def test_after_a_pause_what_was_seen_before_it_says_nothing(pause):
    continuity, stamp_s = Continuity(), 100.0
    for number in range(20):
        stamp_s += 1 / 30
        seen = continuity.see(blurred(number), BOXES[0], stamp_s)
        assert (seen is None) is (number < STEPS)
    stamp_s += {'none came': 0.6, 'times ran back': -5.0, 'the box was small': 0.0}[pause]
    for _ in range(60 if pause == 'the box was small' else 0):
        stamp_s += 1 / 30
        assert continuity.see(blurred(0), (130, 90, 60, 60), stamp_s) is None
    for number in range(20, 30):
        stamp_s += 1 / 30
        seen = continuity.see(blurred(number), BOXES[0], stamp_s)
        assert (seen is None) is (number < 20 + STEPS)


def test_a_patch_knows_neither_light_nor_size_and_one_color_has_none():
    image = blurred(3)
    patch, large = (
        patch_of(image, BOXES[0]),
        patch_of(cv2.resize(image, (1280, 960)), (80, 80, 1120, 800)),
    )
    assert resemblance(patch, patch) == pytest.approx(1.0, abs=1e-5)
    assert resemblance(patch, large) > 0.98
    assert resemblance(patch, patch_of(image // 2 + 20, BOXES[0])) > 0.98
    assert resemblance(patch, patch_of(blurred(4), BOXES[0])) < MIN_CONTINUITY
    assert patch_of(np.full((240, 320, 3), 90, np.uint8), BOXES[0]) is None
    assert patch_of(image, (-50, -50, 51, 51)) is None and patch_of(image, (900, 0, 9, 9)) is None


@pytest.mark.parametrize(
    'continuity, quality', [(0.0, Quality.BAD), (None, Quality.GOOD), (0.5, Quality.GOOD)]
)
def test_a_frame_without_continuity_is_bad(continuity, quality):
    memory = Supervisor().start(0.0, BOXES[0], SIZE).memory
    seen = Observation(0.1, 0.97, 0.0, BOXES[0], SIZE, continuity=continuity)
    assert assess(SupervisorConfig(), memory, seen).quality is quality
    with pytest.raises(ValueError, match=r'continuity is 1.5, must lie in \[0, 1\]'):
        Observation(0.1, 0.97, 0.0, BOXES[0], SIZE, continuity=1.5)
