"""Figures of a recording: they do not grow with it."""

from siamla_ros.online.recording import LATENCIES, Summary


def test_latencies_of_a_day_take_no_more_memory_than_those_of_an_hour():
    summary = Summary()
    for number in range(LATENCIES + 500):
        summary.answer(1, 0.5 if number < 500 else 0.02)
    assert len(summary.latencies_s) == LATENCIES
    figures = summary.as_dict()
    assert figures['images_processed'] == LATENCIES + 500
    assert figures['latency_p99_ms'] == 20.0
