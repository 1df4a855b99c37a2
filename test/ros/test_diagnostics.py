"""What /diagnostics says, as a table of states."""

import math

import pytest

pytest.importorskip('diagnostic_msgs.msg', reason='needs ROS 2')

from builtin_interfaces.msg import Time

from siamla_ros.online.stats import Snapshot, Stats, percentiles
from siamla_ros.ros.diagnostics import Health, diagnostic_array
from siamla_ros.ros.qos import explain_incompatibility

GOOD = {
    'name': 'tracker',
    'lifecycle': 'active',
    'image_topic': '/image',
    'publishers': 1,
    'silent_s': 0.1,
    'received_hz': 30.0,
    'targets': {'TRACKING': 1},
}
OK, WARN, ERROR = b'\x00', b'\x01', b'\x02'


def far_from_the_clock():
    late = percentiles([1e9])
    return Snapshot({}, late, late)


@pytest.mark.parametrize(
    'changes, source, tracker, words',
    [
        ({}, OK, OK, ['30.0 images a second', '1 TRACKING']),
        ({'targets': {}}, OK, OK, ['publish a box']),
        ({'publishers': 0}, WARN, OK, ['nobody publishes /image']),
        ({'silent_s': math.inf}, WARN, OK, ['_DEFAULT_PROFILES_FILE']),
        ({'silent_s': math.inf, 'profile_set': True}, WARN, OK, ["publisher's process too"]),
        ({'silent_s': math.inf, 'transport_problem': 'no segment'}, WARN, OK, ['no segment']),
        ({'transport_problem': 'no segment'}, WARN, OK, ['30.0 images', 'no segment']),
        ({'silent_s': 9.0}, WARN, OK, ['no image on /image for 9.0 s']),
        (
            {'new_bad_images': 3, 'new_received': 30, 'last_bad': 'encoding nv21'},
            ERROR,
            OK,
            ['3 of 30 images could not be used: encoding nv21'],
        ),
        (
            {'new_bad_images': 9, 'new_received': 9, 'last_bad': 'encoding nv21'},
            ERROR,
            OK,
            ['9 images came, all bad: encoding nv21'],
        ),
        (
            {'publishers': 2, 'publisher_names': ('/front', '/rear')},
            WARN,
            OK,
            ['2 publishers on /image: /front, /rear'],
        ),
        (
            {'silent_s': 9.0, 'starved_s': 9.0, 'targets': {'UNCERTAIN': 1}},
            WARN,
            WARN,
            ['targets held without images for 9.0 s: 1 UNCERTAIN'],
        ),
        ({'source_qos_problems': ('one side is RELIABLE',)}, ERROR, OK, ['one side is RELIABLE']),
        (
            {'qos_problems': ('a subscriber on /tracker/debug_image',)},
            OK,
            WARN,
            ['30.0 images a second', '/tracker/debug_image'],
        ),
        (
            {'new_errors': 2, 'last_error': 'out of memory'},
            OK,
            ERROR,
            ['2 errors', 'out of memory'],
        ),
        ({'busy_s': 4.0}, OK, OK, ['1 TRACKING']),
        ({'busy_s': 20.0, 'new_errors': 2}, OK, ERROR, ['20 s: it hangs', 'restart the node']),
        ({'lifecycle': 'inactive'}, OK, WARN, ['inactive']),
        ({'lifecycle': 'unconfigured', 'failure': 'no weights'}, OK, ERROR, ['no weights']),
        ({'snapshot': far_from_the_clock()}, OK, WARN, ['use_sim_time']),
    ],
)
def test_level_and_words(changes, source, tracker, words):
    array = diagnostic_array(Time(sec=5), Health(**{**GOOD, **changes}))
    assert [status.level for status in array.status] == [source, tracker]
    text = ' '.join(status.message for status in array.status)
    assert all(word in text for word in words), text


def test_percentiles_and_counters():
    stats = Stats()
    for value in range(1, 101):
        stats.processed(value / 1000, value / 500)
    stats.count('dropped', 3)
    snapshot = stats.snapshot()
    assert snapshot.counts == {'processed': 100, 'dropped': 3}
    assert snapshot.stamp.p50_ms == pytest.approx(50.5)
    assert snapshot.arrival.p95_ms == pytest.approx(190.1)
    assert math.isnan(percentiles([]).p50_ms)


def test_an_unknown_policy_is_still_named():
    assert 'LIFESPAN' in explain_incompatibility('/image', 'LIFESPAN', 'publisher')
