"""Bearing and range against ground truth, method by method, through a distorted camera."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from siamla_ros.navigation.camera_model import CameraError, camera_model
from siamla_ros.navigation.projection import bearing, elevation, locate
from siamla_ros.navigation.ranging import (
    BORDER_PX,
    METHODS,
    OF_METHODS,
    RangeConfig,
    RangeError,
)

WIDTH, HEIGHT, FOCAL = 640, 480, 500.0
K = [FOCAL, 0.0, 319.5, 0.0, FOCAL, 239.5, 0.0, 0.0, 1.0]
P = [450.0, 0.0, 310.0, 0.0, 0.0, 450.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0]
DISTORTIONS = {
    'none': ('plumb_bob', [0.0] * 5),
    'plumb_bob': ('plumb_bob', [-0.28, 0.09, 0.001, -0.0005, 0.0]),
    'rational': ('rational_polynomial', [0.3, -0.1, 0.0, 0.0, 0.01, 0.6, -0.05, 0.02]),
    'fisheye': ('equidistant', [-0.02, 0.005, -0.002, 0.0]),
}
HEIGHT_M, WIDTH_M, CAMERA_M, TILT = 1.2, 0.5, 0.8, 0.1


def camera(name='none'):
    model, d = DISTORTIONS[name]
    return camera_model(WIDTH, HEIGHT, model, d, K, P)


def box_of_target(model, bearing_rad, distance_m, tilt=0.0):
    """The box of an upright plate on the ground, square to the optical axis when tilt is 0, and the
    point of the optical frame at its center.
    """
    ahead, right = distance_m * math.cos(bearing_rad), -distance_m * math.sin(bearing_rad)
    corners = []
    for side in (-0.5, 0.0, 0.5):
        for up in (0.0, 0.5, 1.0):
            x, down = right + side * WIDTH_M, CAMERA_M - up * HEIGHT_M
            y = down * math.cos(tilt) - ahead * math.sin(tilt)
            z = down * math.sin(tilt) + ahead * math.cos(tilt)
            corners.append((x, y, z))
    points = np.array(corners)
    pixels = model.project(points[:, :2] / points[:, 2:])
    top, foot = pixels[3:6].min(axis=0)[1], pixels[3:6].max(axis=0)[1]
    left, right_px = pixels[[1, 7], 0]
    return (left, top, right_px - left, foot - top), points[4]


def config(method, **values):
    values = {'max_depth_m': 50.0, **values}
    return RangeConfig(
        method=method,
        target_height_m=HEIGHT_M,
        target_width_m=WIDTH_M,
        camera_height_m=CAMERA_M,
        **values,
    )


@pytest.mark.parametrize('name', DISTORTIONS)
@settings(max_examples=60, deadline=None)
@given(u=st.floats(0, WIDTH), v=st.floats(0, HEIGHT))
def test_rays_invert_the_projection(name, u, v):
    model = camera(name)
    np.testing.assert_allclose(model.project(model.rays([(u, v)])), [(u, v)], atol=0.01)


@pytest.mark.parametrize('name', DISTORTIONS)
@pytest.mark.parametrize('method', ['height', 'width', 'ground', 'depth'])
@settings(max_examples=40, deadline=None)
@given(angle=st.floats(-0.42, 0.42), distance=st.floats(2.0, 8.0))
def test_bearing_and_range_agree_with_the_truth(name, method, angle, distance):
    model = camera(name)
    box, _ = box_of_target(model, angle, distance)
    depth = np.full((HEIGHT, WIDTH), distance * math.cos(angle)) if method == 'depth' else None
    found = locate(model, box, 1.0, config(method), depth)
    # the middle of a distorted box is not the image of the middle of the target
    assert found.bearing_rad == pytest.approx(angle, abs=0.001 if name == 'none' else 0.01)
    assert found.range_m == pytest.approx(distance, rel=1e-6 if name == 'none' else 0.04)


@settings(max_examples=60, deadline=None)
@given(angle=st.floats(-0.4, 0.4), distance=st.floats(2.0, 10.0), tilt=st.floats(-0.05, 0.15))
@example(0.375, 2.0, -0.046875)
def test_the_ground_plane_accounts_for_the_tilt(angle, distance, tilt):
    model = camera()
    box, _ = box_of_target(model, angle, distance, tilt)
    assume(box[1] + box[3] < model.height - BORDER_PX)  # else its foot is not in the image
    found = locate(model, box, 1.0, config('ground', camera_tilt_rad=tilt))
    x, y, z = found.xyz_m
    ahead = z * math.cos(tilt) - y * math.sin(tilt)
    assert ahead == pytest.approx(distance * math.cos(angle), rel=0.02)
    assert x == pytest.approx(-distance * math.sin(angle), abs=0.02 * distance)


def test_signs_are_those_of_rep_103():
    right_and_below = (1.0, 1.0, 2.0)
    assert bearing(right_and_below) == pytest.approx(-math.atan(0.5))
    assert elevation(right_and_below) < 0.0


def test_a_larger_doubt_makes_a_larger_covariance_along_and_across_the_ray():
    model = camera()
    box, _ = box_of_target(model, 0.2, 4.0)
    sure, unsure = (locate(model, box, score, config('height')) for score in (1.0, 0.25))
    for found in (sure, unsure):
        np.testing.assert_allclose(found.covariance, found.covariance.T)
        assert np.linalg.eigvalsh(found.covariance).min() >= -1e-12
    along = np.array(sure.xyz_m) / np.linalg.norm(sure.xyz_m)
    assert along @ sure.covariance @ along < along @ unsure.covariance @ along
    assert np.trace(unsure.covariance) > np.trace(sure.covariance)


@pytest.mark.parametrize('method', ['height', 'width', 'ground'])
def test_errors_are_as_large_as_the_covariance_says(method):
    """Boxes with noise of box_tolerance: the normalized error along the ray has unit variance."""
    model, rng = camera(), np.random.default_rng(4)
    settings_of = config(method, size_tolerance=0.0, tilt_tolerance_rad=0.0)
    (x, y, w, h), truth = box_of_target(model, 0.1, 5.0)
    errors = []
    for _ in range(400):
        noise = rng.normal(0.0, settings_of.box_tolerance, 4) * (w, h, w, h)
        left, top, right, bottom = np.array([x, y, x + w, y + h]) + noise
        found = locate(model, (left, top, right - left, bottom - top), 1.0, settings_of)
        along = truth / np.linalg.norm(truth)
        sigma = math.sqrt(along @ found.covariance @ along)
        errors.append((along @ (np.array(found.xyz_m) - truth)) / sigma)
    assert 0.7 < np.std(errors) < 1.3


def person_depth(distance=3.0, background=6.0):
    """A person of 1 m2 of pixels before a wall: box and depth image."""
    depth = np.full((HEIGHT, WIDTH), background)
    depth[100:400, 250:350] = distance
    return (250.0, 100.0, 100.0, 300.0), depth


@settings(max_examples=60, deadline=None)
@given(
    holes=st.floats(0.0, 0.5),
    behind=st.floats(0.0, 0.3),
    hole=st.sampled_from([0.0, math.nan, math.inf, -1.0]),
    seed=st.integers(0, 99),
)
def test_holes_and_background_do_not_move_the_depth(holes, behind, hole, seed):
    rng = np.random.default_rng(seed)
    box, depth = person_depth()
    depth[100:400, 250:350][rng.random((300, 100)) < behind] = 6.0
    depth[rng.random(depth.shape) < holes] = hole
    found = locate(camera(), box, 0.9, config('depth'), depth)
    assert found.xyz_m[2] == pytest.approx(3.0)


def test_a_bar_before_the_target_is_not_the_target():
    box, depth = person_depth()
    depth[:, 290:300] = 1.0
    assert locate(camera(), box, 0.9, config('depth'), depth).xyz_m[2] == pytest.approx(3.0)


def test_a_surface_that_slopes_is_not_cut():
    box, depth = person_depth()
    depth[100:400, 250:350] = np.linspace(2.5, 3.5, 300)[:, None]
    assert locate(camera(), box, 0.9, config('depth'), depth).xyz_m[2] == pytest.approx(
        3.0, abs=0.1
    )


def empty_depth():
    return np.zeros((HEIGHT, WIDTH))


@pytest.mark.parametrize(
    ('method', 'box', 'depth', 'message'),
    [
        ('depth', (250, 100, 100, 300), empty_depth(), '0 of .* depth pixels of the inner box'),
        ('depth', (250, 100, 100, 300), None, 'no depth image'),
        ('depth', (250, 100, 100, 300), np.ones((240, 320)), '320 x 240 px, must be 640 x 480'),
        ('depth', (900, 100, 100, 300), np.ones((HEIGHT, WIDTH)), 'outside of the depth image'),
        ('height', (250, 0, 100, 300), None, 'reaches the image border'),
        ('height', (250, 200, 100, 280), None, 'reaches the image border'),
        ('width', (0, 100, 100, 300), None, 'reaches the image border'),
        ('ground', (250, 200, 100, 280), None, 'reaches the lower image border'),
        ('ground', (250, 50, 100, 100), None, 'below the horizon'),
        ('height', (250, 239, 3, 3), None, 'the range is'),
        ('height', (math.nan, 0, 10, 10), None, 'must be finite'),
        ('height', (10, 10, 0, 10), None, 'must be above 0'),
    ],
)
def test_what_has_no_range_is_refused_with_the_reason(method, box, depth, message):
    with pytest.raises(RangeError, match=message):
        locate(camera(), box, 0.9, config(method), depth)


def test_the_confidence_is_checked():
    with pytest.raises(RangeError, match=r'score is 1\.5, must lie in \[0, 1\]'):
        locate(camera(), (250, 100, 100, 300), 1.5, config('height'))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'k': [0.0] * 9}, 'not calibrated'),
        ({'k': [math.nan] * 9}, '9 finite numbers'),
        ({'width': 0}, 'must be at least 1'),
        ({'d': [0.1] * 3}, 'd has 3 values, must have 0 or 4 or 5'),
        ({'distortion_model': 'thin_prism'}, "distortion_model is 'thin_prism'"),
        ({'rectified': True, 'p': [0.0] * 12}, r'camera_info\.p has fx = 0'),
    ],
)
def test_a_bad_calibration_names_field_and_limit(change, message):
    fields = {'width': WIDTH, 'height': HEIGHT, 'distortion_model': 'plumb_bob', 'd': [0.0] * 5}
    with pytest.raises(CameraError, match=message):
        camera_model(**{**fields, 'k': K, 'p': P, **change})


def test_a_distortion_that_cannot_be_inverted_is_refused():
    folded = camera_model(WIDTH, HEIGHT, 'plumb_bob', [-2.5, 0.0, 0.0, 0.0, 0.0], K, P)
    with pytest.raises(CameraError, match='cannot be inverted'):
        folded.rays([(0.0, 0.0)])


def test_binning_and_region_of_interest_move_the_calibration():
    full = camera()
    half = camera_model(WIDTH, HEIGHT, 'plumb_bob', [], K, P, binning=(2, 2), roi_offset=(100, 60))
    (expected,) = full.rays([(300.0, 200.0)])
    (found,) = half.rays([((300.0 - 100.0) / 2.0, (200.0 - 60.0) / 2.0)])
    np.testing.assert_allclose(found, expected)


def test_a_rectified_image_takes_p_and_no_distortion():
    model, d = DISTORTIONS['plumb_bob']
    rectified = camera_model(WIDTH, HEIGHT, model, d, K, P, rectified=True)
    (ray,) = rectified.rays([(310.5 + 45.0, 230.5)])
    np.testing.assert_allclose(ray, (0.1, 0.0), atol=1e-12)


@pytest.mark.parametrize('method', METHODS)
def test_a_parameter_of_another_method_that_was_changed_is_named(method):
    """A file that holds all of them with their defaults is no mistake."""
    assert RangeConfig(method=method).idle == []
    named = RangeConfig(method=method, target_height_m=1.2, depth_gap=0.5, max_depth_m=9.0).idle
    words = {
        'height': f'target_height_m = 1.2 has no effect with method = {method}, only with height',
        'depth': f'depth_gap = 0.5 has no effect with method = {method}, only with depth',
    }
    assert named == [text for owner, text in words.items() if owner != method]


CHANGED = {
    'target_height_m': 1.0, 'target_width_m': 0.4, 'size_tolerance': 0.2, 'camera_height_m': 1.3,
    'camera_tilt_rad': 0.05, 'tilt_tolerance_rad': 0.1, 'inner_box': 0.9, 'min_valid_share': 1.0,
    'depth_gap': 0.001,
}  # fmt: skip


@pytest.mark.parametrize('name', OF_METHODS)
def test_a_parameter_changes_the_position_by_its_own_methods_alone(name):
    model = camera()
    box, _ = box_of_target(model, 0.0, 4.0)
    depth = np.full((HEIGHT, WIDTH), 4.0) + 1e-3 * np.arange(HEIGHT)[:, None]
    depth[:, :310] += 0.3  # another surface, within depth_gap
    depth[:230] += 0.2
    depth[230:235] = np.nan

    def found(settings_of):
        try:
            position = locate(model, box, 1.0, settings_of, depth)
        except RangeError as error:
            return str(error)
        return position.xyz_m, position.covariance.tolist()

    for method in METHODS:
        plain = config(method)
        same = found(plain) == found(replace(plain, **{name: CHANGED[name]}))
        assert same is (method not in OF_METHODS[name]), method


def test_limits_of_the_configuration():
    with pytest.raises(ValueError, match='min_depth_m is 20, must be below max_depth_m = 15'):
        RangeConfig(min_depth_m=20.0)
    with pytest.raises(ValueError, match=r'target_height_m is 0\.0, must lie in'):
        replace(RangeConfig(), target_height_m=0.0)
